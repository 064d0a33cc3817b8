//! Notes of what is being made, written before it is made.
//!
//! A file cannot carry our mark. So before one is made, a note of it is put beside the state, under the record's id. After
//! a crash, a file with a note is ours, and a file without one is somebody else's, whatever its content.

use std::path::{Path, PathBuf};

use deployctl_sdk::fs::{self, FsResult};
use deployctl_sdk::{Digest, ResourceId};
use serde::{Deserialize, Serialize};

/// What is noted of a file before it is made. Nothing of its content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// Its path, as configured.
    pub(crate) path: String,
    /// The file it is a copy of, as configured.
    pub(crate) source: Option<String>,
    /// Whether its content is sensitive.
    pub(crate) sensitive: bool,
    /// The folders that were made for it, outermost first.
    pub(crate) folders: Vec<String>,
}

/// The folder of a record's own.
pub(crate) fn folder(data: &Path, id: ResourceId) -> PathBuf {
    data.join("local").join(id.to_string())
}

fn note(data: &Path, id: ResourceId, path: &str) -> PathBuf {
    folder(data, id).join(format!("{}.json", Digest::of(path.as_bytes()).short()))
}

/// Writes the note.
pub(crate) fn make(data: &Path, id: ResourceId, claim: &Claim) -> FsResult<()> {
    let path = note(data, id, &claim.path);
    fs::create_dir_all(&folder(data, id))?;
    fs::write_atomic(&path, &serde_json::to_vec(claim).unwrap_or_default(), 0o600)
}

/// The note of that file, if there is a readable one.
pub(crate) fn find(data: &Path, id: ResourceId, path: &str) -> FsResult<Option<Claim>> {
    let bytes = fs::read_if_there(&note(data, id, path))?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Removes the note, and the record's folder if it is then empty.
pub(crate) fn release(data: &Path, id: ResourceId, path: &str) -> FsResult<()> {
    fs::remove_file(&note(data, id, path))?;
    tidy(data, id);
    Ok(())
}

/// Removes the record's folder if nothing is left in it.
pub(crate) fn tidy(data: &Path, id: ResourceId) {
    // `remove_dir` refuses a folder that holds something, which is just what is wanted.
    let _ = std::fs::remove_dir(folder(data, id));
}
