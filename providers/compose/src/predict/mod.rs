//! What Compose will do, worked out from the project and from what there is, without asking Compose to try.
//!
//! Pure: the same question gives the same answer, and the tests hold the answer against what Compose then does. The rules are
//! those of `docker compose up`: a container is made anew if the hash of its service's configuration or its image is another
//! one, if it is not on one of its networks, or does not mount one of its volumes; what it shares with such a container goes
//! with it; dependents that say `restart: true` are restarted; the rest is left alone.

mod fate;
mod networks;
mod order;
mod services;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use fate::{Counts, Fate, Prediction, ServiceFate, Why};

use crate::engine::World;
use crate::model::Resolved;

/// All that decides what Compose will do.
pub(crate) struct Question<'q> {
    /// The project as it is to be.
    pub resolved: &'q Resolved,
    /// What there is.
    pub world: &'q World,
    /// The images that the engine has, by name.
    pub images: &'q BTreeMap<String, String>,
    /// The services whose image is built, and why.
    pub builds: &'q BTreeMap<String, Why>,
    /// The services whose image is pulled.
    pub pulls: &'q BTreeSet<String>,
    /// For each service what identifies the contents of its configs and secrets that are not mounted from a file, where
    /// that differs from what its containers were given.
    pub other_contents: &'q BTreeSet<String>,
    /// Whether files may be mounted from where the project's folder has them: containers that deployctl did not make do.
    pub live_files: &'q BTreeMap<String, String>,
    /// Whether what is left over is removed.
    pub remove_orphans: bool,
}

/// What Compose will do.
pub(crate) fn predict(question: &Question<'_>) -> Prediction {
    let networks = networks::networks(question);
    let volumes = networks::volumes(question);
    let services = services::services(question, &networks, &volumes);
    Prediction { removed: services::removed(question), services, networks, volumes }
}
