//! The docker provider against a real Docker Engine.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod conformance;
mod container;
mod engine;
mod image;
mod network;
mod proxy;
mod registry;
mod volume;
