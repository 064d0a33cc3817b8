//! Whole folders captured, and laid out again where a program can read them.
//!
//! What is reviewed is what is deployed: a build context, a module's source, a playbook with its roles are read once, at
//! planning time, and named by their content. Later, here or on another machine, the same bytes are laid out in a folder of
//! our own, and the engine's program is run on those. What the files mean belongs to the provider.

mod ignore;
mod lay_out;

use std::path::Path;

pub use ignore::{BadPattern, Ignore};
pub use lay_out::{lay_out, remove};

use crate::error::{ErrorKind, ProviderError};
use crate::files::{CapturedFile, FileError, Files};

/// The most that one folder may hold, in bytes: it is kept with every revision that differs.
pub const LIMIT: u64 = 256 * 1024 * 1024;

/// The file that names what is not to be captured, beside what an engine has of its own.
pub const IGNORE_FILE: &str = ".deployctlignore";

/// How many of the largest files the refusal of a folder names.
const NAMED: usize = 5;

/// Captures the files below a folder that `wanted` says yes to (their paths relative to the folder, with `/`) and that its
/// `.deployctlignore` does not leave out. The paths of the captured files begin with the folder's own.
///
/// # Errors
/// When there is no such folder, a file cannot be read, an ignore file has a pattern that is none, or it is too large.
pub fn folder(
    files: &dyn Files,
    folder: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<CapturedFile>, ProviderError> {
    let listed = files.list(folder).map_err(|error| unreadable(&error))?;
    let ignore = own_ignore(files, folder, &listed)?;
    let paths = listed.iter().filter(|path| wanted(path) && !ignore.ignores(path));
    let sized = paths.map(|path| Ok((files.size(&folder.join(path))?, path.as_str())));
    let sized = sized.collect::<Result<Vec<_>, FileError>>().map_err(|error| unreadable(&error))?;
    refuse_too_large(folder, &sized, LIMIT)?;
    let captured = sized.iter().map(|(_, path)| files.capture(&folder.join(path)));
    captured.collect::<Result<_, _>>().map_err(|error| unreadable(&error))
}

fn own_ignore(files: &dyn Files, folder: &Path, listed: &[String]) -> Result<Ignore, ProviderError> {
    if !listed.iter().any(|path| path == IGNORE_FILE) {
        return Ok(Ignore::default());
    }
    let path = folder.join(IGNORE_FILE);
    let bytes = files.read(&path).map_err(|error| unreadable(&error))?;
    Ignore::parse(&String::from_utf8_lossy(&bytes)).map_err(|bad| {
        let message = format!("{}, line {}: {}", path.display(), bad.line, bad.reason);
        ProviderError::new(ErrorKind::Invalid, message)
    })
}

fn refuse_too_large(folder: &Path, sized: &[(u64, &str)], limit: u64) -> Result<(), ProviderError> {
    let total: u64 = sized.iter().map(|(size, _)| *size).sum();
    if total <= limit {
        return Ok(());
    }
    let mut largest = sized.to_vec();
    largest.sort_by(|a, b| b.cmp(a));
    let message = format!(
        "the folder {} holds {} in {} files, and no more than {} are captured",
        folder.display(),
        mebibytes(total),
        sized.len(),
        mebibytes(limit)
    );
    let lines = largest.iter().take(NAMED).map(|(size, path)| format!("{path}: {}", mebibytes(*size)));
    let error = ProviderError::new(ErrorKind::Invalid, message).with_detail(lines.collect::<Vec<_>>());
    Err(error.with_hint(format!("leave out what is not needed with a line in {}", folder.join(IGNORE_FILE).display())))
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

/// A file that could not be had, as the contract has it.
pub fn unreadable(error: &FileError) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, format!("cannot read {}: {}", error.path.display(), error.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_too_large_is_refused_with_its_largest_entries() {
        let sized = [(10, "a"), (300, "video.mp4"), (20, "b")];
        assert!(refuse_too_large(Path::new("app"), &sized, 330).is_ok());
        let error = refuse_too_large(Path::new("app"), &sized, 329).unwrap_err();
        assert_eq!(error.detail.first().map(String::as_str), Some("video.mp4: 0.0 MiB"));
        assert!(error.hint.unwrap().contains("app/.deployctlignore"));
    }
}
