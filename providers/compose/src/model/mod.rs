//! A Compose project as Compose itself resolved it: what services, networks and volumes there are to be.
//!
//! It comes from `docker compose config --format json`, so interpolation, `extends`, `include`, profiles and defaults are
//! Compose's own work. Nothing here reads files or asks an engine.

pub(crate) mod hash;
mod node;
mod resolved;
mod service;
mod taint;

pub(crate) use node::Node;
pub(crate) use resolved::Resolved;
pub(crate) use service::Service;
pub(crate) use taint::Taint;
