//! Which fields of an object a manager owns, as the API server keeps it (`managedFields`, in the format `FieldsV1`), and an
//! object seen through them.
//!
//! A plan shows only what we own or would change. Everything else on an object (defaults, status, what controllers and
//! other people wrote) is not ours to speak of, so objects are compared through the fields that we applied.

use std::collections::BTreeSet;

use deployctl_sdk::{Digest, Map, Mask, Value, value};
use serde_json::Map as Members;

use crate::json::{Json, text, to_value};
use crate::mark;

/// A set of fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fields(Members<String, Json>);

/// The entry for a list, map or object itself, as against what is in it.
const ITSELF: &str = ".";

impl Fields {
    /// The fields that a manager applied to an object.
    pub(crate) fn applied(object: &Json, manager: &str) -> Self {
        let entries = entries(object).filter(|entry| {
            text(entry, "/manager") == manager
                && text(entry, "/operation") == "Apply"
                && text(entry, "/subresource").is_empty()
        });
        entries.fold(Self::default(), |all, entry| all.union(&Self::in_entry(entry)))
    }

    fn in_entry(entry: &Json) -> Self {
        Self(entry.get("fieldsV1").and_then(Json::as_object).cloned().unwrap_or_default())
    }

    /// The fields in either.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut all = self.0.clone();
        merge(&mut all, &other.0);
        Self(all)
    }

    /// As it is kept in a record.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// From a record.
    pub(crate) fn from_text(kept: &str) -> Self {
        Self(serde_json::from_str(kept).unwrap_or_default())
    }

    /// Each field by its path, as the API server writes paths in its complaints: `.spec.ports[port=80].name`.
    pub(crate) fn paths(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        collect_paths(&self.0, "", &mut found);
        found
    }

    /// What an object has in these fields. Items of lists that have keys are members by these keys. What is secret is
    /// marked, and of a `Secret` only a digest is there.
    pub(crate) fn view(&self, object: &Json, mask: &Mask) -> Value {
        let secret = text(object, "/kind") == "Secret";
        let mut top = Map::new();
        for (step, inner) in &self.0 {
            let Some(name) = step.strip_prefix("f:") else { continue };
            let (Some(member), Some(inner)) = (object.get(name), inner.as_object()) else { continue };
            let hidden = secret && matches!(name, "data" | "stringData");
            if let Some(seen) = see(inner, member, &Sight { mask, hidden }) {
                top.insert(name.into(), seen);
            }
        }
        Value::from(top)
    }

    /// The digest of what an object has in these fields.
    pub(crate) fn digest(&self, object: &Json) -> Digest {
        let view = self.view(object, &Mask::default());
        Digest::of(&serde_json::to_vec(&value::Tagged::new(&view, &value::Clear)).unwrap_or_default())
    }
}

/// The entries for managers' fields that are not of a subresource such as the status.
fn entries(object: &Json) -> impl Iterator<Item = &Json> {
    let entries = object.pointer("/metadata/managedFields").and_then(Json::as_array);
    entries.into_iter().flatten().filter(|entry| text(entry, "/subresource") != "status")
}

fn merge(all: &mut Members<String, Json>, more: &Members<String, Json>) {
    for (step, inner) in more {
        match (all.get_mut(step), inner) {
            (Some(Json::Object(known)), Json::Object(inner)) => merge(known, inner),
            (Some(_), _) => {}
            (None, inner) => _ = all.insert(step.clone(), inner.clone()),
        }
    }
}

fn collect_paths(fields: &Members<String, Json>, before: &str, found: &mut BTreeSet<String>) {
    if fields.is_empty() || fields.contains_key(ITSELF) {
        found.insert(before.to_owned());
    }
    for (step, inner) in fields.iter().filter(|(step, _)| *step != ITSELF) {
        let path = format!("{before}{}", written(step));
        collect_paths(inner.as_object().unwrap_or(&Members::new()), &path, found);
    }
}

/// A step as the API server writes it in a complaint.
fn written(step: &str) -> String {
    if let Some(name) = step.strip_prefix("f:") {
        return format!(".{name}");
    }
    if let Some(keys) = step.strip_prefix("k:") {
        let keys: Members<String, Json> = serde_json::from_str(keys).unwrap_or_default();
        let keys: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
        return format!("[{}]", keys.join(","));
    }
    match step.strip_prefix("v:") {
        Some(value) => format!("[={value}]"),
        None => format!("[{}]", step.trim_start_matches("i:")),
    }
}

struct Sight<'m> {
    mask: &'m Mask,
    hidden: bool,
}

fn see(fields: &Members<String, Json>, value: &Json, sight: &Sight<'_>) -> Option<Value> {
    if fields.is_empty() {
        return Some(whole(value, sight));
    }
    let steps = fields.iter().filter(|(step, _)| *step != ITSELF);
    let steps = steps.filter_map(|(step, inner)| Some((step.as_str(), inner.as_object()?)));
    let members: Map = match value {
        Json::Object(members) => steps
            .filter_map(|(step, inner)| {
                let name = step.strip_prefix("f:").filter(|name| !mark::is_ours(name))?;
                Some((name.into(), see(inner, members.get(name)?, sight)?))
            })
            .collect(),
        Json::Array(items) => steps.filter_map(|(step, inner)| item(step, inner, items, sight)).collect(),
        plain => return Some(whole(plain, sight)),
    };
    Some(Value::from(members))
}

/// An item of a list, with what it is called by.
fn item(
    step: &str,
    fields: &Members<String, Json>,
    items: &[Json],
    sight: &Sight<'_>,
) -> Option<(std::sync::Arc<str>, Value)> {
    if let Some(keys) = step.strip_prefix("k:") {
        let keys: Members<String, Json> = serde_json::from_str(keys).ok()?;
        let found = items.iter().find(|item| keys.iter().all(|(name, value)| item.get(name) == Some(value)))?;
        let called: Vec<String> = keys.values().map(plain_text).collect();
        return Some((called.join("/").into(), see(fields, found, sight)?));
    }
    if let Some(value) = step.strip_prefix("v:") {
        let value: Json = serde_json::from_str(value).ok()?;
        let found = items.iter().find(|item| **item == value)?;
        return Some((plain_text(found).into(), whole(found, sight)));
    }
    let index: usize = step.strip_prefix("i:")?.parse().ok()?;
    Some((index.to_string().into(), whole(items.get(index)?, sight)))
}

fn plain_text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn whole(value: &Json, sight: &Sight<'_>) -> Value {
    if sight.hidden {
        return Value::from(format!("sha256:{}", Digest::of(plain_text(value).as_bytes()).short())).into_sensitive();
    }
    hide(to_value(value), sight.mask)
}

/// The value with a mark on each text that holds a secret.
pub(crate) fn hide(value: Value, mask: &Mask) -> Value {
    if mask.is_empty() {
        return value;
    }
    match &value {
        Value::List(items) => Value::list(items.iter().map(|item| hide(item.clone(), mask))),
        Value::Map(members) => {
            Value::map(members.iter().map(|(name, member)| (name.clone(), hide(member.clone(), mask))))
        }
        Value::String(text) => {
            let secret = mask.apply(text) != **text;
            value.with_mark(secret)
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use deployctl_sdk::{Mask, diff};
    use serde_json::json;

    use super::*;

    fn deployment(image: &str) -> Json {
        json!({
            "kind": "Deployment",
            "metadata": {"name": "web", "labels": {"app": "web", "other": "x"}, "managedFields": [
                {"manager": "deployctl", "operation": "Apply", "fieldsV1": {
                    "f:metadata": {"f:labels": {"f:app": {}}},
                    "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}}}}}},
                {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            ]},
            "spec": {"replicas": 3, "containers": [{"name": "web", "image": image, "terminationMessagePath": "/dev"}]},
        })
    }

    #[test]
    fn an_object_is_seen_through_the_fields_of_one_manager() {
        let (before, after) = (deployment("a:1"), deployment("a:2"));
        let fields = Fields::applied(&before, "deployctl");
        let diffs = diff(&fields.view(&before, &Mask::default()), &fields.view(&after, &Mask::default()));
        let shown: Vec<String> = diffs.iter().map(|diff| diff.path.to_string()).collect();
        assert_eq!(shown, ["spec.containers.web.image"]);
        assert_ne!(fields.digest(&before), fields.digest(&after));
        assert_eq!(Fields::from_text(&fields.to_text()), fields);
    }

    #[test]
    fn paths_are_written_as_in_complaints_of_the_server() {
        let paths = Fields::applied(&deployment("a:1"), "deployctl").paths();
        for path in [".metadata.labels.app", ".spec.containers[name=\"web\"].image", ".spec.containers[name=\"web\"]"] {
            assert!(paths.contains(path), "{path} is not in {paths:?}");
        }
    }

    #[test]
    fn of_a_secret_only_digests_are_seen_and_those_are_marked() {
        let secret = json!({"kind": "Secret", "data": {"password": "aHVudGVyMg=="}});
        let fields = Fields::from_text(r#"{"f:data":{"f:password":{}}}"#);
        let view = fields.view(&secret, &Mask::default());
        assert!(view.contains_sensitive());
        assert!(!format!("{:?}", view.reveal()).contains("aHVudGVyMg"));
    }

    #[test]
    fn a_text_that_holds_a_secret_is_marked_wherever_it_stands() {
        let mask = Mask::new(&["hunter22".to_owned()]);
        let map = json!({"kind": "ConfigMap", "data": {"url": "db://x:hunter22@y", "b": "plain"}});
        let fields = Fields::from_text(r#"{"f:data":{"f:url":{},"f:b":{}}}"#);
        let view = fields.view(&map, &mask);
        let data = view.get("data").unwrap();
        assert!(data.get("url").unwrap().contains_sensitive() && !data.get("b").unwrap().contains_sensitive());
    }
}
