//! The provider's behaviour, on real files and with real processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod command;
mod file;
mod ports_and_logs;
mod process;
