//! The provider against a real API server: `eval "$(cargo xtask engines kubernetes)"` brings one up.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod bad_input;
mod changes;
mod conformance;
mod desk;
mod edits;
mod helm;
mod kubelet;
mod login;
mod logs;
mod memory;
mod proxy;
mod ready;
mod rendered;
mod requests;
mod restart;
mod rights;
