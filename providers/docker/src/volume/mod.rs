//! `docker_volume`: one volume of an engine.
//!
//! What is in a volume is nobody's to throw away by accident, and cannot be brought back by a rollback. Whether anything
//! is in it cannot be asked of the engine cheaply (its disk usage call walks through the files of all volumes), so every
//! volume counts as holding data: it is removed only where `delete_data` was recorded before. Otherwise a resource that
//! goes leaves its volume where it is, and one that comes back under the same name in the same state takes it up again; a
//! replacement, which cannot do without a removal, is refused.

mod apply;
mod observe;
mod schema;

use deployctl_sdk::{
    Action, AttrPath, Desired, Note, Object, PlanRequest, PlannedChange, Prepared, ProviderError, Removal, Risk,
    RiskKind, Value, default_plan,
};

use crate::mark;
use crate::provider::Site;
pub(crate) use apply::apply;
pub(crate) use observe::{find, find_all, import, read};
pub(crate) use schema::{TYPE, schema};

/// Checks one configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn prepare(desired: &Desired) -> Result<Prepared, Vec<ProviderError>> {
    let config = &desired.config;
    let mut problems = Vec::new();
    if let Some(name) = config.get("name").and_then(Value::as_str) {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if name.len() < 2 || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(fits) {
            let message = format!("{name:?} cannot be a volume's name");
            problems.push(
                ProviderError::invalid(AttrPath::of("name"), message)
                    .with_hint("two or more of letters, digits, `_`, `.` and `-`, a letter or digit first"),
            );
        }
    }
    mark::check_labels(config, &mut problems);
    if problems.is_empty() { Ok(Prepared { config: config.clone(), captured: Vec::new() }) } else { Err(problems) }
}

/// How the configuration was written, where the engine's answer does not tell: see [`schema`].
pub(crate) fn identity(config: &Value) -> Option<Value> {
    let delete_data = config.get("delete_data").cloned().unwrap_or_default();
    let known = !delete_data.contains_unknown() && !delete_data.contains_sensitive();
    known.then(|| Value::map([("delete_data", delete_data)]))
}

/// What becomes of a volume whose resource goes.
pub(crate) fn removal(object: &Object) -> Removal {
    if apply::may_delete(object) {
        return Removal::default();
    }
    let name = object.attributes.get("name").and_then(Value::as_str).unwrap_or_default();
    let note = format!("the volume {name} stays with what is in it; `delete_data = true`, applied before, removes it");
    Removal { forgets: true, notes: vec![Note(note)], ..Removal::default() }
}

/// Compares attribute by attribute.
///
/// # Errors
/// None of its own.
pub(crate) async fn plan(_: &Site, request: &PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
    let mut planned = default_plan::plan(request)?;
    let kept = request.recorded.is_some_and(|recorded| !apply::may_delete(recorded));
    if matches!(planned.action, Action::Replace(_)) && kept {
        let text = "the old volume is not removed with what is in it while `delete_data = true` was not applied";
        planned.risks.push(Risk { kind: RiskKind::Protected, text: text.to_owned() });
    }
    Ok(planned)
}
