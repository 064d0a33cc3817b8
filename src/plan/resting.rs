//! The form in which a plan rests: nothing redacted, for it is sealed as a whole; secrets alone are withheld.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deployctl_sdk::change::{Child, Note};
use deployctl_sdk::value::{Seal, Tagged, TaggedSeed};
use deployctl_sdk::{Action, Address, AttrPath, CapturedFile, Diff, Digest, Lineage, Reason, ResourceId, Risk, Value};
use jiff::Timestamp;
use serde::de::{DeserializeSeed as _, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Error, Value as Json};

use super::{Mode, OutputChange, Plan, ReadCost, ResourceChange};
use crate::diagnostic::Position;
use crate::state::{DataKey, Inside, ProviderRef};

#[derive(Serialize, Deserialize)]
pub(super) struct PlanAtRest {
    version: String,
    at: Timestamp,
    mode: Mode,
    environment: String,
    lineage: Lineage,
    serial: u64,
    targets: Vec<Address>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    excludes: Vec<Address>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unkept: Vec<Address>,
    changes: Vec<ChangeAtRest>,
    unchanged: usize,
    notes: Vec<(Address, Note)>,
    drift: Vec<(Address, Vec<DiffAtRest>)>,
    outputs: Vec<(String, Option<Json>, Option<Json>)>,
    waves: Vec<Vec<usize>>,
    read: (usize, u64),
    digest: Digest,
    engines: BTreeMap<String, String>,
    warnings: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct ChangeAtRest {
    address: Address,
    id: ResourceId,
    type_name: String,
    provider: (String, Option<String>, Json),
    action: Action,
    reason: Reason,
    dependencies: Vec<Address>,
    planned: Json,
    diffs: Vec<DiffAtRest>,
    unchanged_attributes: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    at_default: Vec<String>,
    drift: Vec<DiffAtRest>,
    children: Vec<ChildAtRest>,
    risks: Vec<Risk>,
    notes: Vec<Note>,
    captured: Vec<CapturedFile>,
    artefact: Option<String>,
    position: Option<Position>,
}

#[derive(Serialize, Deserialize)]
struct DiffAtRest {
    path: AttrPath,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    before: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    after: Option<Json>,
    forces_replacement: bool,
}

#[derive(Serialize, Deserialize)]
struct ChildAtRest {
    kind: String,
    name: String,
    action: Action,
    reason: String,
    diffs: Vec<DiffAtRest>,
}

/// A null that is there is no value that is missing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

fn rest(value: &Value, seal: &dyn Seal) -> Result<Json, Error> {
    serde_json::to_value(Tagged::new(value, seal))
}

fn wake(json: &Json, seal: &dyn Seal) -> Result<Value, Error> {
    TaggedSeed::new(seal).deserialize(json)
}

fn rest_diffs(diffs: &[Diff], seal: &dyn Seal) -> Result<Vec<DiffAtRest>, Error> {
    let rest = |value: &Value| rest(value, seal);
    let one = |diff: &Diff| {
        Ok(DiffAtRest {
            path: diff.path.clone(),
            before: diff.before.as_ref().map(rest).transpose()?,
            after: diff.after.as_ref().map(rest).transpose()?,
            forces_replacement: diff.forces_replacement,
        })
    };
    diffs.iter().map(one).collect()
}

fn wake_diffs(diffs: &[DiffAtRest], seal: &dyn Seal) -> Result<Vec<Diff>, Error> {
    let wake = |json: &Json| wake(json, seal);
    let one = |diff: &DiffAtRest| {
        Ok(Diff {
            path: diff.path.clone(),
            before: diff.before.as_ref().map(wake).transpose()?,
            after: diff.after.as_ref().map(wake).transpose()?,
            forces_replacement: diff.forces_replacement,
        })
    };
    diffs.iter().map(one).collect()
}

/// The plan in the form in which it rests.
pub(super) fn to_rest(plan: &Plan, key: &DataKey) -> Result<PlanAtRest, Error> {
    let seal = &Inside(key);
    let rest = |value: &Value| rest(value, seal);
    let output = |change: &OutputChange| {
        let side = |value: &Option<Value>| value.as_ref().map(rest).transpose();
        Ok((change.name.to_string(), side(&change.before)?, side(&change.after)?))
    };
    Ok(PlanAtRest {
        version: plan.version.clone(),
        at: plan.at,
        mode: plan.mode.clone(),
        environment: plan.environment.to_string(),
        lineage: plan.lineage,
        serial: plan.serial,
        targets: plan.targets.clone(),
        excludes: plan.excludes.clone(),
        unkept: plan
            .changes
            .iter()
            .filter(|change| is_unkept(change, key))
            .map(|change| change.address.clone())
            .collect(),
        changes: plan.changes.iter().map(|change| rest_change(change, key)).collect::<Result<_, Error>>()?,
        unchanged: plan.unchanged,
        notes: plan.notes.clone(),
        drift: plan
            .drift
            .iter()
            .map(|(address, diffs)| Ok((address.clone(), rest_diffs(diffs, seal)?)))
            .collect::<Result<_, Error>>()?,
        outputs: plan.outputs.iter().map(output).collect::<Result<_, Error>>()?,
        waves: plan.waves.clone(),
        read: (plan.read.resources, plan.read.millis),
        digest: plan.digest,
        engines: plan.engines.clone(),
        warnings: plan.warnings.clone(),
    })
}

/// The plan from the form in which it rests.
pub(super) fn from_rest(plan: PlanAtRest, key: &DataKey) -> Result<Plan, Error> {
    let seal = &Inside(key);
    let wake = |json: &Json| wake(json, seal);
    let output = |(name, before, after): (String, Option<Json>, Option<Json>)| {
        let side = |json: Option<Json>| json.as_ref().map(wake).transpose();
        Ok(OutputChange { name: name.into(), before: side(before)?, after: side(after)? })
    };
    let drift = |(address, diffs): (Address, Vec<DiffAtRest>)| Ok((address, wake_diffs(&diffs, seal)?));
    Ok(Plan {
        version: plan.version,
        at: plan.at,
        mode: plan.mode,
        environment: plan.environment.into(),
        lineage: plan.lineage,
        serial: plan.serial,
        targets: plan.targets,
        excludes: plan.excludes,
        unkept: plan.unkept,
        changes: plan.changes.into_iter().map(|change| wake_change(change, seal)).collect::<Result<_, Error>>()?,
        unchanged: plan.unchanged,
        notes: plan.notes,
        drift: plan.drift.into_iter().map(drift).collect::<Result<_, Error>>()?,
        outputs: plan.outputs.into_iter().map(output).collect::<Result<_, Error>>()?,
        waves: plan.waves,
        read: ReadCost { resources: plan.read.0, millis: plan.read.1 },
        digest: plan.digest,
        engines: plan.engines,
        warnings: plan.warnings,
    })
}

/// Whether an engine's own plan must not rest: it holds what the engine was given, in clear. Of a removal it is not seen here
/// what that was.
fn is_unkept(change: &ResourceChange, key: &DataKey) -> bool {
    let children = change.children.iter().flat_map(|child| &child.diffs);
    let sides = change.diffs.iter().chain(children).flat_map(|diff| diff.before.iter().chain(&diff.after));
    let from_secret = |value: &Value| key.is_from_secret(value);
    change.artefact.is_some()
        && match change.action {
            Action::Delete => key.withholds(),
            _ => sides.chain([&change.planned]).any(from_secret),
        }
}

fn rest_change(change: &ResourceChange, key: &DataKey) -> Result<ChangeAtRest, Error> {
    let seal = &Inside(key);
    let rest = |value: &Value| rest(value, seal);
    let child = |child: &Child| {
        Ok(ChildAtRest {
            kind: child.kind.clone(),
            name: child.name.clone(),
            action: child.action,
            reason: child.reason.clone(),
            diffs: rest_diffs(&child.diffs, seal)?,
        })
    };
    let provider = &change.provider;
    Ok(ChangeAtRest {
        address: change.address.clone(),
        id: change.id,
        type_name: change.type_name.to_string(),
        provider: (
            provider.name.to_string(),
            provider.alias.as_ref().map(ToString::to_string),
            rest(&provider.settings)?,
        ),
        action: change.action,
        reason: change.reason.clone(),
        dependencies: change.dependencies.clone(),
        planned: rest(&change.planned)?,
        diffs: rest_diffs(&change.diffs, seal)?,
        unchanged_attributes: change.unchanged_attributes,
        at_default: change.at_default.clone(),
        drift: rest_diffs(&change.drift, seal)?,
        children: change.children.iter().map(child).collect::<Result<_, Error>>()?,
        risks: change.risks.clone(),
        notes: change.notes.clone(),
        captured: change.captured.clone(),
        artefact: change.artefact.as_ref().filter(|_| !is_unkept(change, key)).map(|bytes| STANDARD.encode(bytes)),
        position: change.position.clone(),
    })
}

fn wake_change(change: ChangeAtRest, seal: &dyn Seal) -> Result<ResourceChange, Error> {
    let wake = |json: &Json| wake(json, seal);
    let child = |child: ChildAtRest| {
        let diffs = wake_diffs(&child.diffs, seal)?;
        Ok(Child { kind: child.kind, name: child.name, action: child.action, reason: child.reason, diffs })
    };
    let artefact = change.artefact.map(|text| STANDARD.decode(text).map(Arc::from).map_err(Error::custom));
    let (name, alias, settings) = change.provider;
    Ok(ResourceChange {
        address: change.address,
        id: change.id,
        type_name: change.type_name.into(),
        provider: ProviderRef { name: name.into(), alias: alias.map(Arc::from), settings: wake(&settings)? },
        action: change.action,
        reason: change.reason,
        dependencies: change.dependencies,
        planned: wake(&change.planned)?,
        diffs: wake_diffs(&change.diffs, seal)?,
        unchanged_attributes: change.unchanged_attributes,
        at_default: change.at_default,
        drift: wake_diffs(&change.drift, seal)?,
        children: change.children.into_iter().map(child).collect::<Result<_, Error>>()?,
        risks: change.risks,
        notes: change.notes,
        captured: change.captured,
        artefact: artefact.transpose()?,
        position: change.position,
    })
}
