//! Notes of what is being made, written before it is made.
//!
//! A file cannot carry our mark. So before one is made, a note of it is put beside the state, under the record's id. After
//! a crash, a file with a note is ours, and a file without one is somebody else's, whatever its content.

use std::path::{Path, PathBuf};

use deployctl_sdk::fs::{self, FsResult};
use deployctl_sdk::{Digest, Ownership, ResourceId};
use serde::{Deserialize, Serialize};

/// What is noted of a file before it is made. Nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// Whose it is.
    pub(crate) mark: Ownership,
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

/// Writes the note, unless it stands there already.
pub(crate) fn make(data: &Path, claim: &Claim) -> FsResult<()> {
    let id = claim.mark.id;
    if find(data, id, &claim.path)?.as_ref() == Some(claim) {
        return Ok(());
    }
    let path = note(data, id, &claim.path);
    fs::create_dir_all(&folder(data, id))?;
    fs::write_atomic(&path, &serde_json::to_vec(claim).unwrap_or_default(), 0o600)
}

/// The note of that file, if there is a readable one.
pub(crate) fn find(data: &Path, id: ResourceId, path: &str) -> FsResult<Option<Claim>> {
    let bytes = fs::read_if_there(&note(data, id, path))?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// The notes of all files, of any record.
pub(crate) fn all(data: &Path) -> FsResult<Vec<Claim>> {
    let mut claims = Vec::new();
    for record in records(data)? {
        for note in fs::read_dir(&record)?.iter().filter(|path| path.extension().is_some_and(|kind| kind == "json")) {
            claims.extend(serde_json::from_slice(&fs::read(note)?).ok());
        }
    }
    Ok(claims)
}

/// The folders of all records.
pub(crate) fn records(data: &Path) -> FsResult<Vec<PathBuf>> {
    match fs::read_dir(&data.join("local")) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        result => result,
    }
}

/// Removes the note, and the record's folder if it is then empty.
pub(crate) fn release(data: &Path, id: ResourceId, path: &str) -> FsResult<()> {
    fs::remove_file(&note(data, id, path))?;
    tidy(data, id);
    Ok(())
}

/// Removes the notes of that file under every other record: a replacement has another identity than what it replaces, and a
/// file has one owner.
pub(crate) fn release_others(data: &Path, keep: ResourceId, path: &str) -> FsResult<()> {
    let kept = folder(data, keep);
    let name = note(data, keep, path);
    let Some(name) = name.file_name() else { return Ok(()) };
    for record in records(data)?.into_iter().filter(|record| *record != kept && record.join(name).exists()) {
        fs::remove_file(&record.join(name))?;
        let _ = std::fs::remove_dir(&record);
    }
    Ok(())
}

/// Removes the record's folder if nothing is left in it.
pub(crate) fn tidy(data: &Path, id: ResourceId) {
    // `remove_dir` refuses a folder that holds something, which is just what is wanted.
    let _ = std::fs::remove_dir(folder(data, id));
}
