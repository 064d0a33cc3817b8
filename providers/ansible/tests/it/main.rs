//! The Ansible provider on real ansible-core.

mod bad_input;
mod bench;
mod conformance;
mod failure;
mod plan;
mod remote;
mod secrets;
