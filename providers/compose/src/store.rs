//! The files that containers mount, kept beside the state under their content.
//!
//! A container goes on reading the file that it was given, so a file is never changed here: other content is another file.
//! The path of a file depends on its content alone, which is how Compose sees that a service must be made anew.

use std::path::{Path, PathBuf};

use deployctl_sdk::{CapturedFile, Digest, Files, Ownership, Place, ProviderError, fs};

/// The provider's folder beside the state.
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store of an environment.
    pub(crate) fn of(place: &Place) -> Self {
        Self { folder: place.data.join("compose") }
    }

    /// Where a captured file is mounted from.
    pub(crate) fn path(&self, file: &CapturedFile) -> PathBuf {
        let name = file.path.rsplit('/').next().unwrap_or("file");
        self.folder.join("files").join(file.digest.to_string()).join(name)
    }

    /// The digest in the path of a file of this store.
    pub(crate) fn digest_of(&self, path: &str) -> Option<Digest> {
        let inside = Path::new(path).strip_prefix(self.folder.join("files")).ok()?;
        inside.components().next()?.as_os_str().to_str()?.parse().ok()
    }

    /// Puts files where they are mounted from. One that is there stays as it is: containers may have written to it.
    ///
    /// # Errors
    /// When a content is missing, or cannot be written.
    pub(crate) fn put(&self, wanted: &[CapturedFile], files: &dyn Files) -> Result<(), ProviderError> {
        for file in wanted {
            let path = self.path(file);
            if path.exists() {
                continue;
            }
            let content = files.content(&file.digest).map_err(|error| deployctl_sdk::capture::unreadable(&error))?;
            let Some(folder) = path.parent() else { continue };
            fs::create_private_dir_all(folder)?;
            // Programs in containers run as other users; nobody else gets through the folder above it.
            fs::write_atomic(&path, &content, if file.executable { 0o755 } else { 0o644 })?;
        }
        Ok(())
    }

    /// Whether a container wrote to a file of this store.
    pub(crate) fn was_written_to(&self, path: &str) -> bool {
        let Some(digest) = self.digest_of(path) else { return false };
        fs::read(Path::new(path)).is_ok_and(|content| Digest::of(&content) != digest)
    }

    /// Removes a file that nothing mounts any more.
    pub(crate) fn drop_file(&self, path: &str) {
        if self.digest_of(path).is_some()
            && let Some(folder) = Path::new(path).parent()
        {
            // What is left behind is in nobody's way.
            let _ = fs::remove_dir_all(folder);
        }
    }

    /// The project's document, as Compose is given it. Compose notes its path on each container, so the path is our mark.
    pub(crate) fn document(&self, mark: &Ownership) -> PathBuf {
        self.folder.join(mark.lineage.to_string()).join(mark.id.to_string()).join("compose.json")
    }

    /// Removes what is kept for one resource.
    pub(crate) fn forget(&self, mark: &Ownership) {
        if let Some(folder) = self.document(mark).parent() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// The mark in the paths that Compose noted on a container: a lineage and a record's id. `None` if deployctl did not make it.
pub(crate) fn mark_in(config_files: &str) -> Option<(&str, &str)> {
    let path = config_files.strip_suffix("/compose.json")?;
    let mut parts = path.rsplit('/');
    let (id, lineage, folder) = (parts.next()?, parts.next()?, parts.next()?);
    let is_uuid = |text: &str| text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4;
    (folder == "compose" && is_uuid(id) && is_uuid(lineage)).then_some((lineage, id))
}
