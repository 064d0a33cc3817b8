//! `docker_container` against a real engine. Without one these tests fail; `cargo xtask engines docker` brings it up.

mod bench;
mod changes;
mod conformance;
mod drift;
mod handover;
mod proxy;
mod refusals;
mod secrets;
mod takeover;
