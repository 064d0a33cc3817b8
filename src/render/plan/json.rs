//! A plan as a JSON document for programs. Sensitive and unknown values are shown by their marks alone, and listed.

use deployctl_sdk::{Action, CapturedFile, Child, Diff, PathStep, ReplaceOrder, Value};
use serde::Serialize;

use super::short_digest;
use crate::plan::{OutputChange, Plan, ResourceChange, Summary};
use crate::render::reason;

/// The version of the document; it moves when a reader would have to change.
pub const PLAN_FORMAT_VERSION: u32 = 1;

/// The document. Serialise it to wherever it is to go: it borrows the plan.
#[derive(Serialize)]
pub struct Document<'p> {
    format_version: u32,
    deployctl_version: &'p str,
    digest: String,
    short_digest: String,
    mode: &'p crate::plan::Mode,
    environment: &'p str,
    lineage: deployctl_sdk::Lineage,
    serial: u64,
    at: jiff::Timestamp,
    targets: &'p [deployctl_sdk::Address],
    summary: Summary,
    changes: Vec<Change<'p>>,
    drift: Vec<Drift<'p>>,
    outputs: Vec<Output<'p>>,
    notes: Vec<Remark<'p>>,
    waves: Vec<Vec<String>>,
    read: Read,
    engines: &'p std::collections::BTreeMap<String, String>,
    warnings: &'p [String],
}

#[derive(Serialize)]
struct Read {
    resources: usize,
    millis: u64,
}

#[derive(Serialize)]
struct Change<'p> {
    address: String,
    id: deployctl_sdk::ResourceId,
    #[serde(rename = "type")]
    type_name: &'p str,
    provider: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_alias: Option<&'p str>,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    replace_order: Option<ReplaceOrder>,
    reason: &'p deployctl_sdk::Reason,
    reason_text: String,
    dependencies: &'p [deployctl_sdk::Address],
    planned: &'p Value,
    sensitive: Vec<String>,
    unknown: Vec<String>,
    diffs: Vec<Difference<'p>>,
    unchanged_attributes: usize,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    at_default: &'p [String],
    drift: Vec<Difference<'p>>,
    children: Vec<ChildChange<'p>>,
    risks: &'p [deployctl_sdk::Risk],
    notes: &'p [deployctl_sdk::Note],
    captured: &'p [CapturedFile],
    position: &'p Option<crate::diagnostic::Position>,
}

#[derive(Serialize)]
struct ChildChange<'p> {
    kind: &'p str,
    name: &'p str,
    action: &'static str,
    reason: &'p str,
    diffs: Vec<Difference<'p>>,
}

/// One place at which two values differ.
#[derive(Serialize)]
pub struct Difference<'p> {
    path: String,
    before: &'p Option<Value>,
    after: &'p Option<Value>,
    #[serde(skip_serializing_if = "is_false")]
    before_sensitive: bool,
    #[serde(skip_serializing_if = "is_false")]
    after_sensitive: bool,
    #[serde(skip_serializing_if = "is_false")]
    after_unknown: bool,
    #[serde(skip_serializing_if = "is_false")]
    forces_replacement: bool,
}

#[derive(Serialize)]
struct Drift<'p> {
    address: String,
    diffs: Vec<Difference<'p>>,
}

#[derive(Serialize)]
struct Output<'p> {
    name: &'p str,
    before: &'p Option<Value>,
    after: &'p Option<Value>,
}

#[derive(Serialize)]
struct Remark<'p> {
    address: String,
    text: &'p str,
}

/// The plan as a document.
pub fn document(plan: &Plan) -> Document<'_> {
    Document {
        format_version: PLAN_FORMAT_VERSION,
        deployctl_version: &plan.version,
        digest: plan.digest.to_string(),
        short_digest: short_digest(&plan.digest),
        mode: &plan.mode,
        environment: &plan.environment,
        lineage: plan.lineage,
        serial: plan.serial,
        at: plan.at,
        targets: &plan.targets,
        summary: plan.summary(),
        changes: plan.changes.iter().map(change).collect(),
        drift: plan
            .drift
            .iter()
            .map(|(address, diffs)| Drift { address: address.to_string(), diffs: differences(diffs) })
            .collect(),
        outputs: plan.outputs.iter().map(output).collect(),
        notes: plan
            .notes
            .iter()
            .map(|(address, note)| Remark { address: address.to_string(), text: &note.0 })
            .collect(),
        waves: plan.waves.iter().map(|wave| names(plan, wave)).collect(),
        read: Read { resources: plan.read.resources, millis: plan.read.millis },
        engines: &plan.engines,
        warnings: &plan.warnings,
    }
}

/// The document as text, one line without an end.
///
/// # Errors
/// None with what a plan can hold; the signature is serde's.
pub fn text(plan: &Plan) -> Result<String, serde_json::Error> {
    serde_json::to_string(&document(plan))
}

fn change(change: &ResourceChange) -> Change<'_> {
    let (mut sensitive, mut unknown) = (Vec::new(), Vec::new());
    marks(&change.planned, &mut String::new(), &mut sensitive, &mut unknown);
    Change {
        address: change.address.to_string(),
        id: change.id,
        type_name: &change.type_name,
        provider: &change.provider.name,
        provider_alias: change.provider.alias.as_deref(),
        action: change.action.word(),
        replace_order: match change.action {
            Action::Replace(order) => Some(order),
            _ => None,
        },
        reason: &change.reason,
        reason_text: reason::reason(change.action, &change.reason),
        dependencies: &change.dependencies,
        planned: &change.planned,
        sensitive,
        unknown,
        diffs: differences(&change.diffs),
        unchanged_attributes: change.unchanged_attributes,
        at_default: &change.at_default,
        drift: differences(&change.drift),
        children: change.children.iter().map(child).collect(),
        risks: &change.risks,
        notes: &change.notes,
        captured: &change.captured,
        position: &change.position,
    }
}

fn child(child: &Child) -> ChildChange<'_> {
    ChildChange {
        kind: &child.kind,
        name: &child.name,
        action: child.action.word(),
        reason: &child.reason,
        diffs: differences(&child.diffs),
    }
}

fn output(output: &OutputChange) -> Output<'_> {
    Output { name: &output.name, before: &output.before, after: &output.after }
}

/// The places at which two values differ, as documents have them.
pub fn differences(diffs: &[Diff]) -> Vec<Difference<'_>> {
    let sensitive = |value: &Option<Value>| value.as_ref().is_some_and(Value::contains_sensitive);
    diffs
        .iter()
        .map(|diff| Difference {
            path: diff.path.to_string(),
            before: &diff.before,
            after: &diff.after,
            before_sensitive: sensitive(&diff.before),
            after_sensitive: sensitive(&diff.after),
            after_unknown: diff.after.as_ref().is_some_and(Value::contains_unknown),
            forces_replacement: diff.forces_replacement,
        })
        .collect()
}

fn names(plan: &Plan, wave: &[usize]) -> Vec<String> {
    wave.iter().filter_map(|index| plan.changes.get(*index)).map(|change| change.address.to_string()).collect()
}

/// Collects where marks stand, as paths like `env.PASSWORD` and `ports[0]`.
fn marks(value: &Value, path: &mut String, sensitive: &mut Vec<String>, unknown: &mut Vec<String>) {
    match value {
        Value::Sensitive(_) => sensitive.push(path.clone()),
        Value::Unknown => unknown.push(path.clone()),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                below(path, &PathStep::Index(index), |path| marks(item, path, sensitive, unknown));
            }
        }
        Value::Map(members) => {
            for (key, member) in members.iter() {
                below(path, &PathStep::Key(key.clone()), |path| marks(member, path, sensitive, unknown));
            }
        }
        _ => {}
    }
}

/// Goes one step down for the time of `inside`.
fn below(path: &mut String, step: &PathStep, inside: impl FnOnce(&mut String)) {
    let before = path.len();
    let step = deployctl_sdk::AttrPath(vec![step.clone()]).to_string();
    if before > 0 && !step.starts_with('[') {
        path.push('.');
    }
    path.push_str(&step);
    inside(path);
    path.truncate(before);
}

fn is_false(value: &bool) -> bool {
    !value
}
