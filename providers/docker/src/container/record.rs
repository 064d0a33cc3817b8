//! What is kept of a resource's containers besides the attributes: which they are, and what the engine said of them right
//! after they were made.

use deployctl_sdk::{Map, Object, Value};

use crate::attributes::text;

/// One container of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    /// The engine's id.
    pub(crate) id: String,
    /// Its name when it was last seen.
    pub(crate) name: String,
}

/// The containers of a record, in the order of the replicas.
pub(crate) fn containers(object: &Object) -> Vec<Container> {
    let items = object.private.get("containers").and_then(Value::as_list).unwrap_or_default();
    let container =
        |item: &Value| Some(Container { id: text(item, "id")?, name: text(item, "name").unwrap_or_default() });
    items.iter().filter_map(container).collect()
}

/// The private part of a record.
pub(crate) fn private(containers: &[Container], seen: Map) -> Value {
    let containers = containers.iter().map(|container| {
        Value::map([("id", Value::from(container.id.as_str())), ("name", Value::from(container.name.as_str()))])
    });
    Value::map([("containers", Value::list(containers)), ("seen", Value::from(seen))])
}

/// What the engine said of an attribute right after the last change: it may have rounded or dropped what was asked, and
/// that is no drift.
pub(crate) fn seen<'o>(object: &'o Object, name: &str) -> Option<&'o Value> {
    object.private.get("seen")?.as_map()?.get(name)
}
