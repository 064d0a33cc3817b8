//! How a program ended, or why it never began.

use std::path::PathBuf;
use std::process::ExitStatus;

/// How a program ended, with what was kept of its outputs. They may hold anything, so this has no `Debug`.
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What was kept of its standard output.
    pub stdout: Vec<u8>,
    /// What was kept of its standard error.
    pub stderr: Vec<u8>,
    /// Why it was ended, if it did not end by itself.
    pub stopped: Option<Stopped>,
}

/// Why a program was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// On request.
    Cancelled,
    /// It took longer than it may.
    TimedOut,
}

impl Ended {
    /// Whether it ended by itself, and well.
    pub fn success(&self) -> bool {
        self.stopped.is_none() && self.status.success()
    }

    /// Its standard output as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its standard error as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// How it ended, in words that go on after its name: `ended with exit code 1`.
    pub fn how(&self) -> String {
        match self.status.code() {
            Some(code) => format!("ended with exit code {code}"),
            None => format!("was ended from outside ({})", self.status),
        }
    }
}

/// A program that could not be started, or whose end could not be learnt.
#[derive(Debug, thiserror::Error)]
#[error("cannot run {}: {source}", program.display())]
pub struct CannotStart {
    /// The program.
    pub program: PathBuf,
    /// The system's answer.
    pub source: std::io::Error,
}

impl CannotStart {
    /// Whether there is no such program, or no such folder to run it in.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == std::io::ErrorKind::NotFound
    }
}
