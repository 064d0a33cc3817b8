//! The folder that a module's program runs in: our own, private, one for each resource, and kept between runs for what the
//! engine downloads and for what the module itself makes there.
//!
//! The captured files stand in it only while a program runs, because variable files hold secrets.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use deployctl_sdk::{Address, CapturedFile, Digest, ErrorKind, Files, Place, ProviderError, capture, fs};
use tokio_util::sync::CancellationToken;

use crate::source::Layout;

/// How often a folder that another process works in is looked at again.
const LOOK: Duration = Duration::from_millis(50);

/// The folder of one resource. Held, it is ours alone.
pub(crate) struct Workdir {
    base: PathBuf,
    laid_out: bool,
    _lock: Lock,
}

impl Workdir {
    /// The folder of the resource at an address, once nobody else works in it.
    ///
    /// # Errors
    /// When it cannot be made, or waiting for it was cancelled.
    pub(crate) async fn open(
        place: &Place,
        address: &Address,
        cancel: &CancellationToken,
    ) -> Result<Self, ProviderError> {
        let base = place.data.join("terraform").join(name_of(address));
        fs::create_private_dir_all(&base)?;
        let lock = Lock::take(&base.join("lock"), cancel).await?;
        let mut workdir = Self { base, laid_out: false, _lock: lock };
        // What a killed run left.
        workdir.clear();
        fs::create_private_dir_all(&workdir.private())?;
        fs::create_private_dir_all(&workdir.copy())?;
        Ok(workdir)
    }

    /// Lays the captured files out, and `own` beside them: names from the copy's top, and contents.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn lay_out(
        &mut self,
        files: &dyn Files,
        captured: &[CapturedFile],
        layout: Layout,
        own: &[(PathBuf, Vec<u8>)],
    ) -> Result<(), ProviderError> {
        let places =
            captured.iter().map(|file| layout.place(&file.path)).chain(own.iter().map(|(path, _)| path.clone()));
        let places: Vec<PathBuf> = places.collect();
        let listed =
            serde_json::to_vec(&places).map_err(|error| ProviderError::new(ErrorKind::Internal, error.to_string()))?;
        fs::write_atomic(&self.manifest(), &listed, 0o600)?;
        self.laid_out = true;
        capture::lay_out(files, captured, &self.copy(), |path| Some(layout.place(path)))?;
        for (path, bytes) in own {
            let path = self.copy().join(path);
            fs::remove_file(&path)?;
            fs::write_unsynced(&path, bytes, 0o600)?;
        }
        Ok(())
    }

    /// The copy's top folder.
    pub(crate) fn copy(&self) -> PathBuf {
        self.base.join("copy")
    }

    /// What the engine keeps of the module: plugins, modules, which backend.
    pub(crate) fn data(&self) -> PathBuf {
        self.base.join("data")
    }

    /// A file of ours that stays.
    pub(crate) fn kept(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// The path of a file that goes when this is dropped.
    pub(crate) fn passing(&self, name: &str) -> PathBuf {
        self.private().join(name)
    }

    /// Writes a file that goes when this is dropped, readable by nobody else.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn hand_over(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, ProviderError> {
        let path = self.passing(name);
        fs::remove_file(&path)?;
        fs::write_unsynced(&path, bytes, 0o600)?;
        Ok(path)
    }

    /// Removes all of it: the module is gone.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn remove(mut self) -> Result<(), ProviderError> {
        self.laid_out = false;
        fs::remove_dir_all(&self.base).map_err(ProviderError::from)
    }

    fn private(&self) -> PathBuf {
        self.base.join("private")
    }

    fn manifest(&self) -> PathBuf {
        self.base.join("copy.json")
    }

    fn clear(&mut self) {
        // Best effort: what stays is private, and the next run tries again.
        let _ = fs::remove_dir_all(&self.private());
        let Ok(Some(listed)) = fs::read_if_there(&self.manifest()) else { return };
        let places: Vec<PathBuf> = serde_json::from_slice(&listed).unwrap_or_default();
        let removed = places.iter().all(|place| fs::remove_file(&self.copy().join(place)).is_ok());
        if removed {
            let _ = fs::remove_file(&self.manifest());
        }
        self.laid_out = false;
    }
}

impl Drop for Workdir {
    fn drop(&mut self) {
        self.clear();
    }
}

fn name_of(address: &Address) -> String {
    let text = address.to_string();
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).take(60).collect();
    format!("{plain}-{}", Digest::of(text.as_bytes()).short())
}

/// A file that one process at a time holds.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until it is ours.
    ///
    /// # Errors
    /// When the file cannot be made, or waiting was cancelled.
    pub(crate) async fn take(path: &Path, cancel: &CancellationToken) -> Result<Self, ProviderError> {
        if let Some(folder) = path.parent() {
            fs::create_private_dir_all(folder)?;
        }
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
        let file = fs::at("open", path, opened)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(fs::FsError { action: "lock", path: path.to_owned(), source: error }.into());
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = cancel.cancelled() => return Err(ProviderError::new(ErrorKind::Cancelled, "it was cancelled")),
            }
        }
    }
}
