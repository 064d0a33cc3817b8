//! Verdicts on objects, put together into the plan of their resource.

use deployctl_sdk::{
    Action, AttrPath, Child, Diff, Map, PathStep, PlanRequest, PlannedChange, Reason, ReplaceOrder, Value, default_plan,
};

use super::{Decided, listed};
use crate::id::Id;
use crate::record::Record;
use crate::schema::OBJECT;
use crate::wanted::Wanted;

/// What apply is told beside the configuration: the objects that are made anew.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Artefact {
    /// By kind, namespace and name, as [`Id`] shows them.
    pub replaced: Vec<String>,
}

/// Puts the plan together.
pub(crate) fn assemble(
    request: &PlanRequest<'_>,
    base: PlannedChange,
    record: &Record,
    wanted: &[Wanted],
    decided: Vec<Decided>,
) -> PlannedChange {
    let mut plan = settle_action(request, base, &decided, record);
    if plan.action == Action::NoOp {
        plan.drift.clear();
        return plan;
    }
    let objects = listed(wanted.iter().map(|one| (&one.id, one.kind.resource.api_version.as_str())));
    if request.schema.name != OBJECT {
        plan.planned = with(&plan.planned, "objects", objects);
    }
    // The parts are shown one by one, as they are on the cluster; how they are written says no more.
    let told = decided.iter().any(|one| one.verdict.action != Action::NoOp) && plan.action == Action::Update;
    plan.diffs.retain(|diff| match diff.path.attribute() {
        Some("objects") => false,
        Some("documents" | "manifest" | "status") => !told,
        _ => true,
    });
    plan.drift = drift(&decided);
    let replaced: Vec<String> = decided
        .iter()
        .filter(|one| matches!(one.verdict.action, Action::Replace(_)))
        .map(|one| one.id.to_string())
        .collect();
    if !replaced.is_empty() {
        plan.artefact = serde_json::to_vec(&Artefact { replaced }).ok();
    }
    for one in decided {
        plan.risks.extend(one.verdict.risks);
        plan.children.push(Child {
            kind: one.id.kind.clone(),
            name: one.id.place(),
            action: one.verdict.action,
            reason: one.verdict.reason,
            diffs: one.verdict.diffs,
        });
    }
    plan
}

/// What is done with the resource as a whole.
fn settle_action(
    request: &PlanRequest<'_>,
    base: PlannedChange,
    decided: &[Decided],
    record: &Record,
) -> PlannedChange {
    let config = &request.desired.config;
    let Some(observed) = request.observed else { return base };
    let single = request.schema.name == OBJECT;
    if single && let Some(forced) = takes_another(decided, record) {
        let planned = default_plan::planned_new(request.schema, config);
        let mut diffs = default_plan::compare(&observed.attributes, &planned);
        diffs.iter_mut().for_each(|diff| {
            diff.forces_replacement = forced.iter().any(|path| diff.path.is_within(path) || path.is_within(&diff.path));
        });
        let reason = Reason::CannotUpdate { attributes: forced };
        return PlannedChange {
            diffs,
            ..PlannedChange::new(Action::Replace(ReplaceOrder::DeleteFirst), reason, planned)
        };
    }
    let changes = decided.iter().any(|one| one.verdict.action != Action::NoOp);
    let unready = record.entries.iter().any(|entry| !entry.ready);
    match base.action {
        Action::NoOp | Action::Update if changes || unready => {
            let planned = default_plan::planned_update(request.schema, config, &observed.attributes);
            let only_drift = decided.iter().filter(|one| one.verdict.action != Action::NoOp).all(is_drift);
            let configured = base.action == Action::Update && !only_objects(&base.diffs);
            let reason = match (changes, configured) {
                (true, false) if only_drift => Reason::Drifted,
                (false, false) => Reason::Unhealthy,
                _ => Reason::Changed,
            };
            let diffs = default_plan::compare(&observed.attributes, &planned);
            PlannedChange { diffs, ..PlannedChange::new(Action::Update, reason, planned) }
        }
        Action::Update if only_objects(&base.diffs) => PlannedChange::no_op(observed.attributes.clone()),
        _ => base,
    }
}

/// Whether nothing differs but what the engine decides.
fn only_objects(diffs: &[Diff]) -> bool {
    diffs.iter().all(|diff| matches!(diff.path.attribute(), Some("objects" | "status" | "uid")))
}

fn is_drift(one: &Decided) -> bool {
    !one.verdict.drift.is_empty() || one.verdict.reason == "was deleted outside deployctl"
}

/// What in the one object's manifest takes another object: its identity, or what the server cannot change.
fn takes_another(decided: &[Decided], record: &Record) -> Option<Vec<AttrPath>> {
    let manifest = AttrPath::of("manifest");
    let wanted = decided.iter().find(|one| !matches!(one.verdict.action, Action::Delete | Action::Forget))?;
    if matches!(wanted.verdict.action, Action::Replace(_)) {
        let forced = wanted.verdict.diffs.iter().filter(|diff| diff.forces_replacement);
        let forced: Vec<AttrPath> = forced.map(|diff| below(&manifest, &diff.path)).collect();
        return Some(if forced.is_empty() { vec![manifest] } else { forced });
    }
    let recorded = &record.entries.first()?.id;
    (*recorded != wanted.id).then(|| vec![identity(&manifest, recorded, &wanted.id)])
}

fn identity(manifest: &AttrPath, before: &Id, after: &Id) -> AttrPath {
    let metadata = manifest.key("metadata");
    match () {
        () if before.kind != after.kind => manifest.key("kind"),
        () if before.group != after.group => manifest.key("apiVersion"),
        () if before.namespace != after.namespace => metadata.key("namespace"),
        () => metadata.key("name"),
    }
}

fn below(path: &AttrPath, inner: &AttrPath) -> AttrPath {
    AttrPath(path.0.iter().chain(&inner.0).cloned().collect::<Vec<PathStep>>())
}

/// What was changed outside deployctl, by object.
fn drift(decided: &[Decided]) -> Vec<Diff> {
    let mut all = Vec::new();
    for one in decided {
        let at = AttrPath::of(one.id.to_string());
        all.extend(one.verdict.drift.iter().map(|diff| Diff { path: below(&at, &diff.path), ..diff.clone() }));
        if one.verdict.reason == "was deleted outside deployctl" {
            let before = Some(Value::from("there"));
            all.push(Diff { path: at, before, after: Some(Value::from("deleted")), forces_replacement: false });
        }
    }
    all
}

/// A map with one member set.
pub(crate) fn with(value: &Value, name: &str, member: Value) -> Value {
    let mut members: Map = value.as_map().cloned().unwrap_or_default();
    members.insert(name.into(), member);
    Value::from(members)
}
