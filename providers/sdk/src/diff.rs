//! The difference between two values, place by place.

use serde::{Deserialize, Serialize};

use crate::value::{AttrPath, Map, PathStep, Value};

/// One place at which two values differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    /// The place.
    pub path: AttrPath,
    /// What stands there in the first; `None` where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What stands there in the second; `None` where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether this difference forces a replacement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forces_replacement: bool,
}

/// The places at which `after` differs from `before`, in order: maps member by member, lists of one length item by item,
/// everything else as a whole. `patch(before, &diff(before, after))` is `after`.
pub fn diff(before: &Value, after: &Value) -> Vec<Diff> {
    let mut diffs = Vec::new();
    walk(Some(before), Some(after), &AttrPath::root(), &mut diffs);
    diffs
}

fn walk(before: Option<&Value>, after: Option<&Value>, path: &AttrPath, diffs: &mut Vec<Diff>) {
    match (before, after) {
        (Some(a), Some(b)) if a == b => {}
        (Some(Value::Map(a)), Some(Value::Map(b))) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                walk(a.get(key), b.get(key), &path.key(key.clone()), diffs);
            }
        }
        (Some(Value::List(a)), Some(Value::List(b))) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b.iter()).enumerate() {
                walk(Some(a), Some(b), &path.index(index), diffs);
            }
        }
        (before, after) => diffs.push(Diff {
            path: path.clone(),
            before: before.cloned(),
            after: after.cloned(),
            forces_replacement: false,
        }),
    }
}

/// The value with the differences applied: every place gets its `after`.
#[must_use]
pub fn patch(value: &Value, diffs: &[Diff]) -> Value {
    diffs.iter().fold(value.clone(), |value, diff| put(value, &diff.path.0, diff.after.as_ref()).unwrap_or_default())
}

fn put(value: Value, steps: &[PathStep], new: Option<&Value>) -> Option<Value> {
    let Some((step, rest)) = steps.split_first() else { return new.cloned() };
    match (step, value) {
        (PathStep::Key(key), Value::Map(members)) => {
            let mut members: Map = (*members).clone();
            let member = members.remove(key).unwrap_or_default();
            if let Some(member) = put(member, rest, new) {
                members.insert(key.clone(), member);
            }
            Some(Value::from(members))
        }
        (PathStep::Index(index), Value::List(items)) => {
            let mut items = (*items).clone();
            if let Some(item) = items.get_mut(*index) {
                *item = put(std::mem::take(item), rest, new).unwrap_or_default();
            }
            Some(Value::from(items))
        }
        (_, other) => Some(other),
    }
}
