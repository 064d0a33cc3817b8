//! Documents to objects: lists are taken apart, and what every object must have is looked for.

use deployctl_sdk::ProviderError;
use serde_json::Value;

use super::Document;
use super::complaint::Source;
use super::node::{At, Entry, Kind, Node};

/// What the items of a typed list (`ConfigMapList`) need not repeat.
#[derive(Clone, Copy)]
struct List<'l> {
    api_version: &'l str,
    kind: Option<&'l str>,
    at: At,
}

/// Adds the objects of a document.
pub(super) fn gather(source: &Source<'_>, root: Node, found: &mut Vec<Document>) -> Result<(), ProviderError> {
    let at = root.at;
    add(source, root, None, at, found)
}

fn add(
    source: &Source<'_>,
    mut node: Node,
    list: Option<List<'_>>,
    around: At,
    found: &mut Vec<Document>,
) -> Result<(), ProviderError> {
    // What came from JSON has no place of its own.
    let at = if node.at == At::default() { around } else { node.at };
    let complain = |at: At, message: &str, label: &str| source.complaint(&at.range(), message, label);
    let Kind::Map(entries) = &mut node.kind else {
        let message = format!("an object of Kubernetes is a map; this is {}", node.what());
        return Err(complain(at, &message, "not a map"));
    };
    if let Some(list) = list {
        inherit(entries, list);
    }
    for key in ["apiVersion", "kind"] {
        text_of(source, &node, key, at)?;
    }
    let (api_version, kind) = (text_of(source, &node, "apiVersion", at)?, text_of(source, &node, "kind", at)?);
    if kind.ends_with("List") && node.get("items").is_some() {
        return items(source, node, at, found);
    }
    if api_version.starts_with("kustomize.config.k8s.io/") {
        return Err(complain(at, "this is a kustomization and no object", "here").with_hint(
            "name its folder as a kustomization, so that `kubectl kustomize` renders it, or leave the file out of `paths`",
        ));
    }
    name(source, &node, at)?;
    let line = source.line(at.range().start);
    found.push(Document { object: node.into_value(), file: source.file.to_owned(), line });
    Ok(())
}

fn items(source: &Source<'_>, node: Node, at: At, found: &mut Vec<Document>) -> Result<(), ProviderError> {
    let (api_version, kind) =
        (text_of(source, &node, "apiVersion", at)?.to_owned(), text_of(source, &node, "kind", at)?.to_owned());
    let Kind::Map(entries) = node.kind else { return Ok(()) };
    let Some(items) = entries.into_iter().find(|entry| entry.key == "items") else { return Ok(()) };
    // The kind of the plain list says nothing of its items.
    let of = kind.strip_suffix("List").filter(|kind| !kind.is_empty());
    let list = List { api_version: &api_version, kind: of, at };
    match items.value.kind {
        Kind::Scalar(Value::Null) => Ok(()),
        Kind::List(nodes) => nodes.into_iter().try_for_each(|item| add(source, item, Some(list), list.at, found)),
        _ => Err(source.complaint(&place(items.at, at).range(), "`items` of a list is a list", "not a list")),
    }
}

fn inherit(entries: &mut Vec<Entry>, list: List<'_>) {
    let Some(kind) = list.kind else { return };
    for (key, value) in [("apiVersion", list.api_version), ("kind", kind)] {
        if !entries.iter().any(|entry| entry.key == key) {
            let value = Node { at: list.at, kind: Kind::Scalar(Value::from(value)) };
            entries.push(Entry { key: key.to_owned(), at: list.at, value });
        }
    }
}

fn text_of<'n>(source: &Source<'_>, node: &'n Node, key: &str, at: At) -> Result<&'n str, ProviderError> {
    let Some(entry) = node.get(key) else {
        let message = format!("this object has no `{key}`");
        return Err(source.complaint(&at.range(), &message, "this object").with_hint(
            "each document of a manifest is an object with `apiVersion`, `kind` and `metadata.name`; other YAML files belong \
             elsewhere, or out of the paths",
        ));
    };
    entry.value.text().filter(|text| !text.is_empty()).ok_or_else(|| {
        let message = format!("`{key}` is text and not empty; this is {}", described(&entry.value));
        source.complaint(&place(entry.value.at, at).range(), &message, "here")
    })
}

fn name(source: &Source<'_>, node: &Node, at: At) -> Result<(), ProviderError> {
    let kind = node.get("kind").and_then(|entry| entry.value.text()).unwrap_or_default();
    let Some(metadata) = node.get("metadata").filter(|metadata| !metadata.value.is_null()) else {
        let message = format!("this {kind} has no `metadata`, so it has no name");
        return Err(source.complaint(&at.range(), &message, "this object"));
    };
    let there = place(metadata.at, at);
    if !matches!(metadata.value.kind, Kind::Map(_)) {
        let message = format!("`metadata` is a map; this is {}", metadata.value.what());
        return Err(source.complaint(&there.range(), &message, "here"));
    }
    let complaint = match metadata.value.get("name") {
        Some(name) if name.value.text().is_some_and(|name| !name.is_empty()) => {
            return labels(source, &metadata.value, there);
        }
        Some(name) => {
            let message = format!("`metadata.name` is text and not empty; this is {}", described(&name.value));
            return Err(source.complaint(&place(name.value.at, at).range(), &message, "here"));
        }
        None => source.complaint(&there.range(), &format!("this {kind} has no name"), "no `name` in here"),
    };
    Err(match metadata.value.get("generateName") {
        Some(_) => complaint
            .with_hint("`generateName` makes a new object each time, so nothing could be compared; give it a name"),
        None => complaint,
    })
}

/// An API server wants texts for labels and annotations, and says it without a place.
fn labels(source: &Source<'_>, metadata: &Node, around: At) -> Result<(), ProviderError> {
    for field in ["labels", "annotations"] {
        let Some(Kind::Map(entries)) = metadata.get(field).map(|entry| &entry.value.kind) else { continue };
        if let Some(wrong) = entries.iter().find(|entry| entry.value.text().is_none() && !entry.value.is_null()) {
            let message = format!("`metadata.{field}` holds texts; `{}` is {}", wrong.key, wrong.value.what());
            return Err(source.complaint(&place(wrong.value.at, around).range(), &message, "put it in quotes"));
        }
    }
    Ok(())
}

fn described(node: &Node) -> &'static str {
    if node.text() == Some("") { "empty" } else { node.what() }
}

fn place(at: At, around: At) -> At {
    if at == At::default() { around } else { at }
}
