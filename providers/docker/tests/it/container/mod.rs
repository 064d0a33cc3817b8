//! `docker_container` against a real engine. Without one these tests fail; `cargo xtask engines docker` brings it up.

mod bench;
mod drift;
