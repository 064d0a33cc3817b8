//! From type to type, and marks on demand.

use deployctl_sdk::{Map, Number, Value};

use super::super::evaluate::plain_text;
use super::super::limits::measure;
use super::call::{Call, Complaint, Done};
use super::set::unique;

pub(super) fn to_string(call: &mut Call) -> Done {
    match call.value(0) {
        Value::Null => Ok(Value::Null),
        _ => call.text(0).map(Value::String),
    }
}

pub(super) fn to_number(call: &mut Call) -> Done {
    match call.value(0) {
        Value::Null => Ok(Value::Null),
        _ => call.number(0).map(Value::Number),
    }
}

pub(super) fn to_bool(call: &mut Call) -> Done {
    match call.value(0) {
        Value::Null => Ok(Value::Null),
        _ => call.bool(0).map(Value::Bool),
    }
}

pub(super) fn to_list(call: &mut Call) -> Done {
    match call.value(0) {
        Value::Null => Ok(Value::Null),
        _ => call.list(0).map(|items| Value::from(unified(items))),
    }
}

pub(super) fn to_set(call: &mut Call) -> Done {
    match call.value(0) {
        Value::Null => Ok(Value::Null),
        _ => unique(unified(call.list(0)?)),
    }
}

pub(super) fn to_map(call: &mut Call) -> Done {
    if call.value(0).is_null() {
        return Ok(Value::Null);
    }
    let members = call.map(0)?;
    let values: Vec<_> = members.values().cloned().collect();
    Ok(Value::from(members.keys().cloned().zip(unified(&values)).collect::<Map>()))
}

/// Items of one type: where strings and other plain values are mixed, all become strings. Marks stay.
pub(super) fn unified(items: &[Value]) -> Vec<Value> {
    let kind = |value: &Value| match value.unmark().0 {
        Value::String(_) => Some(0),
        Value::Number(_) => Some(1),
        Value::Bool(_) => Some(2),
        _ => None,
    };
    let mut kinds = items.iter().filter_map(kind);
    let first = kinds.next();
    let plain = items.iter().all(|item| kind(item).is_some() || item.is_null() || item.is_unknown());
    if plain && items.iter().any(Value::is_unknown) {
        return items.iter().map(undecided).collect();
    }
    if !plain || kinds.all(|kind| Some(kind) == first) {
        return items.to_vec();
    }
    let text = |item: &Value| {
        let (plain, marked) = item.unmark();
        plain_text(plain).map_or_else(|| item.clone(), |text| Value::String(text).with_mark(marked))
    };
    items.iter().map(text).collect()
}

/// An item of a list with an unknown in it: whether a number or bool becomes a string depends on what that will be.
fn undecided(item: &Value) -> Value {
    match item.unmark() {
        (Value::Number(_) | Value::Bool(_), marked) => Value::Unknown.with_mark(marked),
        _ => item.clone(),
    }
}

pub(super) fn sensitive(call: &mut Call) -> Done {
    Ok(call.value(0).clone().into_sensitive())
}

/// Takes the mark off the top, which is what the function is for; marks inside stay.
pub(super) fn nonsensitive(call: &mut Call) -> Done {
    Ok(call.value(0).unmark().0.clone())
}

pub(super) fn is_sensitive(call: &mut Call) -> Done {
    Ok(match call.value(0) {
        // Whether a value will be sensitive is not known before the value.
        Value::Unknown => Value::Unknown,
        value => Value::Bool(value.unmark().1),
    })
}

/// The type in the words of a type constraint.
pub(super) fn type_of(call: &mut Call) -> Done {
    let value = call.value(0);
    if let Err(excess) = measure(value) {
        return Err(Complaint::of(0, excess.message(), "this is too much"));
    }
    // The keys of an object are part of its type, and so are those that are not known yet.
    let sensitive = value.contains_sensitive();
    if value.contains_unknown() {
        call.evaluator.note(sensitive, true);
        return Ok(Value::Unknown.with_mark(sensitive));
    }
    let mut out = String::new();
    describe(value, &mut out);
    call.room(out.len())?;
    Ok(Value::from(out).with_mark(sensitive))
}

fn describe(value: &Value, out: &mut String) {
    match value.unmark().0 {
        Value::Null => out.push_str("null"),
        Value::Bool(_) => out.push_str("bool"),
        Value::Number(_) => out.push_str("number"),
        Value::String(_) => out.push_str("string"),
        Value::Unknown | Value::Sensitive(_) | Value::Withheld(_) => out.push_str("any"),
        Value::List(items) => {
            out.push_str("tuple([");
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                describe(item, out);
            }
            out.push_str("])");
        }
        Value::Map(members) => {
            out.push_str("object({");
            for (at, (key, member)) in members.iter().enumerate() {
                out.push_str(if at == 0 { " " } else { ", " });
                out.push_str(key);
                out.push_str(" = ");
                describe(member, out);
            }
            out.push_str(if members.is_empty() { "})" } else { " })" });
        }
    }
}

/// A number as the count of something.
pub(super) fn count(length: usize) -> Value {
    Value::Number(Number::from(length as u64))
}
