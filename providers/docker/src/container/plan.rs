//! What a change of a configuration, or of the containers themselves, leads to.

use deployctl_sdk::{
    Action, Child, Diff, Note, Object, PlanRequest, PlannedChange, ProviderError, Reason, ResourceSchema, Risk,
    RiskKind, Value, default_plan,
};

use super::handover::contended;
use super::reconcile::reconciled;
use super::schema::{QUIET, SETTLED};
use super::{names, record};
use crate::attributes::{text, truth, with};
use crate::provider::Site;

/// Plans one resource. Needs no engine: what is there was read.
///
/// # Errors
/// As the default plan.
pub(crate) async fn plan(site: &Site, request: &PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
    planned(&site.schemas.container, request)
}

/// The pure part of planning.
///
/// # Errors
/// As the default plan.
pub(crate) fn planned(schema: &ResourceSchema, request: &PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
    let config = &request.desired.config;
    let recorded = request.recorded.map(|object| reconciled(schema, object, config));
    let observed = request.observed.map(|object| settled_down(reconciled(schema, object, config)));
    let planning = planning(schema);
    let inner = PlanRequest { schema: &planning, recorded: recorded.as_ref(), observed: observed.as_ref(), ..*request };
    let mut change = default_plan::plan(&inner)?;
    foretell(&mut change, config, observed.as_ref());
    let waits_for_work = !truth(config, "must_run");
    let quiet = |diff: &Diff| {
        diff.path.attribute().is_some_and(|name| QUIET.contains(&name) || (waits_for_work && name == "status"))
    };
    change.drift.retain(|diff| !quiet(diff));
    match (change.action, &recorded, &observed, request.observed) {
        (Action::NoOp, _, _, Some(real)) => change.planned = real.attributes.clone(),
        (Action::Update, Some(recorded), Some(observed), _) => {
            refine_update(schema, &mut change, config, recorded, observed);
        }
        (Action::Replace(_), _, Some(observed), _) => warn_of_replacement(&mut change, config, observed),
        _ => {}
    }
    change.children = children(&change, config, observed.as_ref());
    Ok(change)
}

/// Says what can be known of what the engine tells: what runs has no exit code, and what is not uploaded no digest.
fn foretell(change: &mut PlannedChange, config: &Value, observed: Option<&Object>) {
    if !matches!(change.action, Action::Create | Action::Update | Action::Replace(_)) {
        return;
    }
    let mut known = Vec::new();
    if text(config, "status").as_deref() == Some("running") {
        known.push(("exit_code", Value::Null));
    }
    if config.get("upload_digests").is_none() {
        known.push(("upload_digests", Value::Null));
    }
    change.planned = with(&change.planned, known);
    let empty = Value::map::<&str>([]);
    let before = observed.filter(|_| change.action != Action::Create).map_or(&empty, |observed| &observed.attributes);
    let forced: Vec<_> =
        change.diffs.iter().filter(|diff| diff.forces_replacement).map(|diff| diff.path.clone()).collect();
    change.diffs = default_plan::compare(before, &change.planned);
    for diff in &mut change.diffs {
        diff.forces_replacement = forced.contains(&diff.path);
    }
}

/// The schema in which what `prepare` settles may be given.
fn planning(schema: &ResourceSchema) -> ResourceSchema {
    let mut schema = schema.clone();
    for attribute in &mut schema.attributes {
        if SETTLED.contains(&attribute.name.as_str()) {
            attribute.read_only = false;
        }
    }
    schema
}

/// A container that the engine is about to start again is as good as running.
fn settled_down(observed: Object) -> Object {
    if text(&observed.attributes, "status").as_deref() != Some("restarting") {
        return observed;
    }
    let attributes = with(&observed.attributes, vec![("status", Value::from("running"))]);
    Object { attributes, ..observed }
}

fn member(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or_default()
}

fn refine_update(
    schema: &ResourceSchema,
    change: &mut PlannedChange,
    config: &Value,
    recorded: &Object,
    observed: &Object,
) {
    let before = &observed.attributes;
    let differs = |before: &Value, name: &str| !super::describe::same(&member(before, name), &member(config, name));
    let mut configurable = schema.attributes.iter().filter(|attribute| !attribute.read_only);
    // What is left out and decided by the engine is no change of the configuration.
    let reconfigured = configurable.any(|attribute| {
        let left_out = attribute.computed && config.get(&attribute.name).is_none();
        !left_out && differs(&recorded.attributes, &attribute.name)
    });
    change.reason = if reconfigured { Reason::Changed } else { Reason::Drifted };

    let there = record::containers(observed).len();
    let status = text(before, "status").unwrap_or_default();
    let stays = there == names::count(config)
        && matches!(status.as_str(), "running" | "exited" | "paused")
        && !member(config, "replicas").is_unknown();
    if stays {
        let mut kept: Vec<(&str, Value)> =
            ["id", "ids", "image_id"].into_iter().map(|name| (name, member(before, name))).collect();
        if !differs(before, "replicas") && (config.get("name").is_none() || !differs(before, "name")) {
            kept.push(("names", member(before, "names")));
        }
        // One that goes on running where it is attached keeps its addresses and ports; replicas are told in the order of
        // their names.
        let runs = status == "running" && before.get("exit_code").is_none();
        if runs && ["network", "replicas", "name"].iter().all(|name| !differs(before, name)) {
            kept.extend(["ip", "addresses", "ports"].map(|name| (name, member(before, name))));
        }
        change.planned = with(&change.planned, kept);
    }
    change.diffs = default_plan::compare(before, &change.planned);
    let fewer = there.saturating_sub(names::count(config));
    if fewer > 0 && !member(config, "replicas").is_unknown() {
        change.notes.push(Note(format!("{fewer} of {there} replicas are stopped and removed")));
    }
    if let Some(code) = before.get("exit_code").and_then(Value::as_i64)
        && status == "exited"
    {
        change.notes.push(Note(format!("it has ended with code {code}, and is started again")));
    }
}

fn warn_of_replacement(change: &mut PlannedChange, config: &Value, observed: &Object) {
    if let Some(why) = contended(&observed.attributes, config) {
        let text = format!("{why}, so the old one stops before the new one starts");
        change.risks.push(Risk { kind: RiskKind::Interrupts, text });
    }
    let unnamed = observed.private.get("unnamed_volumes").and_then(Value::as_list).unwrap_or_default();
    let places: Vec<&str> = unnamed.iter().filter_map(Value::as_str).collect();
    if !places.is_empty() {
        let what = if truth(&observed.attributes, "remove_volumes") { "is lost" } else { "is not in the new one" };
        let text = format!("what its volumes without a name hold {what}: {}", places.join(", "));
        change.risks.push(Risk { kind: RiskKind::DataLoss, text });
    }
}

/// What happens with each replica.
fn children(change: &PlannedChange, config: &Value, observed: Option<&Object>) -> Vec<Child> {
    if config.get("replicas").is_none() || member(config, "replicas").is_unknown() || change.action == Action::NoOp {
        return Vec::new();
    }
    let had = observed.and_then(|observed| text(&observed.attributes, "name"));
    let Some(base) = text(config, "name").or(had) else { return Vec::new() };
    let wanted = names::all(&base, config);
    let there: Vec<String> =
        observed.map(record::containers).unwrap_or_default().into_iter().map(|one| one.name).collect();
    let child = |name: &String, action: Action, reason: &str| Child {
        kind: "container".to_owned(),
        name: name.clone(),
        action,
        reason: reason.to_owned(),
        diffs: Vec::new(),
    };
    let scaled = there.len() != wanted.len();
    let only_scaled = scaled && change.diffs.iter().all(is_scaling);
    let mut children = Vec::new();
    for (at, name) in wanted.iter().enumerate() {
        match change.action {
            Action::Update if at >= there.len() => children.push(child(name, Action::Create, "one more replica")),
            Action::Update if only_scaled => {}
            action => children.push(child(name, action, "")),
        }
    }
    if change.action == Action::Update {
        let surplus = there.iter().skip(wanted.len());
        children.extend(surplus.map(|name| child(name, Action::Delete, "one replica less")));
    }
    children
}

fn is_scaling(diff: &Diff) -> bool {
    diff.path.attribute().is_some_and(|name| name == "replicas" || QUIET.contains(&name))
}
