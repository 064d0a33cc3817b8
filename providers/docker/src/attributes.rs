//! Attributes as values: reading settled configurations, and putting the attributes of real objects together.

use std::collections::HashMap;
use std::hash::BuildHasher;

use deployctl_sdk::{Map, ResourceSchema, Value};

/// The attributes of a real object: exactly the schema's, null where `members` says nothing, sensitive where the schema
/// says so.
pub(crate) fn described(schema: &ResourceSchema, members: Vec<(&str, Value)>) -> Value {
    let mut given: HashMap<&str, Value> = members.into_iter().collect();
    Value::map(schema.attributes.iter().map(|attribute| {
        let value = given.remove(attribute.name.as_str()).unwrap_or_default();
        (attribute.name.as_str(), value.with_mark(attribute.sensitive))
    }))
}

/// The map with some members replaced or added.
pub(crate) fn with(value: &Value, members: Vec<(&str, Value)>) -> Value {
    let mut map: Map = value.as_map().cloned().unwrap_or_default();
    for (name, member) in members {
        map.insert(name.into(), member);
    }
    Value::from(map)
}

/// The text of an attribute, if it is set and known.
pub(crate) fn text(config: &Value, name: &str) -> Option<String> {
    config.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// The truth value of an attribute; false if it is not set.
pub(crate) fn truth(config: &Value, name: &str) -> bool {
    config.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The members of a map of texts, sensitive ones in clear: for handing to the engine and nothing else.
pub(crate) fn texts_by_name(config: &Value, name: &str) -> Vec<(String, String)> {
    let Some(members) = config.get(name).and_then(Value::as_map) else { return Vec::new() };
    members.iter().filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_owned()))).collect()
}

/// A map of texts, or null if it is empty: to a configuration the two are the same.
pub(crate) fn map_or_null<'t>(members: impl IntoIterator<Item = (&'t str, &'t str)>) -> Value {
    let map: Map = members.into_iter().map(|(key, value)| (key.into(), Value::from(value))).collect();
    if map.is_empty() { Value::Null } else { Value::from(map) }
}

/// A map that the engine gave, as [`map_or_null`].
pub(crate) fn engine_map<S: BuildHasher>(members: Option<&HashMap<String, String, S>>) -> Value {
    members
        .map_or(Value::Null, |members| map_or_null(members.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
}

/// A text, or null if it is empty.
pub(crate) fn text_or_null(text: Option<&str>) -> Value {
    text.filter(|text| !text.is_empty()).map_or(Value::Null, Value::from)
}

/// The value with the marks that the same place of `like` bears, so that what the engine says in clear stays hidden where
/// the configuration hid it.
pub(crate) fn marked_like(value: Value, like: Option<&Value>) -> Value {
    let Some(like) = like else { return value };
    let (plain, marked) = like.unmark();
    let value = match (value.unmark().0, plain) {
        (Value::Map(members), Value::Map(others)) => {
            Value::map(members.iter().map(|(key, value)| (key.clone(), marked_like(value.clone(), others.get(key)))))
        }
        (Value::List(items), Value::List(others)) => {
            Value::list(items.iter().enumerate().map(|(index, item)| marked_like(item.clone(), others.get(index))))
        }
        _ => value,
    };
    value.with_mark(marked)
}
