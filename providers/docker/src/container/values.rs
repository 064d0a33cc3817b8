//! Settled values as Rust's own types and back, for handing to the engine and for what it answers.

use std::collections::HashMap;

use bollard::models::PortBinding;
use deployctl_sdk::{Number, Value};

/// A truth value if it is true: the engine's default is false throughout, and is not sent.
pub(crate) fn given(config: &Value, name: &str) -> Option<bool> {
    config.get(name).and_then(Value::as_bool).filter(|value| *value)
}

/// A whole number, if it is set.
pub(crate) fn number(config: &Value, name: &str) -> Option<i64> {
    config.get(name).and_then(Value::as_i64)
}

/// A fraction, if it is set.
pub(crate) fn fraction(config: &Value, name: &str) -> Option<f64> {
    config.get(name).and_then(Value::as_number).map(Number::to_f64)
}

/// The texts of a list, if it is set and not empty.
pub(crate) fn texts(config: &Value, name: &str) -> Option<Vec<String>> {
    let items = config.get(name)?.as_list()?;
    let items: Vec<String> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    (!items.is_empty()).then_some(items)
}

/// The members of a map of texts, if it is set and not empty.
pub(crate) fn pairs(config: &Value, name: &str) -> Option<HashMap<String, String>> {
    let pairs: HashMap<String, String> = crate::attributes::texts_by_name(config, name).into_iter().collect();
    (!pairs.is_empty()).then_some(pairs)
}

/// The items of a repeated block.
pub(crate) fn blocks<'v>(config: &'v Value, name: &str) -> &'v [Value] {
    config.get(name).and_then(Value::as_list).unwrap_or_default()
}

/// A list of texts from the engine; null if it is empty.
pub(crate) fn list_or_null(items: Option<&Vec<String>>) -> Value {
    match items {
        Some(items) if !items.is_empty() => Value::list(items.iter().map(|item| Value::from(item.as_str()))),
        _ => Value::Null,
    }
}

/// A number from the engine; null where it says nothing or one of `none`.
pub(crate) fn number_or_null(value: Option<i64>, none: &[i64]) -> Value {
    value.filter(|value| !none.contains(value)).map_or(Value::Null, Value::from)
}

/// A repeated block; null if it does not stand at all.
pub(crate) fn blocks_or_null(items: Vec<Value>) -> Value {
    if items.is_empty() { Value::Null } else { Value::from(items) }
}

/// A fraction as a value.
pub(crate) fn fraction_value(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// Bindings of one port of the container, where the engine has any.
pub(crate) fn bindings(bindings: Option<&Vec<PortBinding>>) -> &[PortBinding] {
    bindings.map(Vec::as_slice).unwrap_or_default()
}
