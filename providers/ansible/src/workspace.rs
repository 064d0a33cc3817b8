//! The private folders that Ansible is run in.
//!
//! Captured files are laid out once for each content, so that `playbook_dir` and what templates make of it stay the same from
//! plan to apply. Beside them each run has a folder of its own for what may be secret. Whoever is the last to leave removes
//! all of it, and with it what a run that was killed left behind: a lock says who is still there.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use deployctl_sdk::{CapturedFile, ErrorKind, Files, Place, ProviderError, ResourceId, capture, fs, program};
use tokio_util::sync::CancellationToken;

use crate::capture::{digest, normal};

/// How many folders above the configuration's own a captured path may reach.
const ABOVE: usize = 8;

/// What the folders above are called in the copy.
const UP: &str = "up";

/// The file whose lock says who is still there.
const LOCK: &str = "lock";

/// What the names of private folders end in.
const PRIVATE: &str = "private";

/// How long a playbook that a killed run left at work is waited for before that is said.
const PATIENCE: Duration = Duration::from_secs(60);

/// A copy of what was captured, and a private folder beside it. Both are gone when it is dropped.
pub(crate) struct Workspace {
    /// What all runs of this environment share.
    shared: PathBuf,
    copy: PathBuf,
    private: PathBuf,
    lock: File,
}

impl Workspace {
    /// Lays out captured files.
    ///
    /// # Errors
    /// When a content is missing or cannot be written, or a playbook that a killed run began goes on for long.
    pub(crate) async fn of(
        place: &Place,
        captured: &[CapturedFile],
        files: &dyn Files,
        cancel: &CancellationToken,
    ) -> Result<Self, ProviderError> {
        let mut workspace = Self::enter(place, cancel).await?;
        let copy = workspace.shared.join(digest(captured));
        if !copy.is_dir() {
            // Another run may lay out the same: whole under another name first, and the first one counts.
            let new = workspace.shared.join(format!("{}.new", ResourceId::random()));
            capture::lay_out(files, captured, &new, placed)?;
            if fs::rename(&new, &copy).is_err() {
                fs::remove_dir_all(&new)?;
            }
        }
        workspace.copy = copy;
        Ok(workspace)
    }

    /// Uses a copy that was kept for the day of its destruction.
    ///
    /// # Errors
    /// When there is none, or a private folder cannot be made.
    pub(crate) async fn of_kept(
        place: &Place,
        id: ResourceId,
        cancel: &CancellationToken,
    ) -> Result<Option<Self>, ProviderError> {
        let copy = kept(place, id);
        if !copy.is_dir() {
            return Ok(None);
        }
        let mut workspace = Self::enter(place, cancel).await?;
        workspace.copy = copy;
        Ok(Some(workspace))
    }

    async fn enter(place: &Place, cancel: &CancellationToken) -> Result<Self, ProviderError> {
        let shared = base(place).join("runs");
        let lock = loop {
            fs::create_private_dir_all(&shared)?;
            let lock = lock(&base(place))?;
            lock.lock_shared().map_err(|error| refused(&error.to_string()))?;
            // Whoever left last may have removed it all before the lock was ours.
            if is_linked(&lock) && shared.is_dir() {
                break lock;
            }
        };
        tokio::select! {
            settled = at_rest(&shared) => settled?,
            () = cancel.cancelled() => return Err(ProviderError::new(ErrorKind::Cancelled, "it was cancelled")),
        }
        let private = shared.join(format!("{}.{PRIVATE}", ResourceId::random()));
        fs::create_private_dir_all(&private)?;
        Ok(Self { copy: shared.clone(), shared, private, lock })
    }

    /// Where a path of the configuration lies in the copy; where it is, when it is not in the copy.
    pub(crate) fn at(&self, path: &str, root: &Path) -> PathBuf {
        let inside = placed(path).map(|placed| self.copy.join(placed)).filter(|path| path.exists());
        inside.unwrap_or_else(|| root.join(path))
    }

    /// What was written into the copy, relative to the configuration's folder: it would be lost with it.
    pub(crate) fn written(&self, captured: &[CapturedFile]) -> Vec<String> {
        let known: BTreeSet<PathBuf> =
            captured.iter().filter_map(|file| placed(&file.path)).map(|placed| self.copy.join(placed)).collect();
        let mut found = Vec::new();
        let mut folders = vec![self.copy.clone()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(&folder).unwrap_or_default() {
                // Python and Ansible keep things of their own beside what they read.
                let own = path.file_name().is_some_and(|name| {
                    let name = name.to_string_lossy();
                    name == "__pycache__" || name.starts_with('.')
                });
                if path.is_dir() && !own {
                    folders.push(path);
                } else if !own && !known.contains(&path) {
                    found.push(self.in_the_words_of_the_checkout(&path.to_string_lossy()));
                }
            }
        }
        found.sort();
        found
    }

    /// Writes a private file, and answers where it is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, ProviderError> {
        let path = self.private.join(name);
        if let Some(folder) = path.parent() {
            fs::create_private_dir_all(folder)?;
        }
        // A second run in the same workspace writes it again.
        fs::remove_file(&path)?;
        fs::write_unsynced(&path, bytes, 0o600)?;
        Ok(path)
    }

    /// The folder for the outputs of a playbook that is to come to its end whatever happens to us.
    pub(crate) fn outlet(&self) -> &Path {
        &self.private
    }

    /// A text of Ansible's with our paths as the configuration has them.
    pub(crate) fn in_the_words_of_the_checkout(&self, text: &str) -> String {
        let root = (0..ABOVE).fold(self.copy.clone(), |path, _| path.join(UP));
        let text = text.replace(&format!("{}/", root.display()), "");
        let text = text.replace(&format!("{}/", self.copy.join("absolute").display()), "/");
        text.replace(&format!("{}/", self.private.display()), "")
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // Best effort: what stays is removed by the next run that is the last to leave.
        let _ = fs::remove_dir_all(&self.private);
        let _ = self.lock.unlock();
        if matches!(self.lock.try_lock(), Ok(())) && is_linked(&self.lock) {
            let _ = fs::remove_dir_all(&self.shared);
            if let Some(base) = self.shared.parent() {
                let _ = fs::remove_file(&base.join(LOCK));
                // Only if nothing is kept there.
                let _ = std::fs::remove_dir(base);
            }
        }
    }
}

/// Waits until no playbook runs any more that a killed run began: two that change the same hosts would get into each other's
/// way.
async fn at_rest(shared: &Path) -> Result<(), ProviderError> {
    let folders = fs::read_dir(shared)?;
    for folder in folders.iter().filter(|path| path.extension().is_some_and(|extension| extension == PRIVATE)) {
        if !program::wait_for_orphans(folder, PATIENCE).await {
            let message = "a playbook that an earlier run began goes on, although that run was killed";
            let hint = format!("wait for it, or end it: `fuser {}/*.stdout` names its processes", folder.display());
            return Err(ProviderError::new(ErrorKind::Transient, message).with_hint(hint));
        }
    }
    Ok(())
}

/// Keeps a copy of what was captured for the playbook that undoes it.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn keep(
    place: &Place,
    id: ResourceId,
    captured: &[CapturedFile],
    files: &dyn Files,
) -> Result<(), ProviderError> {
    let (kept, new) = (kept(place, id), kept(place, ResourceId::random()));
    capture::lay_out(files, captured, &new, placed)?;
    fs::remove_dir_all(&kept)?;
    fs::rename(&new, &kept).map_err(ProviderError::from)
}

/// Removes the kept copy.
///
/// # Errors
/// When it cannot be removed.
pub(crate) fn let_go(place: &Place, id: ResourceId) -> Result<(), ProviderError> {
    fs::remove_dir_all(&kept(place, id)).map_err(ProviderError::from)
}

/// Removes what a killed run kept for a playbook that will be run under another identity; nothing while anybody works here.
///
/// # Errors
/// When it cannot be removed.
pub(crate) fn forget_lost(place: &Place, id: ResourceId) -> Result<(), ProviderError> {
    if !kept(place, id).is_dir() {
        return Ok(());
    }
    let lock = lock(&base(place))?;
    if matches!(lock.try_lock(), Ok(())) {
        let_go(place, id)?;
        fs::remove_file(&base(place).join(LOCK))?;
    }
    Ok(())
}

fn base(place: &Place) -> PathBuf {
    place.data.join("ansible")
}

fn kept(place: &Place, id: ResourceId) -> PathBuf {
    base(place).join("kept").join(id.to_string())
}

fn lock(folder: &Path) -> Result<File, ProviderError> {
    let path = folder.join(LOCK);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    opened.map_err(|error| refused(&format!("cannot open {}: {error}", path.display())))
}

/// Whether the lock is still the one that others find.
fn is_linked(lock: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        lock.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
    }
    #[cfg(not(unix))]
    {
        let _ = lock;
        true
    }
}

/// Where a captured path goes in a copy, so that paths relative to each other stay so.
fn placed(path: &str) -> Option<PathBuf> {
    let path = normal(Path::new(path));
    if path.is_absolute() {
        let below = path.components().filter(|part| matches!(part, Component::Normal(_)));
        return Some(Path::new("absolute").join(below.collect::<PathBuf>()));
    }
    let above = path.components().take_while(|part| matches!(part, Component::ParentDir)).count();
    let depth = ABOVE.checked_sub(above)?;
    let below: PathBuf = path.components().skip(above).collect();
    Some((0..depth).map(|_| UP).collect::<PathBuf>().join(below))
}

fn refused(message: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Refused, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_where_they_are_to_each_other() {
        let up = |count: usize| (0..count).map(|_| UP).collect::<PathBuf>();
        assert_eq!(placed("./site.yml"), Some(up(ABOVE).join("site.yml")));
        assert_eq!(placed("../roles/x"), Some(up(ABOVE - 1).join("roles/x")));
        assert_eq!(placed("/etc/hosts"), Some(PathBuf::from("absolute/etc/hosts")));
        assert_eq!(placed(&"../".repeat(ABOVE + 1)), None);
    }
}
