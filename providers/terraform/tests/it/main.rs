//! The provider's behaviour, with real Terraform and real OpenTofu.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_input;
mod bench;
mod conformance;
mod engines;
mod modules;
mod options;
mod secrets;
