//! Files and folders as chores use them: an error names the path.
// The wrapper of the project's own crate is not linked here: chores are built before anything else is.
#![allow(clippy::disallowed_methods)]

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::Failure;

/// Makes a folder and those above it.
pub fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| failed("make", path, &error))
}

/// Removes a folder with all in it.
pub fn remove_folder(path: &Path) -> Result<(), Failure> {
    fs::remove_dir_all(path).map_err(|error| failed("remove", path, &error))
}

/// Writes a file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| failed("write", path, &error))
}

/// Writes a file that only its owner may read.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let opened = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path);
    opened.and_then(|mut file| file.write_all(bytes)).map_err(|error| failed("write", path, &error))
}

/// A word that nobody can guess.
pub fn random() -> Result<String, Failure> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 16];
    let read = fs::File::open(source).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| failed("read", source, &error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads a file, if it is there and can be read.
pub fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// What to say of something that could not be done to a file.
pub fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    format!("cannot {what} {}: {error}", path.display())
}

/// Removes a file.
pub fn remove(path: &Path) -> Result<(), Failure> {
    fs::remove_file(path).map_err(|error| failed("remove", path, &error))
}

/// Moves a file or folder within a disk.
pub fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(from, to).map_err(|error| failed("rename", from, &error))
}

/// Copies a file with its permissions.
pub fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::copy(from, to).map(drop).map_err(|error| failed("copy", from, &error))
}

/// What stands in a folder.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| failed("read", folder, &error))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(|error| failed("read", folder, &error))).collect()
}

/// Makes a symbolic link.
pub fn link(target: &Path, link: &Path) -> Result<(), Failure> {
    std::os::unix::fs::symlink(target, link).map_err(|error| failed("make the link", link, &error))
}

/// What a symbolic link names, if it is one.
pub fn link_target(link: &Path) -> Option<PathBuf> {
    fs::read_link(link).ok()
}
