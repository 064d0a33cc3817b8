//! The plan of a type whose schema says all there is to say: compare attribute by attribute.

use crate::change::{Action, PlannedChange, Reason, ReplaceOrder};
use crate::diff::{Diff, diff};
use crate::error::ProviderError;
use crate::provider::PlanRequest;
use crate::schema::{Attribute, AttributeKind, ResourceSchema};
use crate::value::{AttrPath, Map, Value};

/// Plans one resource from its schema alone. The order of a replacement is settled by the engine.
///
/// # Errors
/// None of its own; the signature is the contract's.
pub fn plan(request: &PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
    let config = &request.desired.config;
    let Some(recorded) = request.recorded else {
        let planned = planned_new(request.schema, config);
        let diffs = shown(diff(&Value::from(Map::new()), &planned));
        return Ok(PlannedChange { diffs, ..PlannedChange::new(Action::Create, Reason::New, planned) });
    };
    let Some(observed) = request.observed else {
        let planned = planned_new(request.schema, config);
        let diffs = shown(diff(&Value::from(Map::new()), &planned));
        return Ok(PlannedChange { diffs, ..PlannedChange::new(Action::Create, Reason::Missing, planned) });
    };

    let drift =
        if std::ptr::eq(recorded, observed) { Vec::new() } else { compare(&recorded.attributes, &observed.attributes) };
    let kept = planned_kept(request.schema, config, &observed.attributes);
    let mut diffs = compare(&observed.attributes, &kept);
    if diffs.is_empty() {
        return Ok(PlannedChange { drift, ..PlannedChange::no_op(observed.attributes.clone()) });
    }

    let forced = mark_forced(request.schema, &mut diffs);
    if !forced.is_empty() {
        let planned = planned_new(request.schema, config);
        let mut diffs = shown(compare(&observed.attributes, &planned));
        mark_forced(request.schema, &mut diffs);
        let reason = Reason::CannotUpdate { attributes: forced };
        let action = Action::Replace(ReplaceOrder::DeleteFirst);
        return Ok(PlannedChange { diffs, drift, ..PlannedChange::new(action, reason, planned) });
    }

    let planned = planned_update(request.schema, config, &observed.attributes);
    let diffs = compare(&observed.attributes, &planned);
    let as_recorded = planned_kept(request.schema, config, &recorded.attributes);
    let put_back = !drift.is_empty() && compare(&recorded.attributes, &as_recorded).is_empty();
    let reason = if put_back { Reason::Drifted } else { Reason::Changed };
    Ok(PlannedChange { diffs, drift, ..PlannedChange::new(Action::Update, reason, planned) })
}

/// Differences that matter: a mark alone, or null against nothing, is none.
pub fn compare(before: &Value, after: &Value) -> Vec<Diff> {
    diff(before, after)
        .into_iter()
        .filter(|diff| match (&diff.before, &diff.after) {
            (Some(a), Some(b)) => !a.same(b),
            (Some(only), None) | (None, Some(only)) => !only.is_null(),
            (None, None) => false,
        })
        .collect()
}

fn shown(diffs: Vec<Diff>) -> Vec<Diff> {
    diffs
        .into_iter()
        .filter(|diff| diff.after.as_ref().is_some_and(|value| !value.is_null()) || diff.before.is_some())
        .collect()
}

/// What a new object will have: what is configured, and unknown for what only the engine decides.
pub fn planned_new(schema: &ResourceSchema, config: &Value) -> Value {
    planned_with(schema, config, |attribute| if attribute.computed { Value::Unknown } else { Value::Null })
}

/// What the object will have if nothing is updated: what is configured, and what it has where the engine decides.
pub fn planned_kept(schema: &ResourceSchema, config: &Value, observed: &Value) -> Value {
    planned_with(schema, config, |attribute| match observed.get(&attribute.name) {
        Some(value) if attribute.computed => value.clone(),
        _ => Value::Null,
    })
}

/// What an updated object will have: as kept, with unknown for what any update may change.
pub fn planned_update(schema: &ResourceSchema, config: &Value, observed: &Value) -> Value {
    planned_with(schema, config, |attribute| match observed.get(&attribute.name) {
        _ if attribute.changes_on_update => Value::Unknown,
        Some(value) if attribute.computed => value.clone(),
        _ => Value::Null,
    })
}

fn planned_with(schema: &ResourceSchema, config: &Value, otherwise: impl Fn(&Attribute) -> Value) -> Value {
    Value::map(schema.attributes.iter().map(|attribute| {
        let value = match config.get(&attribute.name) {
            Some(value) if !attribute.read_only => value.clone(),
            _ => otherwise(attribute),
        };
        (attribute.name.as_str(), value.with_mark(attribute.sensitive))
    }))
}

/// Marks the differences that force a replacement, and names their attributes.
fn mark_forced(schema: &ResourceSchema, diffs: &mut [Diff]) -> Vec<AttrPath> {
    let mut forced = Vec::new();
    for diff in diffs {
        let unset = diff.after.as_ref().is_none_or(Value::is_null);
        if forces(&schema.attributes, &diff.path, unset) {
            diff.forces_replacement = true;
            forced.push(diff.path.clone());
        }
    }
    forced
}

fn forces(attributes: &[Attribute], path: &AttrPath, unset: bool) -> bool {
    let mut attributes = attributes;
    for step in &path.0 {
        let crate::value::PathStep::Key(key) = step else { continue };
        let Some(attribute) = attributes.iter().find(|attribute| *attribute.name == **key) else { return false };
        if attribute.forces_replacement || (unset && attribute.unset_replaces) {
            return true;
        }
        match &attribute.kind {
            AttributeKind::Block { attributes: inner, .. } => attributes = inner,
            AttributeKind::Value(_) => return false,
        }
    }
    false
}

/// The first place at which `actual` breaks the promise of `planned`: known there, and something else here. Only attributes
/// that `actual` has are compared, and marks do not matter.
pub fn broken_promise(planned: &Value, actual: &Value) -> Option<AttrPath> {
    let (Some(planned), Some(actual)) = (planned.as_map(), actual.as_map()) else { return None };
    actual.iter().find_map(|(name, actual)| {
        let planned = planned.get(name)?;
        differs(planned, actual, &AttrPath::of(name.clone()))
    })
}

fn differs(planned: &Value, actual: &Value, path: &AttrPath) -> Option<AttrPath> {
    match (planned.unmark().0, actual.unmark().0) {
        (Value::Unknown, _) => None,
        (Value::List(a), Value::List(b)) if a.len() == b.len() => {
            a.iter().zip(b.iter()).enumerate().find_map(|(index, (a, b))| differs(a, b, &path.index(index)))
        }
        (Value::Map(a), Value::Map(b)) => {
            let missing =
                a.iter().find(|(key, value)| !b.contains_key(*key) && !value.is_null() && !value.is_unknown());
            if let Some((key, _)) = missing {
                return Some(path.key(key.clone()));
            }
            b.iter().find_map(|(key, b)| match a.get(key) {
                Some(a) => differs(a, b, &path.key(key.clone())),
                None if b.is_null() => None,
                None => Some(path.key(key.clone())),
            })
        }
        (a, b) => (!a.same(b)).then(|| path.clone()),
    }
}
