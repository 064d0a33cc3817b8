//! Where engines are kept: what was built, by version; what they store; and what is running.
//!
//! It is outside of any checkout, because building all of it takes a quarter of an hour.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::{Failure, files, output};

/// The folder of all engines.
pub struct Place(PathBuf);

impl Place {
    /// `~/.cache/deployctl/engines`, or where the user keeps such things.
    pub fn new() -> Result<Self, Failure> {
        let cache = match std::env::var_os("XDG_CACHE_HOME") {
            Some(cache) if Path::new(&cache).is_absolute() => PathBuf::from(cache),
            _ => home()?.join(".cache"),
        };
        let place = Self(cache.join("deployctl/engines"));
        files::make_folder(&place.running())?;
        Ok(place)
    }

    /// The folder of what was built of one version of an engine. Its presence says that it is complete.
    pub fn version(&self, name: &str, version: &str) -> PathBuf {
        self.0.join(format!("{name}-{version}"))
    }

    /// Where an engine keeps what it is given to keep.
    pub fn data(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.0.join("data").join(name);
        files::make_folder(&folder)?;
        Ok(folder)
    }

    /// The log of a server, or of what had to be done for an engine.
    pub fn log(&self, name: &str) -> PathBuf {
        self.running().join(format!("{name}.log"))
    }

    /// Where it is written down that a server was started.
    pub fn record(&self, name: &str) -> PathBuf {
        self.running().join(format!("{name}.pid"))
    }

    fn running(&self) -> PathBuf {
        self.0.join("run")
    }

    /// Does something for an engine while no other run does anything for it.
    pub fn alone<T>(&self, name: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let path = self.running().join(format!("{name}.lock"));
        let lock = open(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                output::note(&format!("engines: waiting for another run that is busy with {name}"));
                lock.lock().map_err(|error| files::failed("lock", &path, &error))?;
            }
            Err(TryLockError::Error(error)) => return Err(files::failed("lock", &path, &error)),
        }
        work()
    }

    /// The folder of a version, made by `make` in an unfinished folder if it is not there yet.
    pub fn made(
        &self,
        name: &str,
        version: &str,
        make: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        let folder = self.version(name, version);
        if folder.is_dir() {
            return Ok(folder);
        }
        let unfinished = self.version(name, &format!("{version}.unfinished"));
        if unfinished.exists() {
            files::remove_folder(&unfinished)?;
        }
        files::make_folder(&unfinished)?;
        make(&unfinished)?;
        files::rename(&unfinished, &folder)?;
        Ok(folder)
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| files::failed("open", path, &error))
}

/// The user's home folder.
pub fn home() -> Result<PathBuf, Failure> {
    let home = std::env::var_os("HOME").filter(|home: &OsString| !home.is_empty());
    home.map(PathBuf::from).ok_or_else(|| "HOME is not set, so there is nowhere to keep engines".to_owned())
}
