//! The form in which values rest: JSON that reads back as exactly the same value.
//!
//! Plain values are plain JSON. What JSON has no word for is a map with one key that begins with `$`: `$unknown`,
//! `$number` (digits JSON readers would round), `$sensitive` (whatever the caller's seal made of it) and `$map` (a map
//! whose own keys begin with `$`). This module decides *where* a seal goes, never how one is made.

use serde_json::{Map as JsonMap, Value as Json};

use super::{Number, Value};

/// Why a value could not be written or read back.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TaggedError {
    /// A `$…` tag that this version does not know, or one with the wrong content.
    #[error("unreadable value tag {0:?}")]
    BadTag(String),
    /// The seal refused: no key, a wrong key, or damaged ciphertext.
    #[error("{0}")]
    Seal(String),
}

/// Writes a value; `seal` turns what is under a sensitive mark (given in its own tagged form) into what may rest.
///
/// # Errors
/// What `seal` answers.
pub fn encode_tagged(
    value: &Value,
    seal: &mut dyn FnMut(Json) -> Result<Json, TaggedError>,
) -> Result<Json, TaggedError> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) => match number.as_json() {
            Json::String(digits) => tag("$number", Json::String(digits)),
            json => json,
        },
        Value::String(text) => Json::String(text.to_string()),
        Value::List(items) => {
            Json::Array(items.iter().map(|item| encode_tagged(item, seal)).collect::<Result<_, _>>()?)
        }
        Value::Map(members) => {
            let mut object = JsonMap::new();
            for (key, member) in members.iter() {
                object.insert(key.to_string(), encode_tagged(member, seal)?);
            }
            if object.keys().any(|key| key.starts_with('$')) {
                tag("$map", Json::Object(object))
            } else {
                Json::Object(object)
            }
        }
        Value::Unknown => tag("$unknown", Json::Bool(true)),
        Value::Sensitive(inner) => {
            let plain = encode_tagged(inner, seal)?;
            tag("$sensitive", seal(plain)?)
        }
    })
}

/// Reads a value back; `open` undoes what `seal` did.
///
/// # Errors
/// A tag that is not known, or what `open` answers.
pub fn decode_tagged(
    json: &Json,
    open: &mut dyn FnMut(&Json) -> Result<Json, TaggedError>,
) -> Result<Value, TaggedError> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number_from_json(number)?),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => {
            Value::from(items.iter().map(|item| decode_tagged(item, open)).collect::<Result<Vec<_>, _>>()?)
        }
        Json::Object(object) => match object.iter().next() {
            Some((name, content)) if object.len() == 1 && name.starts_with('$') => decode_tag(name, content, open)?,
            _ => decode_members(object, open)?,
        },
    })
}

fn decode_tag(
    name: &str,
    content: &Json,
    open: &mut dyn FnMut(&Json) -> Result<Json, TaggedError>,
) -> Result<Value, TaggedError> {
    match (name, content) {
        ("$unknown", Json::Bool(true)) => Ok(Value::Unknown),
        ("$number", Json::String(digits)) => {
            Number::parse(digits).map(Value::Number).map_err(|_| TaggedError::BadTag(name.to_owned()))
        }
        ("$sensitive", sealed) => {
            let plain = open(sealed)?;
            Ok(decode_tagged(&plain, open)?.into_sensitive())
        }
        ("$map", Json::Object(object)) => decode_members(object, open),
        _ => Err(TaggedError::BadTag(name.to_owned())),
    }
}

fn decode_members(
    object: &JsonMap<String, Json>,
    open: &mut dyn FnMut(&Json) -> Result<Json, TaggedError>,
) -> Result<Value, TaggedError> {
    let mut members = super::Map::new();
    for (key, member) in object {
        members.insert(key.as_str().into(), decode_tagged(member, open)?);
    }
    Ok(Value::from(members))
}

fn number_from_json(number: &serde_json::Number) -> Result<Number, TaggedError> {
    Number::parse(&number.to_string()).map_err(|_| TaggedError::BadTag(number.to_string()))
}

fn tag(name: &str, content: Json) -> Json {
    Json::Object(JsonMap::from_iter([(name.to_owned(), content)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let value = Value::map([
            ("big", Value::Number(Number::parse("123456789012345678901234567890.5").unwrap())),
            ("secret", Value::map([("inner", Value::from("hunter2"))]).into_sensitive()),
            ("later", Value::Unknown),
            ("dollar", Value::map([("$unknown", Value::Bool(true))])),
            ("list", Value::list([Value::from(1), Value::Null, Value::from("x")])),
        ]);
        let mut seal = |json: Json| Ok(Json::String(format!("sealed {}", json.to_string().len())));
        let written = encode_tagged(&value, &mut seal).unwrap();
        assert!(!written.to_string().contains("hunter2"));
        let mut open = |_: &Json| Ok(serde_json::json!({ "inner": "hunter2" }));
        assert_eq!(decode_tagged(&written, &mut open).unwrap(), value);
    }
}
