//! The folder that a module's program runs in: our own, private, one for each resource, and kept between runs for what the
//! engine downloads and for what the module itself makes there.
//!
//! The captured files stand in it only while a program runs, because variable files hold secrets.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use deployctl_sdk::{Address, CapturedFile, Digest, ErrorKind, Files, Place, ProviderError, capture, fs, program};
use tokio_util::sync::CancellationToken;

use crate::session::cancelled;
use crate::source::Layout;

/// How often a folder that another process works in is looked at again.
const LOOK: Duration = Duration::from_millis(50);

/// How long a program that a killed run left at work is waited for before that is said.
const PATIENCE: Duration = Duration::from_secs(60);

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
        let base = base(place, address);
        fs::create_private_dir_all(&base)?;
        let lock = Lock::take(&base.join("lock"), cancel).await?;
        tokio::select! {
            settled = at_rest(place, address) => settled?,
            () = cancel.cancelled() => return Err(cancelled()),
        }
        let mut workdir = Self { base, laid_out: false, _lock: lock };
        // What a killed run left.
        workdir.clear();
        fs::create_private_dir_all(&workdir.private())?;
        fs::create_private_dir_all(&workdir.copy())?;
        Ok(workdir)
    }

    /// Lays the captured files out, and `own` beside them: names from the copy's top, and contents. What the engine notes of
    /// its backend goes with them if that is secret.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn lay_out(
        &mut self,
        files: &dyn Files,
        captured: &[CapturedFile],
        layout: Layout,
        own: &[(PathBuf, Vec<u8>)],
        backend_is_secret: bool,
    ) -> Result<(), ProviderError> {
        let places =
            captured.iter().map(|file| layout.place(&file.path)).chain(own.iter().map(|(path, _)| path.clone()));
        let places: Vec<PathBuf> = places.chain(backend_is_secret.then(|| self.backend())).collect();
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

    /// The file in which the engine notes which backend the module has, with its settings in clear.
    pub(crate) fn backend(&self) -> PathBuf {
        self.data().join("terraform.tfstate")
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

    /// The folder for the outputs of a program that is to end its work whatever happens to us.
    pub(crate) fn outlet(&self) -> PathBuf {
        self.private()
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
        private(&self.base)
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

/// Waits until nothing works on the module any more that a killed run began: until then its state tells half of the truth, and
/// the files that it was given are in use.
///
/// # Errors
/// When that takes long.
pub(crate) async fn at_rest(place: &Place, address: &Address) -> Result<(), ProviderError> {
    let folder = private(&base(place, address));
    if program::wait_for_orphans(&folder, PATIENCE).await {
        return Ok(());
    }
    let message = "what an earlier run began goes on in this module, although that run was killed";
    Err(ProviderError::new(ErrorKind::Transient, message)
        .with_hint(format!("wait for it, or end it: `fuser {}/*.stdout` names its processes", folder.display())))
}

/// Removes what a killed run left in the folder of a module that is gone, and that nobody will work in again; nothing while
/// somebody works in it.
///
/// # Errors
/// When the lock cannot be looked at.
pub(crate) fn clear_left(place: &Place, address: &Address) -> Result<(), ProviderError> {
    let base = base(place, address);
    if base.is_dir()
        && let Some(lock) = Lock::try_take(&base.join("lock"))?
    {
        drop(Workdir { base, laid_out: false, _lock: lock });
    }
    Ok(())
}

fn base(place: &Place, address: &Address) -> PathBuf {
    place.data.join("terraform").join(name_of(address))
}

fn private(base: &Path) -> PathBuf {
    base.join("private")
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
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = cancel.cancelled() => return Err(cancelled()),
            }
        }
    }

    /// Takes it if nobody has it.
    fn try_take(path: &Path) -> Result<Option<Self>, ProviderError> {
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
        let file = fs::at("open", path, opened)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(fs::FsError { action: "lock", path: path.to_owned(), source: error }.into())
            }
        }
    }
}
