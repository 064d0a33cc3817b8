//! The file system, with errors that say what was tried and where.
//!
//! `std::io::Error` knows neither. Everything in the project goes through here; the lints see to it.
#![allow(clippy::disallowed_methods)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What was tried, where, and what the system answered.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FsError {
    /// What was tried: `read`, `write`, …
    pub action: &'static str,
    /// Where.
    pub path: PathBuf,
    /// The system's answer.
    pub source: io::Error,
}

impl FsError {
    /// Whether the answer was that there is no such file or folder.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// The result of a file operation.
pub type FsResult<T> = Result<T, FsError>;

/// Gives an `io` result its action and path.
pub fn at<T>(action: &'static str, path: &Path, result: io::Result<T>) -> FsResult<T> {
    result.map_err(|source| FsError { action, path: path.to_owned(), source })
}

/// Reads a whole file.
pub fn read(path: &Path) -> FsResult<Vec<u8>> {
    at("read", path, fs::read(path))
}

/// Reads a whole file, or answers `None` if there is none.
pub fn read_if_there(path: &Path) -> FsResult<Option<Vec<u8>>> {
    match read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a whole file of text.
pub fn read_to_string(path: &Path) -> FsResult<String> {
    at("read", path, fs::read_to_string(path))
}

/// Makes a folder and those above it.
pub fn create_dir_all(path: &Path) -> FsResult<()> {
    at("make the folder", path, fs::create_dir_all(path))
}

/// Removes a file; one that is not there is removed already.
pub fn remove_file(path: &Path) -> FsResult<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => at("remove", path, result),
    }
}

/// Removes a folder with all in it; one that is not there is removed already.
pub fn remove_dir_all(path: &Path) -> FsResult<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => at("remove the folder", path, result),
    }
}

/// Gives a file or folder another name, in the place of what may bear that name already.
pub fn rename(from: &Path, to: &Path) -> FsResult<()> {
    at("rename to", to, fs::rename(from, to))
}

/// The entries of a folder, sorted by name.
pub fn read_dir(path: &Path) -> FsResult<Vec<PathBuf>> {
    let entries = at("list", path, fs::read_dir(path))?;
    let mut paths =
        at("list", path, entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>())?;
    paths.sort();
    Ok(paths)
}

/// Writes a file that was not there before and is not to be read by others while it is written; missing folders above it
/// are not made. The file has `mode` from the first byte on.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> FsResult<()> {
    let mut file = create_new(path, mode)?;
    at("write", path, file.write_all(bytes).and_then(|()| file.sync_all()))
}

/// Writes a file that was not there before, without waiting for the disk: for what is made anew whenever it is needed.
pub fn write_unsynced(path: &Path, bytes: &[u8], mode: u32) -> FsResult<()> {
    let mut file = create_new(path, mode)?;
    at("write", path, file.write_all(bytes))
}

/// Makes a file that was not there before, to be written to at its end by whoever is given it.
pub fn create_new(path: &Path, mode: u32) -> FsResult<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    set_mode(&mut options, mode);
    at("make", path, options.open(path))
}

/// A file, to be read.
pub fn open(path: &Path) -> FsResult<File> {
    at("open", path, File::open(path))
}

/// The length of a file in bytes.
pub fn size(path: &Path) -> FsResult<u64> {
    at("read", path, fs::metadata(path).map(|metadata| metadata.len()))
}

/// Puts a file in place whole or not at all, durably: a temporary file beside it, synced, renamed over it, and the folder
/// synced. What others may do with it is `mode`.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> FsResult<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = folder.to_owned();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    temporary.push(format!(".{name}.{}.new", crate::source::uuid().simple()));
    let written = write_new(&temporary, bytes, mode).and_then(|()| {
        at("rename", path, fs::rename(&temporary, path))?;
        sync_dir(folder)
    });
    if written.is_err() {
        // Best effort: the error that matters is the one being answered.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Makes the entries of a folder durable.
pub fn sync_dir(path: &Path) -> FsResult<()> {
    #[cfg(unix)]
    at("sync", path, File::open(path).and_then(|folder| folder.sync_all()))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(unix)]
fn set_mode(options: &mut OpenOptions, mode: u32) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(mode);
}

#[cfg(not(unix))]
fn set_mode(_: &mut OpenOptions, _: u32) {}

/// Whether the owner of a file may run it; `false` where that cannot be told.
pub fn is_executable(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// The absolute path of something that is there, links resolved.
pub fn canonical(path: &Path) -> FsResult<PathBuf> {
    at("find", path, fs::canonicalize(path))
}

/// Makes a folder and those above it, each new one open to its owner alone.
pub fn create_private_dir_all(path: &Path) -> FsResult<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    at("make the folder", path, builder.create(path))
}

/// Puts a file in place whole, durably, unless there is one already; answers whether there was none.
pub fn write_atomic_new(path: &Path, bytes: &[u8], mode: u32) -> FsResult<bool> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary = folder.join(format!(".{name}.{}.new", crate::source::uuid().simple()));
    let written = write_new(&temporary, bytes, mode).and_then(|()| match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // Where files cannot have two names, the next best: it may stand half written after a crash.
        Err(_) if !path.exists() => write_new(path, bytes, mode).map(|()| true),
        linked => at("make", path, linked).map(|()| true),
    });
    // Best effort: the error that matters is the one being answered.
    let _ = fs::remove_file(&temporary);
    if matches!(written, Ok(true)) {
        sync_dir(folder)?;
    }
    written
}

/// A file that grows at its end, durably.
#[derive(Debug)]
pub struct AppendFile {
    file: File,
    path: PathBuf,
}

impl AppendFile {
    /// Opens a file that is there already.
    pub fn open(path: &Path) -> FsResult<Self> {
        let file = at("open", path, OpenOptions::new().write(true).open(path))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Writes the bytes at this place, in the stead of whatever a failed write left behind it, and waits until they are on
    /// the disk. Answers whether the file still stands in its folder: written to a removed one, the bytes are lost.
    pub fn write_at(&self, place: u64, bytes: &[u8]) -> FsResult<bool> {
        use std::io::{Seek as _, SeekFrom};
        let write = || {
            let mut file = &self.file;
            if file.metadata()?.len() > place {
                file.set_len(place)?;
            }
            file.seek(SeekFrom::Start(place))?;
            file.write_all(bytes)?;
            file.sync_data()?;
            self.is_linked()
        };
        at("append to", &self.path, write())
    }

    #[cfg(unix)]
    fn is_linked(&self) -> io::Result<bool> {
        Ok(std::os::unix::fs::MetadataExt::nlink(&self.file.metadata()?) > 0)
    }

    #[cfg(not(unix))]
    fn is_linked(&self) -> io::Result<bool> {
        fs::exists(&self.path)
    }
}
