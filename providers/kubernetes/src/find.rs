//! Looking for what bears our mark, whatever kind it is of.

use std::collections::BTreeMap;

use deployctl_sdk::{ErrorKind, Found, Lost, Map, Object, Operation, Ownership, ProviderError, Value};
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::cluster::{AT_ONCE, Kind};
use crate::id::Id;
use crate::json::{Json, text, to_value};
use crate::look::Found as Objects;
use crate::mark;
use crate::observe;
use crate::record::{Entry, Record};
use crate::schema::{MANIFESTS, OBJECT};
use crate::site::Site;

/// Everything of a cluster that a selector selects, of all kinds that can be listed. A kind that may not be listed in all
/// namespaces is listed in the given ones.
///
/// # Errors
/// When the cluster cannot be asked.
pub(crate) async fn selected(
    site: &Site,
    selector: &str,
    namespaces: &[String],
) -> Result<Vec<(Kind, Json)>, ProviderError> {
    let kinds = site.cluster.kinds_anew().await?;
    let asked: Vec<_> = kinds.listable().map(|kind| of_kind(site, kind, selector, namespaces)).collect();
    let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
    let mut found = Vec::new();
    while let Some(answer) = answers.next().await {
        found.extend(answer?);
    }
    // Some kinds are had in two groups; an object is one all the same.
    let mut seen = std::collections::HashSet::new();
    found.retain(|(_, object): &(Kind, Json)| seen.insert(text(object, "/metadata/uid").to_owned()));
    Ok(found)
}

async fn of_kind(
    site: &Site,
    kind: &Kind,
    selector: &str,
    namespaces: &[String],
) -> Result<Vec<(Kind, Json)>, ProviderError> {
    let pair = |objects: Vec<Json>| objects.into_iter().map(|object| (kind.clone(), object)).collect::<Vec<_>>();
    match site.cluster.list(kind, None, Some(selector), false).await {
        Ok(objects) => return Ok(pair(objects)),
        Err(error) if matches!(error.kind, ErrorKind::Refused | ErrorKind::Transient | ErrorKind::Invalid) => {}
        Err(error) => return Err(error),
    }
    let mut found = Vec::new();
    for namespace in namespaces.iter().filter(|_| kind.namespaced) {
        match site.cluster.list(kind, Some(namespace), Some(selector), false).await {
            Ok(objects) => found.extend(pair(objects)),
            // Who may not list a kind has not made one either.
            Err(error) if error.kind != ErrorKind::Unreachable => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Whether we wrote an object. Controllers copy labels onto what they make: the endpoints of a Service bear its mark.
fn is_ours(object: &Json, manager: &str) -> bool {
    let entries = object.pointer("/metadata/managedFields").and_then(Json::as_array);
    entries.into_iter().flatten().any(|entry| text(entry, "/manager") == manager)
}

/// What became of objects whose creation, change or removal was interrupted.
///
/// # Errors
/// When the cluster cannot be asked.
pub(crate) async fn find(site: &Site, lost: &[Lost]) -> Result<Vec<Found>, ProviderError> {
    let mut answers = Vec::with_capacity(lost.len());
    for one in lost {
        let mut namespaces: Vec<String> = vec![site.cluster.namespace().await?.to_owned()];
        let config = one.config.as_ref().or(one.prior.as_ref().map(|prior| &prior.attributes));
        namespaces.extend(config.and_then(|config| config.get("namespace")?.as_str().map(str::to_owned)));
        let record = one.prior.as_ref().map(Record::of).unwrap_or_default();
        namespaces.extend(record.entries.iter().map(|entry| entry.id.namespace.clone()));
        namespaces.sort();
        namespaces.dedup();
        let found = selected(site, &mark::selector(one.mark.id), &namespaces).await?;
        let lineage = one.mark.lineage;
        let ours = found
            .into_iter()
            .map(|(_, object)| object)
            .filter(|object| mark::whose(object, lineage, Some(one.mark.id)) == mark::Whose::Ours)
            .filter(|object| is_ours(object, &site.cluster.manager))
            .collect::<Vec<_>>();
        answers.push(found_again(site, one, &record, ours));
    }
    Ok(answers)
}

fn found_again(site: &Site, lost: &Lost, record: &Record, objects: Vec<Json>) -> Found {
    if objects.is_empty() {
        return Found::Absent;
    }
    let config = lost.prior.as_ref().map(|prior| prior.attributes.clone()).or_else(|| lost.config.clone());
    let captured = lost.prior.as_ref().map(|prior| prior.captured.clone()).unwrap_or_default();
    let known: BTreeMap<&Id, &Entry> = record.entries.iter().map(|entry| (&entry.id, entry)).collect();
    let manager = &site.cluster.manager;
    let entries = objects.iter().map(|object| match known.get(&Id::of(object)) {
        Some(entry) => (*entry).clone(),
        None => Entry::of(object, "", manager),
    });
    let record = Record {
        id: Some(lost.mark.id),
        address: if record.address.is_empty() { lost.mark.address.to_string() } else { record.address.clone() },
        entries: entries.collect(),
    };
    let live: Objects = objects.into_iter().map(|object| (Id::of(&object), object)).collect();
    let object = observe::described(&lost.type_name, &config.unwrap_or_else(nothing), record, &live, captured);
    // Whatever is missing is planned: it need not be made anew.
    Found::Present { object, complete: lost.operation != Operation::Delete }
}

fn nothing() -> Value {
    Value::from(Map::new())
}

/// Everything that bears the mark of this lineage, by resource.
///
/// # Errors
/// When the cluster cannot be asked.
pub(crate) async fn find_all(site: &Site) -> Result<Vec<(Ownership, Object)>, ProviderError> {
    let namespace = site.cluster.namespace().await?.to_owned();
    let found = selected(site, &format!("{}={}", mark::LINEAGE, site.lineage), &[namespace]).await?;
    let mut by_resource: BTreeMap<String, (Ownership, Vec<Json>)> = BTreeMap::new();
    for (_, object) in found.into_iter().filter(|(_, object)| is_ours(object, &site.cluster.manager)) {
        if let Some(mark) = mark::of(&object) {
            by_resource.entry(mark.id.to_string()).or_insert_with(|| (mark, Vec::new())).1.push(object);
        }
    }
    let described = by_resource.into_values().map(|(mark, objects)| {
        let entries = objects.iter().map(|object| Entry::of(object, "", &site.cluster.manager)).collect();
        let record = Record { id: Some(mark.id), address: mark.address.to_string(), entries };
        let config = config_of(&mark.address.type_name, &objects);
        let live: Objects = objects.into_iter().map(|object| (Id::of(&object), object)).collect();
        let object = observe::described(&mark.address.type_name, &config, record, &live, Vec::new());
        (mark, object)
    });
    Ok(described.collect())
}

/// What a configuration of these objects would be, as far as that can be told from them.
pub(crate) fn config_of(type_name: &str, objects: &[Json]) -> Value {
    let mut members = Map::new();
    let schema = crate::schema::provider();
    let attributes = schema.resource(type_name).into_iter().flat_map(|schema| &schema.attributes);
    for attribute in attributes {
        if let Some(default) = &attribute.default {
            members.insert(attribute.name.as_str().into(), default.clone());
        }
    }
    match type_name {
        OBJECT => {
            if let Some(object) = objects.first() {
                members.insert("manifest".into(), manifest_of(object));
            }
        }
        MANIFESTS => {
            let documents = objects.iter().map(manifest_of);
            members.insert("documents".into(), Value::list(documents));
        }
        _ => {}
    }
    Value::from(members)
}

/// An object as a person would write it: without what the server and controllers wrote on it. What a Secret holds is
/// marked.
pub(crate) fn manifest_of(object: &Json) -> Value {
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        members.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        for name in ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"] {
            metadata.remove(name);
        }
        for map in ["labels", "annotations"] {
            if let Some(members) = metadata.get_mut(map).and_then(Json::as_object_mut) {
                members.retain(|name, _| !mark::is_ours(name) && name != LAST_APPLIED && name != REVISION);
                if members.is_empty() {
                    metadata.remove(map);
                }
            }
        }
    }
    let secret = text(&object, "/kind") == "Secret";
    let value = to_value(&object);
    match value.as_map().filter(|_| secret) {
        Some(members) => {
            Value::map(members.iter().map(|(name, member)| {
                (name.clone(), member.clone().with_mark(matches!(&**name, "data" | "stringData")))
            }))
        }
        None => value,
    }
}

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const REVISION: &str = "deployment.kubernetes.io/revision";
