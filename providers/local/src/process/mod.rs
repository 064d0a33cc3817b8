//! `local_process`: a service in the background of this machine, each replica of it under a supervisor of its own.
//!
//! deployctl itself never waits for a service. What it knows of one lies in a folder beside the state, under the record's
//! id: what each replica is to be, and what its supervisor says has become of it. That folder is also how a service is
//! found again after a crash.

mod apply;
mod config;
mod converge;
mod expand;
mod identity;
mod logs;
mod mark;
mod observe;
mod plan;
mod ports;
mod prepare;
mod record;
mod replica;
mod schema;
mod start;
mod stop;
mod supervisor;

pub(crate) use apply::apply;
pub(crate) use converge::Site;
pub(crate) use logs::logs;
pub(crate) use observe::{find, find_all, health, read};
pub(crate) use plan::plan;
pub(crate) use ports::Ports;
pub(crate) use prepare::prepare;
pub(crate) use schema::{SETTLED, TYPE, schema};
pub use supervisor::supervise;
