//! A checkout that is held in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use deployctl_sdk::{CapturedFile, Digest, FileError, Files};

/// Files by their paths.
#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<String, Arc<[u8]>>>);

impl Memory {
    pub fn write(&self, path: &str, text: &str) {
        self.0.lock().unwrap().insert(path.to_owned(), text.as_bytes().into());
    }

    fn held(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        let found = self.0.lock().unwrap().get(&*path.to_string_lossy()).cloned();
        found.ok_or_else(|| FileError { path: path.to_owned(), reason: "no such file".to_owned() })
    }
}

impl Files for Memory {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        self.held(path)
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        let bytes = self.held(path)?;
        let (path, size) = (path.to_string_lossy().into_owned(), bytes.len() as u64);
        Ok(CapturedFile { path, digest: Digest::of(&bytes), size, executable: false })
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        let start = format!("{}/", folder.display());
        let files = self.0.lock().unwrap();
        let inside: Vec<String> =
            files.keys().filter_map(|path| path.strip_prefix(&start)).map(str::to_owned).collect();
        match inside.is_empty() {
            true => Err(FileError { path: folder.to_owned(), reason: "no such folder".to_owned() }),
            false => Ok(inside),
        }
    }

    fn entries(&self, folder: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
        let all = self.list(folder)?;
        Ok(all.into_iter().filter(|path| !path.contains('/') && path.ends_with(suffix)).collect())
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        let files = self.0.lock().unwrap();
        let found = files.values().find(|bytes| Digest::of(bytes) == *digest).cloned();
        found.ok_or_else(|| FileError { path: digest.to_string().into(), reason: "not captured".to_owned() })
    }
}
