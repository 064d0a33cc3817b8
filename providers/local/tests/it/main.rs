//! The provider's behaviour, on real files and with real processes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod command;
mod conformance;
mod file;
mod ports_and_logs;
mod process;
