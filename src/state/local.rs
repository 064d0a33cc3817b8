//! The state in a folder on this machine.
//!
//! Files are replaced whole and synced, readable by their owner alone. The lock is a file that is locked in the operating
//! system's own sense, so that a process that dies gives it back by dying; what is written in it says whose it is.

use deployctl_sdk::source;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use deployctl_sdk::fs::{self, AppendFile, FsError, at};
use jiff::Timestamp;
use uuid::Uuid;

use super::backend::{Acquired, Backend, Condition, HeldLock, Log, Version};
use super::lock::LockInfo;
use crate::crash_point;
use crate::error::{Error, ErrorKind, Result};

const LOCK: &str = "lock";

/// How old a sign of life may get before the holder writes another.
const HEARTBEAT_SECONDS: i64 = 10;

/// One environment's folder.
pub struct Local {
    folder: PathBuf,
}

impl Local {
    /// The folder of an environment below a state folder; nothing is made until something is written.
    pub fn new(state_folder: &Path, environment: &str) -> Self {
        Self { folder: state_folder.join(environment) }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Makes the folder of a file, and what keeps the whole out of version control.
    fn make_folder(&self, file: &Path) -> Result<()> {
        let folder = file.parent().unwrap_or(&self.folder);
        if !folder.is_dir() {
            fs::create_private_dir_all(folder).map_err(failed)?;
        }
        // A provider may have made the folder before there was a state; with one in it, it is as its owner wants it.
        if let Some(top) = self.folder.parent() {
            let ignore = top.join(".gitignore");
            if !ignore.exists() && !self.folder.join(super::store::STATE_FILE).exists() {
                fs::write_atomic(&ignore, b"*\n", 0o600).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// The file system's error, with what to do about the usual ones.
#[allow(clippy::needless_pass_by_value)] // So that it can stand alone in `map_err`.
fn failed(error: FsError) -> Error {
    let hint = match error.source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            Some("make room and run the command again; what was recorded before is untouched")
        }
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            Some("the state's folder must be writable by you")
        }
        _ => None,
    };
    let failure = Error::failed(error.to_string());
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

#[async_trait]
impl Backend for Local {
    async fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>> {
        let file = self.path(path);
        // Before it is read: a file that takes its place meanwhile is another one.
        let version = version(&file);
        let bytes = fs::read_if_there(&file).map_err(failed)?;
        Ok(bytes.map(|bytes| (bytes, version.unwrap_or_else(|| Version(String::new())))))
    }

    async fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.path(path).exists())
    }

    async fn put(&self, path: &str, bytes: Vec<u8>, condition: Condition) -> Result<Option<Version>> {
        let file = self.path(path);
        self.make_folder(&file)?;
        let written = file.clone();
        let done = match condition {
            Condition::Absent => blocking(move || fs::write_atomic_new(&file, &bytes, 0o600)).await?,
            // Between this look and the write nobody else writes: the operating system's lock keeps them out.
            Condition::Matches(ref expected) if version(&file).as_ref() != Some(expected) => false,
            Condition::Any | Condition::Matches(_) => {
                blocking(move || fs::write_atomic(&file, &bytes, 0o600)).await?;
                true
            }
        };
        Ok(if done { version(&written) } else { None })
    }

    async fn log(&self, path: &str) -> Result<Box<dyn Log>> {
        let file = AppendFile::open(&self.path(path)).map_err(failed)?;
        Ok(Box::new(LocalLog { file: Arc::new(file), place: self.place(path) }))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.delete_all(&[path.to_owned()]).await
    }

    async fn delete_all(&self, paths: &[String]) -> Result<()> {
        let mut folders = BTreeSet::new();
        crash_point::pass();
        for path in paths {
            let file = self.path(path);
            fs::remove_file(&file).map_err(failed)?;
            folders.extend(file.parent().map(Path::to_owned));
        }
        crash_point::pass();
        // Once for all that was removed from it.
        folders.iter().filter(|folder| folder.is_dir()).try_for_each(|folder| fs::sync_dir(folder).map_err(failed))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        let mut todo = vec![prefix.trim_end_matches('/').to_owned()];
        while let Some(folder) = todo.pop() {
            let full = self.path(&folder);
            if !full.is_dir() {
                continue;
            }
            for entry in fs::read_dir(&full).map_err(failed)? {
                let Some(name) = entry.file_name().and_then(|name| name.to_str()) else { continue };
                let path = format!("{folder}/{name}");
                if entry.is_dir() {
                    todo.push(path);
                } else if !name.starts_with('.') {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        Ok(paths)
    }

    async fn acquire(&self, info: &LockInfo) -> Result<Acquired> {
        let path = self.path(LOCK);
        self.make_folder(&path)?;
        let mut tries = 0;
        loop {
            let mut file = open_lock(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                // Somebody who only looks who holds it keeps it for an instant too, and a new holder needs one to write
                // its name; neither is reason enough to be turned away.
                Err(TryLockError::WouldBlock) => match read_info(&mut file) {
                    Some(holder) if tries >= 3 => return Ok(Acquired::Taken(holder)),
                    None if tries >= 200 => {
                        return Err(Error::new(
                            ErrorKind::Locked,
                            format!("{} is locked by an unknown process", path.display()),
                        )
                        .with_hint("if certainly nothing runs there, remove that file"));
                    }
                    _ => {
                        tries += 1;
                        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                        continue;
                    }
                },
                Err(TryLockError::Error(error)) => return Err(failed(FsError { action: "lock", path, source: error })),
            }
            // The file may have been broken away between opening and locking it.
            if !is_same_file(&file, &path) {
                continue;
            }
            let previous = read_info(&mut file);
            write_info(&mut file, Some(info))
                .map_err(|source| failed(FsError { action: "write", path: path.clone(), source }))?;
            let held = HeldFile { path, info: info.clone(), file: Mutex::new((file, source::now())) };
            return Ok(Acquired::Held { held: Box::new(held), previous });
        }
    }

    async fn holder(&self) -> Result<Option<LockInfo>> {
        let path = self.path(LOCK);
        let Ok(mut file) = OpenOptions::new().read(true).open(&path) else { return Ok(None) };
        match file.try_lock_shared() {
            // Nobody holds it: what is written there was left by a process that is gone.
            Ok(()) => Ok(None),
            // Whoever has it locked lives.
            Err(_) => Ok(read_info(&mut file).map(|info| LockInfo { heartbeat: source::now(), ..info })),
        }
    }

    async fn break_lock(&self, id: Uuid) -> Result<Option<LockInfo>> {
        let holder = self.holder().await?.filter(|holder| holder.id == id);
        if holder.is_some() {
            fs::remove_file(&self.path(LOCK)).map_err(failed)?;
        }
        Ok(holder)
    }

    fn place(&self, path: &str) -> String {
        self.path(path).display().to_string()
    }

    fn keeps_key(&self) -> bool {
        true
    }
}

/// A file that grows. It stays the file that was opened: another's in its place is not written to.
struct LocalLog {
    file: Arc<AppendFile>,
    place: String,
}

#[async_trait]
impl Log for LocalLog {
    async fn append(&mut self, place: u64, bytes: Vec<u8>) -> Result<()> {
        let file = self.file.clone();
        if blocking(move || file.write_at(place, &bytes)).await? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Locked, format!("{} was removed while it was being written", self.place))
            .with_hint("another run has taken over; `deployctl history` shows what it did"))
    }
}

/// Runs something that waits for a disk where it does not hold up anything else.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, FsError> + Send + 'static) -> Result<T> {
    crash_point::pass();
    let done = tokio::task::spawn_blocking(work).await;
    crash_point::pass();
    done.map_err(|_| Error::failed("a write to the state's folder did not finish"))?.map_err(failed)
}

/// Which file it is. Each one that is put has an inode and a time of its own, as far as the system has these.
fn version(path: &Path) -> Option<Version> {
    let metadata = path.metadata().ok()?;
    let time = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos();
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Version(format!("{inode}-{}-{time}", metadata.len())))
}

fn open_lock(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    at("open", path, options.open(path)).map_err(failed)
}

fn read_info(file: &mut File) -> Option<LockInfo> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write_info(file: &mut File, info: Option<&LockInfo>) -> std::io::Result<()> {
    let text = info.map(serde_json::to_vec).transpose()?.unwrap_or_default();
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(&text)
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let ids = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), path.metadata()) {
        (Ok(open), Ok(there)) => ids(open) == ids(there),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> bool {
    path.exists()
}

/// A lock file that this process has locked.
struct HeldFile {
    path: PathBuf,
    info: LockInfo,
    file: Mutex<(File, Timestamp)>,
}

#[async_trait]
impl HeldLock for HeldFile {
    async fn is_held(&self) -> Result<bool> {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, heartbeat) = &mut *guard;
        if !is_same_file(file, &self.path) {
            return Ok(false);
        }
        let now = source::now();
        if now.as_second() - heartbeat.as_second() >= HEARTBEAT_SECONDS {
            *heartbeat = now;
            // A sign of life that cannot be written is no reason to stop: the operating system's lock is what counts.
            let _ = write_info(file, Some(&LockInfo { heartbeat: now, ..self.info.clone() }));
        }
        Ok(true)
    }

    async fn release(&self) -> Result<()> {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, _) = &mut *guard;
        write_info(file, None)
            .and_then(|()| file.unlock())
            .map_err(|source| failed(FsError { action: "unlock", path: self.path.clone(), source }))
    }
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Emptied so that the next one does not take this for the lock of a process that died.
        let _ = write_info(&mut guard.0, None);
    }
}
