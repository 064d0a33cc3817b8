//! What is recorded and not wanted any more.

use std::sync::Arc;

use deployctl_sdk::{Action, Address, PlannedChange, Reason, Removal};

use super::ResourceChange;
use crate::state::Record;

/// The change that removes a recorded resource.
pub(super) fn removal(address: &Address, record: &Record, reason: Reason) -> ResourceChange {
    let before = record.object.as_ref().map(|object| object.attributes.clone()).unwrap_or_default();
    let unchanged_attributes =
        before.as_map().map_or(0, |attributes| attributes.values().filter(|value| !value.is_null()).count());
    ResourceChange {
        type_name: record.type_name.clone(),
        dependencies: record.dependencies.clone(),
        unchanged_attributes,
        ..ResourceChange::bare(address.clone(), record.id, record.provider.clone(), Action::Delete, reason)
    }
}

/// Adds what the provider says of it. What only is to be forgotten needs no deletion, unless an earlier replacement left
/// something real beside it, or it is protected.
pub(super) fn describe(change: &mut ResourceChange, removal: Removal, record: &Record) {
    if removal.forgets && record.deposed.is_empty() && !record.prevent_destroy {
        change.action = Action::Forget;
    }
    change.risks.extend(removal.risks);
    change.notes.extend(removal.notes);
}

/// Adds what its engine says about removing it.
pub(super) fn add(change: &mut ResourceChange, planned: PlannedChange) {
    change.children = planned.children;
    change.risks.extend(planned.risks);
    change.notes.extend(planned.notes);
    change.drift = planned.drift;
    change.artefact = planned.artefact.map(Arc::from);
}

/// Why a recorded resource is not wanted: its whole resource is gone from the configuration, or only its key.
pub(super) fn why_unwanted(resource_is_configured: bool) -> Reason {
    if resource_is_configured { Reason::KeyGone } else { Reason::NotConfigured }
}
