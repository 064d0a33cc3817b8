//! The files of a module as they lie there now, for what was never captured: a module that is being imported.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use deployctl_sdk::{CapturedFile, Digest, FileError, Files, fs};

/// Files below a folder.
pub(crate) struct Disk {
    root: PathBuf,
    contents: Mutex<HashMap<Digest, Arc<[u8]>>>,
}

impl Disk {
    /// The files below `root`.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, contents: Mutex::default() }
    }
}

fn error(path: &Path, error: &fs::FsError) -> FileError {
    FileError { path: path.to_owned(), reason: error.source.to_string() }
}

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        let file = self.capture(path)?;
        self.content(&file.digest)
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        let full = self.root.join(path);
        let bytes: Arc<[u8]> = fs::read(&full).map_err(|failed| error(path, &failed))?.into();
        let digest = Digest::of(&bytes);
        let text = path.to_string_lossy();
        let file = CapturedFile {
            path: text.strip_prefix("./").unwrap_or(&text).to_owned(),
            digest,
            size: bytes.len() as u64,
            executable: fs::is_executable(&full),
        };
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, bytes);
        Ok(file)
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        let (mut found, mut todo) = (Vec::new(), vec![self.root.join(folder)]);
        let top = self.root.join(folder);
        while let Some(folder) = todo.pop() {
            for entry in fs::read_dir(&folder).map_err(|failed| error(&folder, &failed))? {
                if entry.is_dir() && !entry.is_symlink() {
                    todo.push(entry);
                } else if entry.is_file()
                    && let Ok(below) = entry.strip_prefix(&top)
                {
                    found.push(below.to_string_lossy().replace('\\', "/"));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn entries(&self, folder: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
        let listed = self.list(folder)?;
        Ok(listed.into_iter().filter(|name| !name.contains('/') && name.ends_with(suffix)).collect())
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || FileError { path: PathBuf::from(digest.short()), reason: "it was not read".to_owned() };
        contents.get(digest).cloned().ok_or_else(missing)
    }
}
