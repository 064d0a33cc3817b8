//! The folders that are made for files.
//!
//! Several files may stand in one of them, and it must go with the last, whichever that is. So a folder that is made is
//! noted beside the state, and every file below it has it on its list.

use std::path::{Path, PathBuf};

use deployctl_sdk::fs::{self, FsResult};
use deployctl_sdk::{Digest, Place};

use super::disk;

/// Notes the folders above a path that have to be made, and answers them with those that were made before, outermost first.
pub(crate) fn note(place: &Place, path: &Path) -> FsResult<Vec<String>> {
    let mut folders = Vec::new();
    for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
        let note = note_of(place, folder);
        if !folder.exists() && !note.exists() {
            fs::create_dir_all(note.parent().unwrap_or(&place.data))?;
            fs::write_atomic(&note, kept(place, folder).as_bytes(), 0o600)?;
        } else if !note.exists() {
            break;
        }
        folders.push(kept(place, folder));
    }
    folders.reverse();
    Ok(folders)
}

/// Removes those that are empty, innermost first, up to the first that is not.
pub(crate) fn remove_empty(place: &Place, outermost_first: &[String]) {
    for folder in outermost_first.iter().rev().map(|folder| place.root.join(folder)) {
        disk::remove_empty_folders(std::slice::from_ref(&folder));
        if folder.exists() {
            return;
        }
        // A note that stays behind is no harm: it speaks of a folder that is not there.
        let note = note_of(place, &folder);
        let _ = fs::remove_file(&note);
        let _ = std::fs::remove_dir(note.parent().unwrap_or(&note));
    }
}

fn note_of(place: &Place, folder: &Path) -> PathBuf {
    place.data.join("local-folders").join(Digest::of(kept(place, folder).as_bytes()).short())
}

/// A folder as it is kept: relative to the configuration's folder where it lies below it.
fn kept(place: &Place, folder: &Path) -> String {
    folder.strip_prefix(&place.root).unwrap_or(folder).to_string_lossy().into_owned()
}
