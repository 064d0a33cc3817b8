//! Captured files laid out in a folder of our own.

use std::path::{Component, Path, PathBuf};

use crate::error::{ErrorKind, ProviderError};
use crate::files::{CapturedFile, Files};
use crate::fs;

/// Writes captured files below `to`, which is made open to its owner alone if it is not there. `place` says where each
/// goes, relative to it, from the path it was captured under; `None` leaves it out. Files that are there are replaced.
///
/// # Errors
/// When a content is missing, a place is outside `to`, or it cannot be written.
pub fn lay_out(
    files: &dyn Files,
    captured: &[CapturedFile],
    to: &Path,
    place: impl Fn(&str) -> Option<PathBuf>,
) -> Result<(), ProviderError> {
    fs::create_private_dir_all(to)?;
    for file in captured {
        let Some(relative) = place(&file.path) else { continue };
        if !stays_inside(&relative) {
            let message = format!("the captured file {} would be written outside its folder", file.path);
            return Err(ProviderError::new(ErrorKind::Refused, message));
        }
        let content = files.content(&file.digest).map_err(|error| super::unreadable(&error))?;
        let path = to.join(relative);
        if let Some(folder) = path.parent() {
            fs::create_private_dir_all(folder)?;
        }
        fs::remove_file(&path)?;
        fs::write_unsynced(&path, &content, if file.executable { 0o700 } else { 0o600 })?;
    }
    Ok(())
}

/// Removes a folder that was laid out; one that is not there is removed already.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(folder: &Path) -> Result<(), ProviderError> {
    fs::remove_dir_all(folder).map_err(ProviderError::from)
}

fn stays_inside(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir))
}
