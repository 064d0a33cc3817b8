//! What a change of a command's configuration leads to: running `update`, replacing, or only recording.

use deployctl_sdk::{
    Action, AttrPath, Note, PlanRequest, PlannedChange, ProviderError, Reason, ReplaceOrder, Value, default_plan,
};

use crate::attributes::with;

/// Attributes whose change has a command run.
pub(crate) const RERUN: &[&str] = &["create", "env", "working_dir", "stdin", "triggers"];

/// What a command leaves behind.
pub(crate) const RESULTS: &[&str] = &["stdout", "stderr", "exit_code"];

/// Plans one command.
///
/// # Errors
/// As the default plan.
pub(crate) fn plan(request: &PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
    let mut change = default_plan::plan(request)?;
    let (Action::Update, Some(observed)) = (change.action, request.observed) else { return Ok(change) };
    let config = &request.desired.config;
    let reruns = rerun_by(&observed.attributes, config);
    if reruns.is_empty() {
        // Only what is recorded changes: the results stay, and are known.
        let kept = RESULTS.iter().map(|name| (*name, observed.attributes.get(name).cloned().unwrap_or_default()));
        change.planned = with(&change.planned, kept.collect());
        change.diffs.retain(|diff| !diff.path.attribute().is_some_and(|name| RESULTS.contains(&name)));
        change.notes.push(Note("no command is run, the change is only recorded".to_owned()));
    } else if config.get("update").is_none() {
        change.action = Action::Replace(ReplaceOrder::DeleteFirst);
        change.planned = default_plan::planned_new(request.schema, config);
        change.diffs = default_plan::compare(&observed.attributes, &change.planned);
        for diff in &mut change.diffs {
            diff.forces_replacement = diff.path.attribute().is_some_and(|name| reruns.contains(&name));
        }
        change.reason = Reason::CannotUpdate { attributes: reruns.iter().map(|name| AttrPath::of(*name)).collect() };
    }
    Ok(change)
}

/// The attributes that differ and have a command run. Null and missing are the same.
pub(crate) fn rerun_by(before: &Value, after: &Value) -> Vec<&'static str> {
    let differs = |name: &&str| !default_plan::compare(&member(before, name), &member(after, name)).is_empty();
    RERUN.iter().copied().filter(|name| differs(name)).collect()
}

fn member(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or_default()
}
