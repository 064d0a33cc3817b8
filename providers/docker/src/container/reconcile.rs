//! A container that was found or imported, seen in the light of a configuration. From the engine alone nobody can tell
//! whether something was configured or filled in, in which order, or what was uploaded; the configuration and the
//! fingerprint on the container can.

use deployctl_sdk::{Object, ResourceId, ResourceSchema, Value};

use super::describe::{in_order_of, is_empty, same};
use super::spec;
use crate::attributes::{text, with};

/// Repeated blocks whose order the engine does not keep, with the member that tells their items apart.
const UNORDERED: &[(&str, &str)] = &[("network", "name"), ("port", "internal"), ("blkio_device", "path")];

/// The object with everything put as the configuration has it where that is the same thing.
pub(crate) fn reconciled(schema: &ResourceSchema, object: &Object, config: &Value) -> Object {
    if object.private.get("found").and_then(Value::as_bool) != Some(true) {
        return object.clone();
    }
    let mut members: Vec<(&str, Value)> = Vec::new();
    let as_made = is_made_from(schema, object, config);
    for attribute in &schema.attributes {
        let name = attribute.name.as_str();
        let has = object.attributes.get(name);
        let wanted = config.get(name);
        if as_made && spec::covers(schema).any(|covered| covered == name) {
            members.push((name, wanted.cloned().unwrap_or_default()));
            continue;
        }
        let Some(wanted) = wanted else { continue };
        let filled_in = object.private.get("defaults").and_then(|defaults| defaults.get(name));
        match (has, filled_in) {
            (None, _) if is_empty(wanted) => members.push((name, wanted.clone())),
            (None, Some(default)) if same(default, wanted) => members.push((name, wanted.clone())),
            (Some(has), _) => {
                let key = UNORDERED.iter().find(|(block, _)| *block == name).map(|(_, key)| *key);
                let ordered = key.map_or_else(|| has.clone(), |key| in_order_of(has, wanted, key));
                members.push((name, if same(&ordered, wanted) { wanted.clone() } else { ordered }));
            }
            _ => {}
        }
    }
    // What is only told to us, and not to the engine, is whatever it is said to be now.
    for name in ["must_run", "remove_volumes"] {
        members.push((name, config.get(name).cloned().unwrap_or_default()));
    }
    Object { attributes: with(&object.attributes, members), ..object.clone() }
}

fn is_made_from(schema: &ResourceSchema, object: &Object, config: &Value) -> bool {
    let id = text(&object.private, "made_for").and_then(|id| id.parse().ok()).map(ResourceId);
    let label = text(&object.private, "spec").unwrap_or_default();
    id.is_some_and(|id| label == spec::fingerprint(schema, config, id))
}
