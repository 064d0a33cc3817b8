//! The plan of one project.

use std::collections::BTreeSet;

use deployctl_sdk::{
    Action, AttrPath, Diff, ErrorKind, Note, PlanRequest, PlannedChange, ProviderError, Reason, Risk, RiskKind, Value,
    default_plan,
};
use tokio_util::sync::CancellationToken;

use crate::engine::World;
use crate::explain;
use crate::predict::{Fate, Prediction};
use crate::record::Record;
use crate::settings::Settings;
use crate::site::{Outlook, Site};

/// What a project that was taken over may lack in its record, because what runs does not tell it.
const NOT_TOLD: [&str; 7] = ["path", "files", "env", "env_files", "profiles", "services", "scale"];

/// Plans one project.
///
/// # Errors
/// When Compose refuses it, the engine does not answer, or a project of that name is not ours.
pub(crate) async fn plan(site: &Site, request: &PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
    let base = default_plan::plan(request)?;
    let config = &request.desired.config;
    let settings = Settings::new(config);
    if !settings.is_known() {
        // Which containers there will be is known only when the project can be resolved.
        return Ok(base);
    }
    let observed = request.observed;
    let is_new = matches!(base.action, Action::Create | Action::Replace(_));
    let record = observed.map(Record::of).unwrap_or_default();
    let recorded_files = observed.map(|object| object.captured.as_slice()).unwrap_or_default();
    let fresh = Record::default();
    let known = if is_new { &fresh } else { &record };
    if observed.is_none() {
        // Nothing was read for it, so what was seen may be of long ago.
        site.forget_seen();
    }
    let cancel = CancellationToken::new();
    let outlook = site.outlook(request.desired, request.files, known, recorded_files, &cancel).await?;
    let name = outlook.assembled.resolved.name();
    let same_project = observed.and_then(|object| object.attributes.get("project_name")?.as_str()) == Some(name);
    if is_new && !same_project {
        refuse_foreign(&outlook.world, name, &request.address.to_string())?;
    }
    refuse_foreign_networks(&outlook.prediction)?;

    let after = outlook.assembled.described(&site.places());
    let mut planned = base;
    if is_new && same_project {
        // It is made anew in any case: what there is now is gone by then.
        planned.notes.extend(notes(&outlook));
        return Ok(planned);
    }
    let told = only_not_told(&planned.diffs);
    let changes = outlook.prediction.is_change();
    if record.imported && planned.action == Action::Update && !changes && told {
        let observed = observed.map(|object| object.attributes.clone()).unwrap_or_default();
        return Ok(PlannedChange::no_op(observed));
    }
    if planned.action == Action::NoOp {
        if !changes {
            return Ok(PlannedChange { drift: Vec::new(), ..planned });
        }
        let observed = observed.map(|object| object.attributes.clone()).unwrap_or_default();
        planned.action = Action::Update;
        planned.planned = default_plan::planned_update(request.schema, config, &observed);
        planned.diffs = default_plan::compare(&observed, &planned.planned);
        planned.reason = match is_configured_as_before(&record, &after, &outlook) {
            true => Reason::Drifted,
            false => Reason::Changed,
        };
    }
    planned.drift.retain(matters);
    planned.children = explain::children(&outlook.prediction, &record.config, &after);
    planned.risks.extend(risks(site, &outlook, &planned));
    planned.notes.extend(notes(&outlook));
    Ok(planned)
}

/// Whether only attributes differ that what runs does not tell.
fn only_not_told(diffs: &[Diff]) -> bool {
    let known =
        |diff: &Diff| diff.path.attribute().is_some_and(|name| NOT_TOLD.contains(&name) || name == "containers");
    diffs.iter().all(known)
}

/// A service that ran to its end in the meantime is no drift.
fn matters(diff: &Diff) -> bool {
    let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    !(text(&diff.before).as_deref() == Some("running") && text(&diff.after).as_deref() == Some("exited (0)"))
}

fn is_configured_as_before(record: &Record, after: &Value, outlook: &Outlook) -> bool {
    let builds_as_before = outlook
        .assembled
        .builds
        .iter()
        .all(|(name, note)| record.images.get(name).is_some_and(|before| before.build == note.build));
    default_plan::compare(&record.config, after).is_empty() && builds_as_before
}

/// Refuses a project of that name that nothing is recorded of.
pub(crate) fn refuse_foreign(world: &World, name: &str, address: &str) -> Result<(), ProviderError> {
    let containers: Vec<&str> = world.of(name).map(|container| container.name.as_str()).collect();
    let Some(first) = containers.first() else { return Ok(()) };
    let message = match containers.len() {
        1 => format!("a project `{name}` is there already and is not managed here: it has the container {first}"),
        count => format!(
            "a project `{name}` is there already and is not managed here: it has {count} containers, {first} among them"
        ),
    };
    let hint =
        format!("take it over with `deployctl import '{address}' {name}`, or give this one another `project_name`");
    Err(ProviderError::new(ErrorKind::NotOurs, message).with_hint(hint))
}

fn refuse_foreign_networks(prediction: &Prediction) -> Result<(), ProviderError> {
    let Some(network) = prediction.networks.iter().find(|network| network.foreign) else { return Ok(()) };
    let message = format!("there is a network {} that does not belong to the project", network.name);
    let hint =
        format!("say `external: true` for `{}` in the Compose file to use it, or give it another `name`", network.key);
    Err(ProviderError::new(ErrorKind::NotOurs, message).with_hint(hint))
}

fn risks(site: &Site, outlook: &Outlook, planned: &PlannedChange) -> Vec<Risk> {
    let mut risks = Vec::new();
    let mut add = |kind: RiskKind, text: String| risks.push(Risk { kind, text });
    let lost: Vec<&str> = outlook.prediction.lost_volumes().map(|volume| volume.name.as_str()).collect();
    if !lost.is_empty() {
        let word = if lost.len() == 1 { "volume" } else { "volumes" };
        add(RiskKind::DataLoss, format!("{word} {} made anew, the data in it is gone afterwards", lost.join(", ")));
    }
    for (name, file) in written_files(site, outlook) {
        add(RiskKind::DataLoss, format!("{name} has written to {file}, and gets a fresh copy"));
    }
    let stops = |fate: &Fate| matches!(fate, Fate::Recreate | Fate::RecreateIfImageDiffers | Fate::Restart);
    let stopped: Vec<&str> = outlook
        .prediction
        .services
        .iter()
        .filter(|service| service.containers.iter().any(|(_, fate)| stops(fate)))
        .map(|service| service.service.as_str())
        .collect();
    if !stopped.is_empty() {
        add(RiskKind::Interrupts, format!("{}: the old container stops before the new one starts", stopped.join(", ")));
    }
    let at_ports = |path: &AttrPath| path.attribute() == Some("ports");
    let moved = planned.children.iter().filter(|child| child.diffs.iter().any(|diff| at_ports(&diff.path)));
    let moved: Vec<&str> = moved.map(|child| child.name.as_str()).collect();
    if !moved.is_empty() {
        add(RiskKind::Exposure, format!("published ports change: {}", moved.join(", ")));
    }
    risks
}

/// Files of the store that containers wrote to and that are replaced by others.
fn written_files(site: &Site, outlook: &Outlook) -> BTreeSet<(String, String)> {
    let wanted: BTreeSet<String> =
        outlook.assembled.mounted.iter().map(|file| site.store.path(file).display().to_string()).collect();
    let containers = outlook.world.of(outlook.assembled.resolved.name());
    let mounted = containers.flat_map(|container| container.binds.values().map(move |source| (container, source)));
    mounted
        .filter(|(_, source)| !wanted.contains(*source) && site.store.was_written_to(source))
        .map(|(container, source)| {
            (container.service.clone(), source.rsplit('/').next().unwrap_or_default().to_owned())
        })
        .collect()
}

fn notes(outlook: &Outlook) -> Vec<Note> {
    let mut notes: Vec<Note> =
        outlook.assembled.warnings.iter().map(|warning| Note(format!("Compose warns: {warning}"))).collect();
    if !outlook.assembled.not_captured.is_empty() {
        let listed = outlook.assembled.not_captured.join(", ");
        notes.push(Note(format!("not captured, containers see it as it is: {listed}")));
    }
    let left: Vec<&str> = outlook
        .prediction
        .removed
        .iter()
        .filter(|removed| !removed.removed)
        .map(|removed| removed.container.as_str())
        .collect();
    if !left.is_empty() {
        notes.push(Note(format!("not in the project any more, and left running: {}", left.join(", "))));
    }
    notes
}
