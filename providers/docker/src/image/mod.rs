//! `docker_image`: the image that an engine has under a name.
//!
//! A tag is a name: building or pulling moves it, and it is never refused as not ours. What is ours is marked by a second
//! tag ([`keep`]), under which an image outlives the name for as long as the history may need it.

mod apply;
mod build;
mod context;
mod keep;
mod name;
mod observe;
mod plan;
mod prepare;
mod schema;
mod transfer;

use deployctl_sdk::Value;

pub(crate) use apply::apply;
pub(crate) use keep::let_go;
pub(crate) use observe::{find, import, read};
pub(crate) use plan::plan;
pub(crate) use prepare::prepare;
pub(crate) use schema::{TYPE, schema};

/// The whole configuration, where it may stand in the journal in clear; without it, the image is put in place again, which
/// builds nothing that was built.
pub(crate) fn identity(config: &Value) -> Option<Value> {
    (!config.contains_sensitive() && !config.contains_unknown()).then(|| config.clone())
}
