//! The provider's behaviour, with the real Compose on a real engine: `cargo xtask engines docker compose` brings both up.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod bad_input;
mod bench;
mod capture;
mod conformance;
mod corpus;
mod drift;
mod edits;
mod live;
mod sensitive;
