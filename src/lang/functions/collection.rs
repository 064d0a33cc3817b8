//! Lists and maps.

use std::sync::Arc;

use deployctl_sdk::{Map, Number, Value};

use super::super::evaluate::{equal, plain_text};
use super::super::limits::{MAX_NODES, MAX_RANGE, sensitive_within};
use super::call::{Call, Complaint, Done};
use super::conversion::count;

pub(super) fn length(call: &mut Call) -> Done {
    match call.value(0) {
        Value::List(items) => Ok(count(items.len())),
        Value::Map(members) => Ok(count(members.len())),
        Value::String(text) => Ok(count(text.chars().count())),
        _ => Err(call.wrong(0, "a list, a map or a string")),
    }
}

pub(super) fn keys(call: &mut Call) -> Done {
    Ok(Value::list(call.map(0)?.keys().map(|key| Value::String(key.clone()))))
}

pub(super) fn values(call: &mut Call) -> Done {
    Ok(Value::list(call.map(0)?.values().cloned()))
}

pub(super) fn lookup(call: &mut Call) -> Done {
    let (members, key) = (call.map(0)?, call.text(1)?);
    match members.get(&key) {
        Some(member) => Ok(member.clone()),
        None if call.values.len() > 2 => Ok(call.value(2).clone()),
        None => Err(Complaint::of(1, "the map has no such key", "not in the map")
            .with_help("a third argument is the default: `lookup(map, key, default)`")),
    }
}

pub(super) fn merge(call: &mut Call) -> Done {
    let mut merged = Map::new();
    for at in 0..call.values.len() {
        if !call.value(at).is_null() {
            merged.extend(call.map(at)?.iter().map(|(key, member)| (key.clone(), member.clone())));
            call.items(merged.len())?;
        }
    }
    Ok(Value::from(merged))
}

pub(super) fn concat(call: &mut Call) -> Done {
    Ok(Value::from(call.lists(0)?.concat()))
}

/// Lists within a list become its items. A list that is unknown may be any number of items, so the result is unknown then.
pub(super) fn flatten(call: &mut Call) -> Done {
    let mut flat = Vec::new();
    let (mut sensitive, mut unknown) = (false, false);
    flatten_into(call.list(0)?, &mut flat, &mut sensitive, &mut unknown)?;
    call.evaluator.note(sensitive, unknown);
    Ok(if unknown {
        Value::Unknown.with_mark(sensitive || flat.iter().any(sensitive_within))
    } else {
        Value::from(flat).with_mark(sensitive)
    })
}

fn flatten_into(items: &[Value], flat: &mut Vec<Value>, sensitive: &mut bool, unknown: &mut bool) -> Done<()> {
    for item in items {
        match item.unmark() {
            (Value::List(inner), marked) => {
                *sensitive |= marked;
                flatten_into(inner, flat, sensitive, unknown)?;
            }
            (Value::Unknown, marked) => {
                *sensitive |= marked;
                *unknown = true;
            }
            _ => flat.push(item.clone()),
        }
        // Lists that are shared many times over would flatten into more than there is room for.
        if flat.len() > MAX_NODES {
            return Err(Complaint::whole(format!("the list would have more than {MAX_NODES} items")));
        }
    }
    Ok(())
}

pub(super) fn sort(call: &mut Call) -> Done {
    let mut texts = call.texts(0)?;
    texts.sort();
    Ok(Value::list(texts.into_iter().map(Value::String)))
}

pub(super) fn reverse(call: &mut Call) -> Done {
    Ok(Value::list(call.list(0)?.iter().rev().cloned()))
}

pub(super) fn compact(call: &mut Call) -> Done {
    let kept = call.list(0)?.iter().filter(|item| !item.is_null() && item.as_str() != Some(""));
    Ok(Value::list(kept.cloned()))
}

pub(super) fn chunk_list(call: &mut Call) -> Done {
    let items = call.list(0)?;
    match usize::try_from(call.int(1)?) {
        Ok(0) => Ok(Value::list([Value::List(items.clone())])),
        Ok(size) => Ok(Value::list(items.chunks(size).map(|chunk| Value::list(chunk.iter().cloned())))),
        Err(_) => Err(Complaint::of(1, "the size of a chunk must not be negative", "negative")),
    }
}

/// The first argument that is neither null nor an empty string. One that is unknown may be the one.
pub(super) fn coalesce(call: &mut Call) -> Done {
    let mut marked = false;
    for value in call.values {
        let (plain, sensitive) = value.unmark();
        marked |= sensitive;
        match plain {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::Unknown => {
                call.evaluator.note(marked, true);
                return Ok(Value::Unknown.with_mark(marked));
            }
            _ => return Ok(value.clone().with_mark(marked)),
        }
    }
    call.evaluator.note(marked, false);
    Err(Complaint::whole("every argument is null or an empty string").with_help("end it with a default"))
}

pub(super) fn coalesce_list(call: &mut Call) -> Done {
    for at in 0..call.values.len() {
        let items = call.list(at)?;
        if !items.is_empty() {
            return Ok(Value::List(items.clone()));
        }
    }
    Err(Complaint::whole("every list is empty").with_help("end it with a default"))
}

pub(super) fn contains(call: &mut Call) -> Done {
    let wanted = call.value(1);
    Ok(Value::Bool(call.list(0)?.iter().any(|item| equal(item, wanted) == Some(true))))
}

/// The item at a position that wraps around; a negative one counts from the end.
pub(super) fn element(call: &mut Call) -> Done {
    let (items, at) = (call.list(0)?, call.int(1)?);
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if length == 0 {
        return Err(Complaint::of(0, "an empty list has no items", "an empty list"));
    }
    let at = usize::try_from(at.rem_euclid(length)).unwrap_or(0);
    Ok(items.get(at).cloned().unwrap_or_default())
}

pub(super) fn index(call: &mut Call) -> Done {
    let wanted = call.value(1);
    match call.list(0)?.iter().position(|item| equal(item, wanted) == Some(true)) {
        Some(at) => Ok(count(at)),
        None => Err(Complaint::of(1, "the list has no such item", "not in the list")),
    }
}

pub(super) fn slice(call: &mut Call) -> Done {
    let items = call.list(0)?;
    let bound = |at: usize| -> Done<usize> {
        let bound = usize::try_from(call.int(at)?).ok().filter(|bound| *bound <= items.len());
        bound.ok_or_else(|| Complaint::of(at, "this must be between 0 and the length of the list", "out of bounds"))
    };
    let (start, end) = (bound(1)?, bound(2)?);
    match items.get(start..end) {
        Some(part) => Ok(Value::list(part.iter().cloned())),
        None => Err(Complaint::of(2, "the end must not be before the start", "before the start")),
    }
}

/// `range(limit)`, `range(start, limit)` or `range(start, limit, step)`.
pub(super) fn range(call: &mut Call) -> Done {
    let zero = Number::from(0_i64);
    let (start, limit) = match call.values.len() {
        1 => (zero.clone(), call.number(0)?),
        _ => (call.number(0)?, call.number(1)?),
    };
    let step = match call.values.len() {
        3 => call.number(2)?,
        _ if limit < start => Number::from(-1_i64),
        _ => Number::from(1_i64),
    };
    let up = step > zero;
    if step == zero || (limit != start && up != (limit > start)) {
        return Err(Complaint::of(2, "the step must lead from the start to the limit", "it never gets there"));
    }
    let too_many = || Complaint::whole(format!("the list would have more than {MAX_RANGE} items"));
    // Told beforehand: to count to the bound with fractions takes seconds.
    let count = limit.subtract(&start).and_then(|way| way.divide(&step));
    if count.is_ok_and(|count| count > Number::from(MAX_RANGE as u64)) {
        return Err(too_many());
    }
    let mut numbers = Vec::new();
    let mut next = start;
    while if up { next < limit } else { next > limit } {
        if numbers.len() >= MAX_RANGE {
            return Err(too_many());
        }
        numbers.push(Value::Number(next.clone()));
        next = next.add(&step).map_err(|error| Complaint::whole(error.to_string()))?;
    }
    Ok(Value::from(numbers))
}

/// A map of keys and values. Keys bear no marks, so a sensitive one makes the whole map sensitive.
pub(super) fn zip_map(call: &mut Call) -> Done {
    let (keys, values) = (call.list(0)?, call.list(1)?);
    if keys.len() != values.len() {
        return Err(Complaint::whole("there must be as many values as keys"));
    }
    let (mut sensitive, mut unknown) = (false, false);
    let mut members = Map::new();
    for (key, value) in keys.iter().zip(values.iter()) {
        let (plain, marked) = key.unmark();
        sensitive |= marked;
        match (plain, plain_text(plain)) {
            (Value::Unknown, _) => unknown = true,
            (_, Some(key)) => {
                members.insert(key, value.clone());
            }
            _ => return Err(Complaint::of(0, "every key must be a string", "a key is something else")),
        }
    }
    call.evaluator.note(sensitive, unknown);
    let sensitive = sensitive || (unknown && values.iter().any(sensitive_within));
    Ok(if unknown { Value::Unknown } else { Value::from(members) }.with_mark(sensitive))
}

/// The only item of a list, or null if it is empty.
pub(super) fn one(call: &mut Call) -> Done {
    match call.value(0) {
        Value::Null => Ok(Value::Null),
        _ => match &call.list(0)?[..] {
            [] => Ok(Value::Null),
            [only] => Ok(only.clone()),
            more => Err(Complaint::of(0, "the list must have one item or none", "more than one")
                .with_detail(format!("it has {}", more.len()))),
        },
    }
}

pub(super) fn all_true(call: &mut Call) -> Done {
    decide(call, false)
}

pub(super) fn any_true(call: &mut Call) -> Done {
    decide(call, true)
}

/// One item that is `decisive` settles it, whatever is unknown in the others.
fn decide(call: &mut Call, decisive: bool) -> Done {
    let (value, mut sensitive) = call.value(0).unmark();
    let items: Arc<Vec<Value>> = match value {
        Value::Unknown => Arc::new(vec![Value::Unknown]),
        Value::List(items) => items.clone(),
        _ => return Err(call.wrong(0, "a list of bools")),
    };
    let (mut unknown, mut decided) = (false, false);
    for item in items.iter() {
        let (plain, marked) = item.unmark();
        sensitive |= marked;
        match plain {
            Value::Unknown => unknown = true,
            Value::Null => decided |= !decisive,
            Value::Bool(value) => decided |= *value == decisive,
            Value::String(text) if matches!(&**text, "true" | "false") => decided |= (&**text == "true") == decisive,
            _ => return Err(Complaint::of(0, "every item of this list must be a bool", "an item is something else")),
        }
    }
    call.evaluator.note(sensitive, unknown);
    let result = match (decided, unknown) {
        (true, _) => Value::Bool(decisive),
        (false, true) => Value::Unknown,
        (false, false) => Value::Bool(!decisive),
    };
    Ok(result.with_mark(sensitive))
}
