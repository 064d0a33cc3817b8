//! Lists without repetitions.

use std::cmp::Ordering;
use std::collections::HashSet;

use deployctl_sdk::{Number, Value};

use super::call::{Call, Done};
use super::conversion::unified;

/// What tells values apart, fast: equal values have equal keys, and the other way round.
fn fingerprint(value: &Value) -> Done<String> {
    let mut out = String::new();
    super::written::json(value, &mut out)?;
    Ok(out)
}

fn fingerprints(items: &[Value]) -> Done<HashSet<String>> {
    items.iter().map(fingerprint).collect()
}

/// Drops repetitions. Plain values are sorted, so that a set is the same whatever order it was made in.
pub(super) fn unique(items: Vec<Value>) -> Done<Value> {
    let mut items = first_of_each(items)?;
    if items.iter().all(|item| matches!(item, Value::String(_)))
        || items.iter().all(|item| matches!(item, Value::Number(_)))
    {
        items.sort_by(plain_order);
    }
    Ok(Value::from(items))
}

/// Drops repetitions and keeps the order.
fn first_of_each(items: Vec<Value>) -> Done<Vec<Value>> {
    let mut seen = HashSet::with_capacity(items.len());
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if seen.insert(fingerprint(&item)?) {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn plain_order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Number::cmp(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

pub(super) fn distinct(call: &mut Call) -> Done {
    Ok(Value::from(first_of_each(call.list(0)?.to_vec())?))
}

pub(super) fn union(call: &mut Call) -> Done {
    let mut all = Vec::new();
    for at in 0..call.values.len() {
        all.extend(call.list(at)?.iter().cloned());
    }
    unique(unified(&all))
}

pub(super) fn intersection(call: &mut Call) -> Done {
    let mut common = call.list(0)?.to_vec();
    for at in 1..call.values.len() {
        let other = fingerprints(call.list(at)?)?;
        common = kept(common, |key| other.contains(key))?;
    }
    unique(common)
}

pub(super) fn subtract(call: &mut Call) -> Done {
    let without = fingerprints(call.list(1)?)?;
    unique(kept(call.list(0)?.to_vec(), |key| !without.contains(key))?)
}

fn kept(items: Vec<Value>, keep: impl Fn(&str) -> bool) -> Done<Vec<Value>> {
    let mut left = Vec::with_capacity(items.len());
    for item in items {
        if keep(&fingerprint(&item)?) {
            left.push(item);
        }
    }
    Ok(left)
}
