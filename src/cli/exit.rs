//! Exit codes: the one place where they are decided.

use std::process::ExitCode;

use crate::error::{Error, ErrorKind};

/// How the program ends. The numbers are documented and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Something was tried and failed; also a declined prompt, a tampered file, a time-out, something unhealthy.
    Failed = 1,
    /// There are changes, and `--detailed-exitcode` asked to be told so.
    Changes = 2,
    /// The saved plan does not fit the state any more.
    Stale = 3,
    /// Another run holds the lock.
    Locked = 4,
    /// Interrupted on request.
    Interrupted = 5,
    /// A protection or policy forbids it.
    Refused = 6,
    /// The command line was used wrongly.
    Usage = 64,
    /// The configuration is invalid.
    Invalid = 65,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Failed => Self::Failed,
            ErrorKind::Stale => Self::Stale,
            ErrorKind::Locked => Self::Locked,
            ErrorKind::Interrupted => Self::Interrupted,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Invalid => Self::Invalid,
        }
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        error.kind.into()
    }
}
