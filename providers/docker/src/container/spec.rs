//! The fingerprint of a container's specification: all of its configuration that cannot be changed while it lives. It
//! stands in a label, so that a container that is found again after a crash is known for exactly what it was made as,
//! whatever image and engine have filled in since.

use deployctl_sdk::{Digest, Map, ResourceId, ResourceSchema, Value};

use crate::mark::Labels;

/// The label with the fingerprint.
pub(crate) const LABEL: &str = "deployctl.spec";

/// The part of a configuration that only a new container takes.
fn fixed(schema: &ResourceSchema, config: &Value) -> Value {
    let fixed = schema.attributes.iter().filter(|attribute| attribute.forces_replacement);
    let members = fixed.filter_map(|attribute| Some((attribute.name.as_str(), config.get(&attribute.name)?.clone())));
    without_nulls(&Value::map(members).reveal())
}

/// An attribute that is not set is not there: so a schema may grow without all containers looking new.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Map(members) => {
            let set = members.iter().filter(|(_, member)| !member.is_null());
            Value::from(set.map(|(key, member)| (key.clone(), without_nulls(member))).collect::<Map>())
        }
        Value::List(items) => Value::list(items.iter().map(without_nulls)),
        other => other.clone(),
    }
}

/// The fingerprint of a configuration. The id makes it useless for guessing with tables, and whoever may read labels may
/// read the environment too.
pub(crate) fn fingerprint(schema: &ResourceSchema, config: &Value, id: ResourceId) -> String {
    let text = serde_json::to_vec(&(id, fixed(schema, config))).unwrap_or_default();
    Digest::of(&text).to_string()
}

/// Whether a container with these labels was made from that configuration.
pub(crate) fn is(labels: &Labels, schema: &ResourceSchema, config: &Value) -> bool {
    let Some(mark) = crate::mark::of(labels) else { return false };
    labels.get(LABEL).is_some_and(|label| *label == fingerprint(schema, config, mark.id))
}

/// The attributes that the fingerprint covers.
pub(crate) fn covers(schema: &ResourceSchema) -> impl Iterator<Item = &str> {
    schema.attributes.iter().filter(|attribute| attribute.forces_replacement).map(|attribute| attribute.name.as_str())
}
