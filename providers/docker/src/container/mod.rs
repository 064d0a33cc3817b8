//! `docker_container`: one container, or several alike.
//!
//! A container is made once and never changed but for little: its name, what it may use of the machine, the networks it
//! is attached to, and whether it runs. Everything else takes a new one. The engine fills in what a configuration leaves
//! out, from the image or by itself; so what a record holds is what was configured, and what is really there is compared
//! with it only where something was configured.

mod apply;
mod conflict;
mod create;
mod create_request;
mod delete;
mod describe;
#[cfg(test)]
mod fields;
mod find;
mod handover;
mod health;
mod inspected;
mod logs;
mod names;
mod observe;
mod plan;
mod prepare;
mod reconcile;
mod record;
mod schema;
mod spec;
mod theme;
mod units;
mod update;
mod values;

pub(crate) use apply::apply;
pub(crate) use find::{find, find_all, import};
pub(crate) use health::health;
pub(crate) use logs::logs;
pub(crate) use observe::read;
pub(crate) use plan::plan;
pub(crate) use prepare::{identity, prepare};
pub(crate) use schema::{TYPE, schema};
