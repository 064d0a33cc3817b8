//! Files, commands and supervised processes on this machine.
//!
//! The smallest engine there is: the operating system. Everything here is done with what every machine has, so that
//! deployctl is of use before any other engine is installed.
//!
//! It must not know configurations, states or graphs; like every provider it sees one resource at a time, through
//! [`deployctl_sdk`]. It must never show, log or write down a sensitive value in clear.

mod attributes;
mod claim;
mod command;
mod file;
#[cfg(unix)]
mod process;
mod provider;

use deployctl_sdk::duration;
pub use provider::{LocalProvider, provider};

#[cfg(unix)]
pub use process::supervise;

/// There are no supervised processes on this system, so there is nothing to supervise: answers exit code 64.
#[cfg(not(unix))]
pub fn supervise(_: &std::path::Path) -> i32 {
    64
}
