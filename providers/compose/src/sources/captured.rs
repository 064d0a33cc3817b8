//! The captured files, as if they were the checkout.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use deployctl_sdk::{CapturedFile, Digest, FileError, Files};

use super::paths::normal;

/// Answers from what was captured and from nothing else.
pub(crate) struct Captured<'c> {
    by_path: BTreeMap<String, &'c CapturedFile>,
    contents: &'c dyn Files,
}

impl<'c> Captured<'c> {
    /// The captured files, and where their contents are.
    pub(crate) fn new(captured: &'c [CapturedFile], contents: &'c dyn Files) -> Self {
        Self { by_path: captured.iter().map(|file| (normal(&file.path), file)).collect(), contents }
    }

    fn file(&self, path: &Path) -> Result<&'c CapturedFile, FileError> {
        let found = self.by_path.get(&normal(&path.to_string_lossy()));
        found.copied().ok_or_else(|| FileError { path: path.to_owned(), reason: "it was not captured".to_owned() })
    }
}

impl Files for Captured<'_> {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        self.contents.content(&self.file(path)?.digest)
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        self.file(path).cloned()
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        let folder = normal(&folder.to_string_lossy());
        let prefix = if folder == "." { String::new() } else { format!("{folder}/") };
        Ok(self.by_path.keys().filter_map(|path| path.strip_prefix(&prefix)).map(str::to_owned).collect())
    }

    fn entries(&self, folder: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
        let below = self.list(folder)?;
        Ok(below.into_iter().filter(|path| !path.contains('/') && path.ends_with(suffix)).collect())
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        self.contents.content(digest)
    }
}
