//! Docker Compose projects: `docker compose` does the work, and what it will do is planned here.
//!
//! The official program resolves a project ([`compose`]) from the files that were captured of it ([`sources`]); the
//! containers, networks and volumes that are there are listed in three requests ([`engine`]); from these two alone it is
//! worked out what Compose will do and why ([`predict`], [`explain`]); and then Compose does it ([`apply`]).
//!
//! It must not know how a plan is shown, nor how records are kept.

mod apply;
mod assemble;
mod compose;
mod decide;
mod destroy;
mod engine;
mod explain;
mod failure;
mod import;
mod model;
mod observe;
mod plan;
mod predict;
mod prepare;
mod provider;
mod record;
mod schema;
mod settings;
mod site;
mod sources;
mod store;

use std::sync::Arc;

use deployctl_sdk::Provider;
pub use provider::ComposeProvider;

/// The provider.
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(ComposeProvider::new())
}
