//! Files of the bench, and how long this machine takes to make a write durable.
// The wrapper of the project's own crate is not linked here: chores are built before anything else is.
#![allow(clippy::disallowed_methods)]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::files::failed;
pub use crate::files::{make_folder, read, remove_folder, write};

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
