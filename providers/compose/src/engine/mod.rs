//! What there really is of Compose's projects on an engine.

mod container;
mod list;
mod logs;
mod world;

pub(crate) use container::{Check, Container, State};
pub(crate) use list::{images, list};
pub(crate) use logs::{last_log_lines, stream_logs};
pub(crate) use world::World;
