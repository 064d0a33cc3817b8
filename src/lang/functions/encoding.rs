//! JSON, YAML, base64, URLs and digests.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deployctl_sdk::{Digest, Map, Number, Value};
use serde_json::value::RawValue;

use super::call::{Call, Complaint, Done};
use super::written;

/// How deep JSON may be nested. (YAML's reader has its own limit.)
const MAX_JSON_DEPTH: usize = 100;

pub(super) fn json_encode(call: &mut Call) -> Done {
    let mut out = String::new();
    written::json(call.value(0), &mut out)?;
    Ok(Value::from(out))
}

pub(super) fn json_decode(call: &mut Call) -> Done {
    let text = call.text(0)?;
    call.items(text.bytes().filter(|byte| *byte == b',').count())?;
    let raw: &RawValue = serde_json::from_str(&text).map_err(|error| not_json(&error))?;
    from_json(raw, 0)
}

/// Reads JSON level by level, so that numbers are read from their text and not by way of a float.
fn from_json(raw: &RawValue, depth: usize) -> Done {
    let text = raw.get().trim();
    if depth > MAX_JSON_DEPTH {
        return Err(Complaint::of(0, format!("the JSON is nested more than {MAX_JSON_DEPTH} levels deep"), "too deep"));
    }
    match text.bytes().next() {
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
            let members = members.into_iter().map(|(key, raw)| Ok((key.into(), from_json(raw, depth + 1)?)));
            Ok(Value::from(members.collect::<Done<Map>>()?))
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
            Ok(Value::from(items.into_iter().map(|raw| from_json(raw, depth + 1)).collect::<Done<Vec<_>>>()?))
        }
        Some(b'"') => Ok(Value::from(serde_json::from_str::<String>(text).map_err(|error| not_json(&error))?)),
        Some(b't') => Ok(Value::Bool(true)),
        Some(b'f') => Ok(Value::Bool(false)),
        Some(b'n') => Ok(Value::Null),
        _ => Number::parse(text)
            .map(Value::Number)
            .map_err(|error| Complaint::of(0, format!("the JSON holds a number that cannot be read: {error}"), "here")),
    }
}

fn not_json(error: &serde_json::Error) -> Complaint {
    let place = format!("line {}, column {}", error.line(), error.column());
    Complaint::of(0, "this is not JSON", "not JSON").with_detail(format!("the mistake is at {place} of the string"))
}

pub(super) fn yaml_encode(call: &mut Call) -> Done {
    let text = written::yaml(call.value(0))?;
    call.room(text.len())?;
    Ok(Value::from(text))
}

pub(super) fn yaml_decode(call: &mut Call) -> Done {
    let text = call.text(0)?;
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 32,
            max_alias_expansions_per_anchor: 10_000,
        },
    };
    serde_saphyr::from_str_with_options::<Value>(&text, options).map_err(|error| {
        let error = error.to_string();
        let first = error.lines().next().unwrap_or_default().to_owned();
        Complaint::of(0, "this is not YAML that can be read", "not readable").with_detail(first)
    })
}

pub(super) fn base64_encode(call: &mut Call) -> Done {
    let text = call.text(0)?;
    call.room(text.len() / 3 * 4)?;
    Ok(Value::from(STANDARD.encode(text.as_bytes())))
}

pub(super) fn base64_decode(call: &mut Call) -> Done {
    let bytes =
        STANDARD.decode(call.text(0)?.as_bytes()).map_err(|_| Complaint::of(0, "this is not base64", "not base64"))?;
    String::from_utf8(bytes).map(Value::from).map_err(|_| {
        Complaint::of(0, "what is encoded is not text in UTF-8", "not text")
            .with_help("values are text; binary content is handed on in its base64 form")
    })
}

pub(super) fn sha256(call: &mut Call) -> Done {
    Ok(Value::from(Digest::of(call.text(0)?.as_bytes()).to_string()))
}

/// As in the query of a URL: a space becomes `+`.
pub(super) fn url_encode(call: &mut Call) -> Done {
    let text = call.text(0)?;
    call.room(text.len().saturating_mul(3))?;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => {
                const DIGITS: [char; 16] =
                    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
                out.push('%');
                out.extend(DIGITS.get(usize::from(other >> 4)));
                out.extend(DIGITS.get(usize::from(other & 15)));
            }
        }
    }
    Ok(Value::from(out))
}
