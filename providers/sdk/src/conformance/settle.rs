//! A configuration as the engine hands it to a provider: converted to the schema's types, with its defaults and marks.

use std::sync::Arc;

use crate::schema::{Attribute, AttributeKind};
use crate::types::TypeMismatch;
use crate::value::{Map, Value};

/// Settles a configuration as it would be written against a schema.
///
/// # Errors
/// Where a value does not fit its attribute's type.
pub fn settle(attributes: &[Attribute], config: &Value) -> Result<Value, TypeMismatch> {
    let mut settled = Map::new();
    for attribute in attributes {
        let given = config.get(&attribute.name);
        let value = match (&attribute.kind, given) {
            (AttributeKind::Value(ty), Some(value)) => ty.convert(value)?,
            (AttributeKind::Block { .. }, Some(Value::Unknown)) => Value::Unknown,
            (AttributeKind::Block { attributes, .. }, Some(block)) => settle_block(attributes, block)?,
            (_, None) => attribute.default.clone().unwrap_or_default(),
        };
        settled.insert(Arc::from(attribute.name.as_str()), value.with_mark(attribute.sensitive && given.is_some()));
    }
    Ok(Value::from(settled))
}

fn settle_block(attributes: &[Attribute], block: &Value) -> Result<Value, TypeMismatch> {
    match block.as_list() {
        Some(items) => {
            items.iter().map(|item| settle(attributes, item)).collect::<Result<Vec<_>, _>>().map(Value::from)
        }
        None => settle(attributes, block),
    }
}

/// The text under every sensitive attribute of a settled configuration; short ones would be found by chance.
pub(super) fn secrets(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Sensitive(inner) => leaves(inner, found),
        Value::List(items) => items.iter().for_each(|item| secrets(item, found)),
        Value::Map(members) => members.values().for_each(|member| secrets(member, found)),
        _ => {}
    }
}

fn leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= 6 => found.push(text.to_string()),
        Value::Sensitive(inner) => leaves(inner, found),
        Value::List(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Map(members) => members.values().for_each(|member| leaves(member, found)),
        _ => {}
    }
}
