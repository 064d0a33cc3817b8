//! The Ansible provider on real ansible-core.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_input;
mod bench;
mod conformance;
mod failure;
mod options;
mod plan;
mod remote;
mod secrets;
