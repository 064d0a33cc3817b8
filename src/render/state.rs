//! The state, one record or all of it, for people.

use deployctl_sdk::{Address, Value};
use jiff::Timestamp;
use serde::Serialize;

use super::text::{clean, counted, pad, width};
use super::time::since;
use super::{Look, Paint, value};
use crate::state::{Record, State, Status};

/// The version of the document; it moves when a reader would have to change.
pub const STATE_VIEW_FORMAT_VERSION: u32 = 1;

/// All of it.
pub fn show(state: &State, look: Look, now: Timestamp) -> String {
    let mut out = String::new();
    for (address, record) in &state.records {
        out.push_str(&self::record(address, record, look, now));
        out.push('\n');
    }
    if !state.outputs.is_empty() {
        out.push_str(&format!("{}\n{}\n", look.bold("Outputs"), outputs(state, look)));
    }
    let count = counted(state.records.len(), "resource");
    out.push_str(&format!("{}\n", look.dim(&format!("{count}, serial {}, lineage {}", state.serial, state.lineage))));
    out
}

/// One record.
pub fn record(address: &Address, record: &Record, look: Look, now: Timestamp) -> String {
    let mut about = vec![status_word(record.status).to_owned(), format!("changed {} ago", since(record.updated, now))];
    if record.object.is_none() {
        about = vec!["gone, only what was replaced is left".to_owned()];
    }
    if !record.deposed.is_empty() {
        about.push(format!("{} to be deleted by the next run", counted(record.deposed.len(), "replaced object")));
    }
    if record.prevent_destroy {
        about.push("protected".to_owned());
    }
    let mut out = format!("{}  {}\n", look.bold(&clean(&address.to_string())), look.dim(&about.join(", ")));
    if let Some(members) = record.object.as_ref().and_then(|object| object.attributes.as_map()) {
        let shown: Vec<_> = members.iter().filter(|(_, value)| !value.is_null()).collect();
        let column = shown.iter().map(|(name, _)| width(name)).filter(|width| *width <= 24).max().unwrap_or(0);
        for (name, member) in shown {
            attribute(&mut out, name, member, column, look);
        }
    }
    for child in record.object.iter().flat_map(|object| &object.children) {
        out.push_str(&format!("    {} {}  {}\n", clean(&child.kind), clean(&child.name), clean(&child.state)));
    }
    out
}

fn attribute(out: &mut String, name: &str, member: &Value, column: usize, look: Look) {
    let lines = value::lines(member, look.width.saturating_sub(column + 6));
    let mut lines = lines.iter();
    out.push_str(&format!("    {}  {}\n", pad(name, column), lines.next().map(String::as_str).unwrap_or_default()));
    for line in lines {
        out.push_str(&format!("    {line}\n"));
    }
}

/// The outputs, a line each.
pub fn outputs(state: &State, look: Look) -> String {
    let column = state.outputs.keys().map(|name| width(name)).filter(|width| *width <= 40).max().unwrap_or(0);
    let mut out = String::new();
    for (name, output) in &state.outputs {
        let room = look.width.saturating_sub(column + 5);
        let lines = value::lines(output, room);
        out.push_str(&format!("  {} = {}\n", pad(name, column), lines.join("\n  ")));
    }
    out
}

/// The shape a record is in.
pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Ready => "ready",
        Status::Unhealthy => "unhealthy",
        Status::Tainted => "half made",
    }
}

/// The paint of that shape.
pub fn status_paint(status: Status) -> Paint {
    match status {
        Status::Ready => Paint::Green,
        Status::Unhealthy => Paint::Red,
        Status::Tainted => Paint::Yellow,
    }
}

/// What differs between two states, by address.
pub fn diff(before: &State, after: &State, look: Look) -> String {
    let mut out = String::new();
    for (address, change, diffs) in changes(before, after) {
        let (symbol, paint) = match change {
            "added" => ("+", Paint::Green),
            "removed" => ("-", Paint::Red),
            _ => ("~", Paint::Yellow),
        };
        out.push_str(&format!("{} {}\n", look.paint(paint, symbol), look.bold(&clean(&address.to_string()))));
        if change != "removed" {
            super::plan::attributes(&mut out, &diffs, change == "added", "    ", look);
        }
    }
    out
}

/// What differs between two states, as a document.
#[derive(Serialize)]
pub struct Differences {
    format_version: u32,
    changes: Vec<Difference>,
}

/// What differs at one address.
#[derive(Serialize)]
struct Difference {
    address: String,
    change: &'static str,
    #[serde(serialize_with = "as_in_plans")]
    diffs: Vec<deployctl_sdk::Diff>,
}

fn as_in_plans<S: serde::Serializer>(diffs: &[deployctl_sdk::Diff], serializer: S) -> Result<S::Ok, S::Error> {
    super::plan::json::differences(diffs).serialize(serializer)
}

/// What differs between two states, as a document.
pub fn differences(before: &State, after: &State) -> Differences {
    let changes = changes(before, after)
        .into_iter()
        .map(|(address, change, diffs)| Difference { address: address.to_string(), change, diffs })
        .collect();
    Differences { format_version: STATE_VIEW_FORMAT_VERSION, changes }
}

/// The addresses at which two states differ, with how.
fn changes<'s>(before: &'s State, after: &'s State) -> Vec<(&'s Address, &'static str, Vec<deployctl_sdk::Diff>)> {
    let mut addresses: Vec<&Address> = before.records.keys().chain(after.records.keys()).collect();
    addresses.sort();
    addresses.dedup();
    let attributes = |state: &State, address: &Address| {
        let record = state.records.get(address)?;
        Some(record.object.as_ref().map(|object| object.attributes.clone()).unwrap_or_default())
    };
    let mut changes = Vec::new();
    for address in addresses {
        let nothing = || Value::map::<&str>([]);
        let (change, old, new) = match (attributes(before, address), attributes(after, address)) {
            (Some(old), Some(new)) => ("changed", old, new),
            (None, Some(new)) => ("added", nothing(), new),
            (Some(old), None) => ("removed", old, nothing()),
            (None, None) => continue,
        };
        let diffs = deployctl_sdk::default_plan::compare(&old, &new);
        if change != "changed" || !diffs.is_empty() {
            changes.push((address, change, diffs));
        }
    }
    changes
}

/// The state as a JSON document for programs: sensitive values are shown by their marks alone.
#[derive(Serialize)]
pub struct Document<'s> {
    format_version: u32,
    lineage: deployctl_sdk::Lineage,
    serial: u64,
    deployctl_version: &'s str,
    engines: &'s std::collections::BTreeMap<String, String>,
    resources: Vec<Resource<'s>>,
    outputs: &'s std::collections::BTreeMap<std::sync::Arc<str>, Value>,
}

/// One record as a document has it.
#[derive(Serialize)]
pub struct Resource<'s> {
    address: String,
    id: deployctl_sdk::ResourceId,
    #[serde(rename = "type")]
    type_name: &'s str,
    provider: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_alias: Option<&'s str>,
    schema_version: u32,
    status: Status,
    attributes: Option<&'s Value>,
    children: &'s [deployctl_sdk::ChildObject],
    deposed: usize,
    dependencies: &'s [Address],
    protected: bool,
    created: Timestamp,
    updated: Timestamp,
}

/// The state as a document.
pub fn document(state: &State) -> Document<'_> {
    Document {
        format_version: STATE_VIEW_FORMAT_VERSION,
        lineage: state.lineage,
        serial: state.serial,
        deployctl_version: &state.version,
        engines: &state.engines,
        resources: state.records.iter().map(|(address, record)| resource(address, record)).collect(),
        outputs: &state.outputs,
    }
}

/// One record as a document of its own.
#[derive(Serialize)]
pub struct OneDocument<'s> {
    format_version: u32,
    resource: Resource<'s>,
}

/// One record as a document of its own.
pub fn one<'s>(address: &Address, record: &'s Record) -> OneDocument<'s> {
    OneDocument { format_version: STATE_VIEW_FORMAT_VERSION, resource: resource(address, record) }
}

/// One record as a document.
pub fn resource<'s>(address: &Address, record: &'s Record) -> Resource<'s> {
    Resource {
        address: address.to_string(),
        id: record.id,
        type_name: &record.type_name,
        provider: &record.provider.name,
        provider_alias: record.provider.alias.as_deref(),
        schema_version: record.schema_version,
        status: record.status,
        attributes: record.object.as_ref().map(|object| &object.attributes),
        children: record.object.as_ref().map(|object| object.children.as_slice()).unwrap_or_default(),
        deposed: record.deposed.len(),
        dependencies: &record.dependencies,
        protected: record.prevent_destroy,
        created: record.created,
        updated: record.updated,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use deployctl_sdk::{ChildObject, Lineage, Object, ResourceId};

    use super::*;
    use crate::state::ProviderRef;

    fn sample(content: &str) -> State {
        let object = Object {
            children: vec![ChildObject { kind: "replica".into(), name: "0".into(), state: "running".into() }],
            ..Object::new(Value::map([
                ("path", Value::from("a.txt")),
                ("content", Value::from(content)),
                ("token", Value::from("hunter2").into_sensitive()),
                ("mode", Value::Null),
            ]))
        };
        let record = Record {
            id: ResourceId(uuid::Uuid::nil()),
            type_name: "local_file".into(),
            schema_version: 1,
            provider: ProviderRef { name: "local".into(), alias: None, settings: Value::Null },
            object: Some(object),
            status: Status::Unhealthy,
            deposed: Vec::new(),
            dependencies: Vec::new(),
            create_first: false,
            prevent_destroy: true,
            host: None,
            created: "2026-03-01T10:00:00Z".parse().unwrap(),
            updated: "2026-03-01T10:00:00Z".parse().unwrap(),
        };
        let mut state = State::new(Lineage(uuid::Uuid::nil()));
        state.records.insert("local_file.a".parse().unwrap(), Arc::new(record));
        state.outputs = BTreeMap::from([("url".into(), Value::from("http://x"))]);
        state.serial = 3;
        state
    }

    #[test]
    fn a_state_as_text() {
        let now: Timestamp = "2026-03-01T10:04:00Z".parse().unwrap();
        insta::assert_snapshot!(show(&sample("one\ntwo\n"), Look::plain(), now));
    }

    #[test]
    fn states_are_compared() {
        let (before, mut after) = (sample("one\ntwo\n"), sample("one\n2\n"));
        let moved = after.records.values().next().unwrap().clone();
        after.records.insert("local_file.b".parse().unwrap(), moved);
        insta::assert_snapshot!(diff(&before, &after, Look::plain()));
        assert_eq!(diff(&before, &before, Look::plain()), "");
    }

    #[test]
    fn documents_keep_secrets() {
        let text = serde_json::to_string_pretty(&document(&sample("x"))).unwrap();
        assert!(!text.contains("hunter2"));
        insta::assert_snapshot!(text);
    }
}
