//! The state as data: what was recorded about everything that deployctl manages.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployctl_sdk::{Address, Lineage, Object, ResourceId, Value};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What was recorded about one deployment in one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The state's identity.
    pub lineage: Lineage,
    /// Counts the runs that changed it; 0 before the first.
    pub serial: u64,
    /// The version of deployctl that wrote it.
    pub version: String,
    /// The versions of the engines' programs, by name, as the last run found them.
    pub engines: BTreeMap<String, String>,
    /// What is managed.
    pub records: BTreeMap<Address, Arc<Record>>,
    /// The outputs of the last run.
    pub outputs: BTreeMap<Arc<str>, Value>,
}

impl State {
    /// A state in which nothing was done yet.
    pub fn new(lineage: Lineage) -> Self {
        Self {
            lineage,
            serial: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engines: BTreeMap::new(),
            records: BTreeMap::new(),
            outputs: BTreeMap::new(),
        }
    }
}

/// Which provider a resource belongs to, and with which settings it is used: kept so that a resource can be deleted after
/// its `provider` block is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderRef {
    /// The provider's name.
    pub name: Arc<str>,
    /// The block's alias, where it has one.
    pub alias: Option<Arc<str>>,
    /// The settings, all known.
    pub settings: Value,
}

/// What was recorded about one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its identity, part of the mark on the real object.
    pub id: ResourceId,
    /// Its type.
    pub type_name: Arc<str>,
    /// The version of the type's schema that the object is in.
    pub schema_version: u32,
    /// Its provider.
    pub provider: ProviderRef,
    /// The real object; `None` where only deposed ones are left.
    pub object: Option<Object>,
    /// In what shape it is.
    pub status: Status,
    /// What is left of replacements that did not finish.
    pub deposed: Vec<Deposed>,
    /// What it was made after; the order of deletion is the reverse.
    pub dependencies: Vec<Address>,
    /// Whether a replacement makes the new one first.
    pub create_first: bool,
    /// Whether `prevent_destroy` protects it.
    pub prevent_destroy: bool,
    /// The host that it lives on, for what lives on one host.
    pub host: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// An object that was replaced and is not removed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Deposed {
    /// The identity in its mark; a replacement that came first has another one than its record has now.
    pub id: ResourceId,
    /// The object.
    pub object: Object,
}

/// In what shape a recorded resource is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    #[default]
    Ready,
    /// Made, and not healthy when it was last looked at.
    Unhealthy,
    /// Half made: the next run replaces it.
    Tainted,
}
