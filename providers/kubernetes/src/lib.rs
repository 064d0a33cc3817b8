//! Objects of a Kubernetes cluster, applied on the server's side.
//!
//! What is wanted comes from manifests ([`manifest`], [`sources`], [`wanted`]); what is there is asked for in few requests
//! ([`cluster`], [`look`]). A plan is the API server's own dry run, seen through the fields that are ours ([`plan`],
//! [`fields`]); applying goes in waves ([`apply`], [`wave`]) and waits until each object is ready ([`ready`]).
//!
//! It must not know how a plan is shown, nor how records are kept. It must never show or write down in clear what a Secret
//! holds.

mod apply;
mod cluster;
mod fields;
mod find;
mod id;
mod import;
mod json;
mod logs;
mod look;
mod manifest;
mod mark;
mod observe;
mod options;
mod plan;
mod prepare;
mod provider;
mod ready;
mod record;
mod schema;
mod site;
mod sources;
mod wanted;
mod wave;

use std::sync::Arc;

use deployctl_sdk::Provider;
pub use provider::KubernetesProvider;

/// The provider.
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(KubernetesProvider::new())
}
