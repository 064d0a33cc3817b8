//! A build's context as the engine takes it: a tar that is the same, byte for byte, for the same files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use deployctl_sdk::{CapturedFile, ErrorKind, Files, ProviderError, Value, capture};
use tar::{Builder, EntryType, Header};

use super::prepare::{dockerfile, relative};
use crate::attributes::text;

/// Puts the captured files into a tar. Neither times nor owners of the files are in it.
///
/// # Errors
/// When a captured content is missing.
pub(super) fn tar(build: &Value, captured: &[CapturedFile], files: &dyn Files) -> Result<Vec<u8>, ProviderError> {
    let context = text(build, "context").unwrap_or_default();
    let (name, from_outside) = dockerfile(build);
    let mut entries: BTreeMap<PathBuf, &CapturedFile> = BTreeMap::new();
    let last = captured.len().saturating_sub(1);
    for (index, file) in captured.iter().enumerate() {
        // A Dockerfile from outside the context was captured last.
        let path = if from_outside && index == last { PathBuf::from(&name) } else { relative(file, &context) };
        entries.insert(path, file);
    }
    let mut tar = Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    for (path, file) in entries {
        for folder in
            path.ancestors().skip(1).filter(|folder| *folder != Path::new("")).collect::<Vec<_>>().iter().rev()
        {
            if folders.insert(folder.to_path_buf()) {
                append(&mut tar, folder, EntryType::Directory, 0o755, &[])?;
            }
        }
        let content = files.content(&file.digest).map_err(|error| capture::unreadable(&error))?;
        append(&mut tar, &path, EntryType::Regular, if file.executable { 0o755 } else { 0o644 }, &content)?;
    }
    tar.into_inner().map_err(|error| failed(&error))
}

fn append(
    tar: &mut Builder<Vec<u8>>,
    path: &Path,
    kind: EntryType,
    mode: u32,
    content: &[u8],
) -> Result<(), ProviderError> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.set_mtime(0);
    tar.append_data(&mut header, path, content).map_err(|error| failed(&error))
}

fn failed(error: &std::io::Error) -> ProviderError {
    ProviderError::new(ErrorKind::Internal, format!("cannot put the build context together: {error}"))
}
