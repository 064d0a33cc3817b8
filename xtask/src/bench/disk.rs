//! Files of the bench, and how long this machine takes to make a write durable.
// The wrapper of the project's own crate is not linked here: chores are built before anything else is.
#![allow(clippy::disallowed_methods)]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Failure;

/// How many writes the latency is the median of.
const WRITES: usize = 200;

/// A folder of the bench's own, removed at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new empty folder in cargo's target folder: on the same disk as real work, which a temporary folder may not be.
    pub fn new() -> Result<Self, Failure> {
        let folder = crate::cargo::root()?.join("target").join(format!("bench-{}", std::process::id()));
        make_folder(&folder)?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left in a target folder is in nobody's way.
        let _ = fs::remove_dir_all(&self.0);
    }
}

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

/// Reads a file, if it is there and can be read.
pub fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// How long one appended record takes until it is durable: the median.
pub fn sync_latency(folder: &Path) -> Result<Duration, Failure> {
    let path = folder.join("latency");
    let mut file =
        OpenOptions::new().create(true).append(true).open(&path).map_err(|error| failed("open", &path, &error))?;
    let record = [b'x'; 256];
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let begun = Instant::now();
        file.write_all(&record).and_then(|()| file.sync_data()).map_err(|error| failed("write", &path, &error))?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(WRITES / 2).copied().unwrap_or_default())
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    format!("cannot {what} {}: {error}", path.display())
}
