//! A cluster as one configuration sees it: what reading, planning and applying share.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use deployctl_sdk::Lineage;

use crate::cluster::Cluster;
use crate::id::Id;
use crate::json::Json;
use crate::look::Found;
use crate::manifest::Document;
use crate::wanted::Upcoming;

/// A cluster and what was seen of it in this run.
pub(crate) struct Site {
    pub cluster: Cluster,
    pub lineage: Lineage,
    /// What was read last and not planned yet; nothing for what was not there.
    seen: Mutex<HashMap<Id, Option<Json>>>,
    /// What resources planned in this run make.
    upcoming: Mutex<Upcoming>,
}

impl Site {
    pub(crate) fn new(cluster: Cluster, lineage: Lineage) -> Self {
        Self { cluster, lineage, seen: Mutex::default(), upcoming: Mutex::default() }
    }

    /// Remembers what was read, for the plan that follows.
    pub(crate) fn note_seen(&self, objects: impl Iterator<Item = (Id, Option<Json>)>) {
        lock(&self.seen).extend(objects);
    }

    /// What was read of these objects, once; and those of which nothing is known.
    pub(crate) fn take_seen<'i>(&self, ids: impl Iterator<Item = &'i Id>) -> (Found, HashSet<Id>) {
        let mut seen = lock(&self.seen);
        let (mut found, mut unknown) = (Found::new(), HashSet::new());
        for id in ids {
            match seen.remove(id) {
                Some(Some(object)) => _ = found.insert(id.clone(), object),
                Some(None) => {}
                None => _ = unknown.insert(id.clone()),
            }
        }
        (found, unknown)
    }

    /// What was seen is not so any more.
    pub(crate) fn forget_seen(&self) {
        lock(&self.seen).clear();
    }

    /// What resources planned so far make.
    pub(crate) fn upcoming(&self) -> Upcoming {
        lock(&self.upcoming).clone()
    }

    /// The same with what one more makes.
    pub(crate) fn and_upcoming(&self, own: &Upcoming) -> Upcoming {
        let mut all = self.upcoming();
        all.kinds.extend(own.kinds.clone());
        all.namespaces.extend(own.namespaces.clone());
        all
    }

    /// Notes what a resource makes, for those planned after it.
    pub(crate) fn announce(&self, documents: &[Document], address: &str) {
        lock(&self.upcoming).add(documents, address);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
