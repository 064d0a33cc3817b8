//! Objects as JSON, and as values of the configuration language.

use deployctl_sdk::{Map, Value};

/// An object as the API server has it.
pub(crate) type Json = serde_json::Value;

/// A value as JSON, sensitive parts in clear; members that are null are left out, as a configuration means it.
pub(crate) fn of_value(value: &Value) -> Json {
    match value.unmark().0 {
        Value::List(items) => Json::Array(items.iter().map(of_value).collect()),
        Value::Map(members) => Json::Object(
            members
                .iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(name, member)| (name.to_string(), of_value(member)))
                .collect(),
        ),
        // What is left has no mark and no members, so it is itself in JSON.
        plain => serde_json::to_value(plain).unwrap_or_default(),
    }
}

/// JSON as a value.
pub(crate) fn to_value(json: &Json) -> Value {
    match json {
        Json::Object(members) => {
            Value::from(members.iter().map(|(name, member)| (name.as_str().into(), to_value(member))).collect::<Map>())
        }
        Json::Array(items) => Value::list(items.iter().map(to_value)),
        plain => serde_json::from_value(plain.clone()).unwrap_or_default(),
    }
}

/// A text somewhere inside an object, by a JSON pointer; empty where there is none.
pub(crate) fn text<'j>(object: &'j Json, pointer: &str) -> &'j str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}
