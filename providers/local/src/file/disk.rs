//! The file itself: looking at it, putting it in place, taking it away.

use std::io;
use std::path::{Path, PathBuf};

use deployctl_sdk::ResourceId;
use deployctl_sdk::fs::{self, FsError, FsResult, at};

/// What is at a path.
pub(crate) enum Seen {
    /// Nothing.
    Nothing,
    /// A file.
    File {
        /// What it holds.
        bytes: Vec<u8>,
        /// Its mode; `None` on systems that have none.
        mode: Option<u32>,
    },
    /// Something else, in words.
    Other(&'static str),
}

/// Looks at a path. A symbolic link is something else: what it leads to is not ours.
pub(crate) fn look(path: &Path) -> FsResult<Seen> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.kind() == io::ErrorKind::NotADirectory => {
            return Ok(Seen::Nothing);
        }
        Err(source) => return Err(FsError { action: "look at", path: path.to_owned(), source }),
    };
    if metadata.is_symlink() {
        return Ok(Seen::Other("a symbolic link"));
    }
    if metadata.is_dir() {
        return Ok(Seen::Other("a folder"));
    }
    if !metadata.is_file() {
        return Ok(Seen::Other("not a file"));
    }
    match fs::read_if_there(path)? {
        Some(bytes) => Ok(Seen::File { bytes, mode: mode_of(&metadata) }),
        None => Ok(Seen::Nothing),
    }
}

/// Whether anything at all is at a path.
pub(crate) fn is_taken(path: &Path) -> FsResult<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FsError { action: "look at", path: path.to_owned(), source }),
    }
}

/// Where a file is written before it is put in place. The name tells whose it is, so that what a crash leaves of it is
/// found and removed by the next run.
pub(crate) fn temporary(path: &Path, id: ResourceId) -> PathBuf {
    folder_of(path).join(format!(".deployctl-{id}"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Puts a file in place whole or not at all. With `new` it never replaces what is there: `AlreadyExists` is the answer.
pub(crate) fn put(path: &Path, id: ResourceId, bytes: &[u8], mode: u32, new: bool) -> FsResult<()> {
    let folder = folder_of(path);
    let temporary = temporary(path, id);
    // Owner-only until all is in it; the mode is set by itself because the process's umask must not weaken it.
    let put = fs::remove_file(&temporary)
        .and_then(|()| fs::write_new(&temporary, bytes, 0o600))
        .and_then(|()| set_mode(&temporary, mode))
        .and_then(|()| if new { link(&temporary, path) } else { fs::rename(&temporary, path) });
    if put.is_err() || new {
        let _ = fs::remove_file(&temporary);
    }
    put?;
    fs::sync_dir(folder)
}

/// A second name for a file, which, other than renaming, never replaces anything.
fn link(from: &Path, to: &Path) -> FsResult<()> {
    match std::fs::hard_link(from, to) {
        // A file system without links: the check made before must do.
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            fs::rename(from, to)
        }
        result => at("make", to, result),
    }
}

/// Makes the folders above a path that are not there, and answers which, outermost first.
pub(crate) fn make_folders(path: &Path) -> FsResult<Vec<PathBuf>> {
    let missing: Vec<PathBuf> = missing_folders(path);
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    Ok(missing)
}

/// The folders above a path that are not there, outermost first.
pub(crate) fn missing_folders(path: &Path) -> Vec<PathBuf> {
    let parents = path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
    let mut missing: Vec<PathBuf> = parents.take_while(|parent| !parent.exists()).map(Path::to_owned).collect();
    missing.reverse();
    missing
}

/// Removes folders that are empty, innermost first, up to the first that is not.
pub(crate) fn remove_empty_folders(outermost_first: &[PathBuf]) {
    for folder in outermost_first.iter().rev() {
        if std::fs::remove_dir(folder).is_err() && folder.exists() {
            return;
        }
    }
}

#[cfg(unix)]
fn mode_of(metadata: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(metadata.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode_of(_: &std::fs::Metadata) -> Option<u32> {
    None
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> FsResult<()> {
    use std::os::unix::fs::PermissionsExt as _;
    at("set the mode of", path, std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> FsResult<()> {
    Ok(())
}
