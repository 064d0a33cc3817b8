//! The mark on everything that deployctl creates.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::address::Address;
use crate::source;

/// The identity of a state through all its serials, fixed when the first plan is saved or applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lineage(pub Uuid);

/// The random identity of one record, which stays the same when the record moves to another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(pub Uuid);

impl ResourceId {
    /// A new identity.
    pub fn random() -> Self {
        Self(source::uuid())
    }
}

impl Lineage {
    /// A new identity.
    pub fn random() -> Self {
        Self(source::uuid())
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The mark: an object that bears it belongs to this record of this state, and nothing else does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// The state.
    pub lineage: Lineage,
    /// The record.
    pub id: ResourceId,
    /// Where the record was when the object was made. For people to read; never compared.
    pub address: Address,
}
