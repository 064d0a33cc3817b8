//! A plan without the cluster, where that is allowed: what the configuration changed since the last apply, and nothing else.

use std::collections::HashSet;

use deployctl_sdk::{Action, Child, Note, PlanRequest, PlannedChange, ProviderError, Reason, Value, default_plan};

use crate::id::Id;
use crate::options::Options;
use crate::record::Record;
use crate::sources;

/// Plans from the record alone, and says what could not be checked.
///
/// # Errors
/// When the documents cannot be read.
pub(crate) fn plan(
    request: &PlanRequest<'_>,
    base: PlannedChange,
    record: &Record,
    options: &Options,
    unreachable: &ProviderError,
) -> Result<PlannedChange, ProviderError> {
    let config = &request.desired.config;
    let documents = sources::read(config, &request.desired.captured, request.files).map_err(sources::first)?;
    let mut notes = vec![Note(format!(
        "planned offline ({}): defaults, admission, validation, conflicts with other managers and changes made outside \
         deployctl were not checked",
        unreachable.message
    ))];
    let rendered = ["kustomization", "chart"].iter().any(|name| config.get(name).is_some());
    if rendered {
        notes.push(Note("what is rendered was not looked at".to_owned()));
    }
    let unchanged = request.recorded.is_some_and(|recorded| recorded.captured == request.desired.captured);
    let same_config = base.action == Action::NoOp;
    if unchanged && same_config && request.recorded.is_some() {
        return Ok(PlannedChange { notes, ..base });
    }
    let known: HashSet<(String, String, String)> = record.entries.iter().map(|entry| loose(&entry.id)).collect();
    let mut children = Vec::new();
    let mut kept = HashSet::new();
    for document in &documents {
        let mut id = Id::of(&document.object);
        if id.namespace.is_empty()
            && let Some(namespace) = &options.namespace
        {
            id.namespace.clone_from(namespace);
        }
        let there = known.contains(&loose(&id));
        kept.insert(loose(&id));
        let (action, reason) = match there {
            true => (Action::Update, "may change: not compared with what is there"),
            false => (Action::Create, "not checked by the cluster"),
        };
        children.push(child(&id, action, reason));
    }
    let gone = record.entries.iter().filter(|entry| !rendered && !kept.contains(&loose(&entry.id)));
    children.extend(gone.map(|entry| child(&entry.id, Action::Delete, "no longer in the manifests")));
    let planned = match (base.action, request.observed) {
        (Action::NoOp, Some(observed)) => {
            let planned = default_plan::planned_update(request.schema, config, &observed.attributes);
            PlannedChange::new(Action::Update, Reason::Changed, planned)
        }
        _ => base,
    };
    let planned_value = super::assemble::with(&planned.planned, "objects", Value::Unknown);
    let is_object = request.schema.name == crate::schema::OBJECT;
    let value = if is_object { planned.planned.clone() } else { planned_value };
    Ok(PlannedChange { planned: value, children, notes, ..planned })
}

/// What tells objects apart where their namespaces may not be known.
fn loose(id: &Id) -> (String, String, String) {
    (id.group.clone(), id.kind.clone(), id.name.clone())
}

fn child(id: &Id, action: Action, reason: &str) -> Child {
    Child { kind: id.kind.clone(), name: id.place(), action, reason: reason.to_owned(), diffs: Vec::new() }
}
