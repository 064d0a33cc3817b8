//! Outputs in files instead of pipes, for a program that is to come to its end even if deployctl does not.
//!
//! A pipe breaks with its reader, and a program that writes its next line to a broken pipe dies of it: of what Terraform was
//! making just then its state would know nothing. A file stays. It is private, it goes once the program has ended, and it
//! tells a later run whether the program is still at work: the program inherits its standard output together with a lock on
//! it, which the system takes back when the last process that has it is gone. Standard error is locked by deployctl itself,
//! so that a program that has lost its deployctl is not taken for one that is being watched.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Stream;
use crate::fs;

/// What the names of such files end in.
const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";

/// How much is read at one time.
const PIECE: u64 = 64 * 1024;

/// How often a program that was left behind is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The two files, being read while a program writes to them. They are removed when this is dropped.
pub(super) struct Outlet {
    stdout: Written,
    stderr: Written,
}

/// The ends that the program writes to.
pub(super) struct Ends {
    pub(super) stdout: File,
    pub(super) stderr: File,
}

struct Written {
    path: PathBuf,
    reader: File,
}

impl Outlet {
    /// Makes the files in a folder that only its owner can look into.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Ends)> {
        let name = crate::source::uuid().simple().to_string();
        // First the one that says that somebody watches, so that the other never stands there without it.
        let (stderr, error_end) = Written::open(folder.join(format!("{name}.{STDERR}")))?;
        hold(&stderr.reader)?;
        let (stdout, output_end) = Written::open(folder.join(format!("{name}.{STDOUT}")))?;
        hold(&output_end)?;
        Ok((Self { stdout, stderr }, Ends { stdout: output_end, stderr: error_end }))
    }

    /// What was written since, if anything was.
    pub(super) fn more(&mut self) -> Option<(Stream, Vec<u8>)> {
        let stdout = self.stdout.more().map(|bytes| (Stream::Stdout, bytes));
        stdout.or_else(|| self.stderr.more().map(|bytes| (Stream::Stderr, bytes)))
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        // Best effort: they lie in a private folder, which its owner clears.
        let _ = fs::remove_file(&self.stdout.path);
        let _ = fs::remove_file(&self.stderr.path);
    }
}

impl Written {
    fn open(path: PathBuf) -> io::Result<(Self, File)> {
        let end = fs::create_new(&path, 0o600).map_err(io::Error::other)?;
        let reader = fs::open(&path).map_err(io::Error::other)?;
        Ok((Self { path, reader }, end))
    }

    fn more(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        // What cannot be read now may be read at the next look.
        let _ = (&mut self.reader).take(PIECE).read_to_end(&mut bytes);
        (!bytes.is_empty()).then_some(bytes)
    }
}

/// Locks a file for as long as it is open, here or in a program that inherits it. Elsewhere locks are not inherited.
fn hold(file: &File) -> io::Result<()> {
    if cfg!(unix) { file.lock() } else { Ok(()) }
}

/// Waits for programs that were started with [`Invocation::outlives_us`](super::Invocation::outlives_us) on that folder and
/// whose deployctl was killed, at most for so long. Answers whether there is none any more.
pub async fn wait_for_orphans(folder: &Path, patience: Duration) -> bool {
    let begun = tokio::time::Instant::now();
    while has_orphans(folder) {
        if begun.elapsed() > patience {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}

fn has_orphans(folder: &Path) -> bool {
    let files = fs::read_dir(folder).unwrap_or_default();
    let outputs = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == STDOUT));
    outputs.into_iter().any(|path| is_held(path) && !is_held(&path.with_extension(STDERR)))
}

/// Whether another process holds the lock of a file.
fn is_held(path: &Path) -> bool {
    // Shared, so that two that look at one time do not see each other.
    fs::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
