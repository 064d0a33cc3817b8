//! What is known of one real object: what the provider made, and what the state keeps.

use serde::{Deserialize, Serialize};

use crate::files::CapturedFile;
use crate::value::Value;

/// One real object, as its provider describes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// All attributes of the schema, computed ones included: a map.
    pub attributes: Value,
    /// The provider's own notes: not shown, not referable, compared by nobody. A map or null. What is secret in it must
    /// be marked sensitive, as in the attributes.
    #[serde(default)]
    pub private: Value,
    /// The parts that are shown one by one: a Compose service, a Kubernetes object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<ChildObject>,
    /// The files that it was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub captured: Vec<CapturedFile>,
}

impl Object {
    /// An object with these attributes and nothing else.
    pub fn new(attributes: Value) -> Self {
        Self { attributes, ..Self::default() }
    }
}

/// A part of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildObject {
    /// What the engine calls its kind: `service`, `Deployment`.
    pub kind: String,
    /// What the engine calls it.
    pub name: String,
    /// Its state in a word or two, for `status`.
    pub state: String,
}
