//! Lists without repetitions.

use std::cmp::Ordering;
use std::collections::HashSet;

use deployctl_sdk::{Number, Value};

use super::super::limits::MAX_MADE;
use super::call::{Call, Complaint, Done};
use super::conversion::unified;

/// Tells values apart fast, by a text that equal values have in common and others have not. Counts what it makes: a text
/// may stand in a list a million times over without taking room there.
#[derive(Default)]
struct Fingerprints {
    made: usize,
}

impl Fingerprints {
    fn of(&mut self, value: &Value) -> Done<String> {
        let mut out = String::new();
        super::written::json(value, &mut out)?;
        self.made += out.len();
        match self.made > MAX_MADE {
            true => Err(Complaint::whole(format!("the lists hold more than {} MiB", MAX_MADE >> 20))),
            false => Ok(out),
        }
    }

    fn of_all(&mut self, items: &[Value]) -> Done<HashSet<String>> {
        items.iter().map(|item| self.of(item)).collect()
    }

    fn filter(&mut self, items: &[Value], keep: impl Fn(&str) -> bool) -> Done<Vec<Value>> {
        let mut left = Vec::with_capacity(items.len());
        for item in items {
            if keep(&self.of(item)?) {
                left.push(item.clone());
            }
        }
        Ok(left)
    }
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
    let mut fingerprints = Fingerprints::default();
    for item in items {
        if seen.insert(fingerprints.of(&item)?) {
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
    unique(unified(&call.lists(0)?.concat()))
}

pub(super) fn intersection(call: &mut Call) -> Done {
    let mut common = call.list(0)?.to_vec();
    let mut fingerprints = Fingerprints::default();
    for at in 1..call.values.len() {
        let other = fingerprints.of_all(call.list(at)?)?;
        common = fingerprints.filter(&common, |key| other.contains(key))?;
    }
    unique(common)
}

pub(super) fn subtract(call: &mut Call) -> Done {
    let mut fingerprints = Fingerprints::default();
    let without = fingerprints.of_all(call.list(1)?)?;
    unique(fingerprints.filter(call.list(0)?, |key| !without.contains(key))?)
}
