//! What a change of a process's configuration, or of the process itself, leads to.

use deployctl_sdk::{
    Action, Note, Object, PlanRequest, PlannedChange, ProviderError, Reason, ResourceSchema, Risk, RiskKind, Value,
    default_plan,
};

use super::converge::RESTARTING;
use super::ports::held;
use crate::attributes::with;

/// What a supervisor changes in the course of its work, so that it is no drift.
const QUIET: &[&str] = &["pid", "pids", "started_at", "restarts"];

/// Plans one process. `planning` is the schema in which `status` and `ports` may be settled.
///
/// # Errors
/// As the default plan.
pub(crate) fn plan(request: &PlanRequest<'_>, planning: &ResourceSchema) -> Result<PlannedChange, ProviderError> {
    let observed = request.observed.map(settled_down);
    let inner = PlanRequest { schema: planning, observed: observed.as_ref(), ..*request };
    let mut change = default_plan::plan(&inner)?;
    change.drift.retain(|diff| !diff.path.attribute().is_some_and(|name| QUIET.contains(&name)));
    let config = &request.desired.config;
    match (change.action, &observed, request.observed) {
        (Action::NoOp, _, Some(real)) => change.planned = real.attributes.clone(),
        (Action::Create, ..) => note_held_ports(&mut change, config),
        (Action::Update, Some(observed), _) => refine(&mut change, request, &observed.attributes),
        _ => {}
    }
    Ok(change)
}

/// A replica that its supervisor is about to start again is as good as running.
fn settled_down(observed: &Object) -> Object {
    if observed.attributes.get("status").and_then(Value::as_str) != Some("restarting") {
        return observed.clone();
    }
    let attributes = with(&observed.attributes, vec![("status", Value::from("running"))]);
    Object { attributes, ..observed.clone() }
}

fn refine(change: &mut PlannedChange, request: &PlanRequest<'_>, observed: &Value) {
    let config = &request.desired.config;
    let differs =
        |before: &Value, name: &str| !default_plan::compare(&member(before, name), &member(config, name)).is_empty();
    let configurable = request.schema.attributes.iter().filter(|attribute| !attribute.read_only);
    let reconfigured = request
        .recorded
        .is_some_and(|recorded| configurable.clone().any(|attribute| differs(&recorded.attributes, &attribute.name)));
    change.reason = if reconfigured { Reason::Changed } else { Reason::Drifted };

    let log_path = |value: &Value| value.get("log").and_then(|log| log.get("path")).cloned().unwrap_or_default();
    let log_moves = !log_path(observed).same(&log_path(config));
    let restarts = log_moves || RESTARTING.iter().chain(&["env"]).any(|name| differs(observed, name));
    let running = observed.get("status").and_then(Value::as_str) == Some("running");
    let scaled = differs(observed, "replicas");
    let mut kept = Vec::new();
    if running && !scaled && !differs(observed, "port") {
        kept.push(("ports", member(observed, "ports")));
    }
    if !scaled && !log_moves {
        kept.push(("log_paths", member(observed, "log_paths")));
    }
    change.planned = with(&change.planned, kept);
    change.diffs = default_plan::compare(observed, &change.planned);

    if !running {
        note_held_ports(change, observed);
    } else if restarts {
        let several = observed.get("replicas").and_then(Value::as_i64).is_some_and(|count| count > 1);
        let text = if several { "its replicas are restarted one after the other" } else { "it is restarted" };
        change.risks.push(Risk { kind: RiskKind::Interrupts, text: text.to_owned() });
    }
    let count = |value: &Value| value.get("replicas").and_then(Value::as_i64).unwrap_or_default();
    let fewer = count(observed).saturating_sub(count(config));
    if fewer > 0 && !member(config, "replicas").is_unknown() {
        change.notes.push(Note(format!("{fewer} of {} replicas are stopped", count(observed))));
    }
}

/// Says who stands in the way of a process that is to be started.
fn note_held_ports(change: &mut PlannedChange, value: &Value) {
    let lists = value.get("ports").and_then(Value::as_map).into_iter().flat_map(|ports| ports.values());
    let numbers = lists.filter_map(Value::as_list).flatten().filter_map(Value::as_i64);
    let holders = numbers.filter_map(|number| held(u16::try_from(number).ok()?));
    change.notes.extend(holders.map(|text| Note(format!("{text}, which deployctl did not start"))));
}

fn member(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or_default()
}
