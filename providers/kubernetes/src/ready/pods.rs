//! The pods that belong to an object.

use std::fmt::Write as _;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::Value;

use super::{list, text};

/// The pods of a workload that are of its latest version, as far as that can be told; of a Service those that it sends to;
/// of a Pod itself. None where they cannot be had.
pub(super) async fn pods_of(client: &kube::Client, object: &Value) -> Vec<Value> {
    if text(object, "/kind") == "Pod" {
        return vec![object.clone()];
    }
    let Some(selector) = pod_selector(object) else { return Vec::new() };
    let mut pods = listed(client, object, &gvk("", "v1", "Pod"), &selector).await;
    if let Some((label, value)) = latest(client, object, &selector).await {
        pods.retain(|pod| text(pod, &format!("/metadata/labels/{}", label.replace('/', "~1"))) == value);
    }
    pods
}

/// The query for the pods of a workload or a Service; `None` for what has none, or says nothing of them.
pub fn pod_selector(object: &Value) -> Option<String> {
    match text(object, "/kind") {
        "Service" | "ReplicationController" => labels(object.pointer("/spec/selector")),
        "PodDisruptionBudget" | "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" => {
            selector(object.pointer("/spec/selector"))
        }
        _ => None,
    }
}

/// The label that only pods of the latest version bear.
async fn latest(client: &kube::Client, object: &Value, selector: &str) -> Option<(&'static str, String)> {
    match text(object, "/kind") {
        "Deployment" => {
            let revision = text(object, "/metadata/annotations/deployment.kubernetes.io~1revision");
            let sets = listed(client, object, &gvk("apps", "v1", "ReplicaSet"), selector).await;
            let own = |set: &&Value| {
                owned_by(set, object)
                    && text(set, "/metadata/annotations/deployment.kubernetes.io~1revision") == revision
            };
            let hash = sets.iter().find(own).map(|set| text(set, "/metadata/labels/pod-template-hash").to_owned());
            hash.map(|hash| ("pod-template-hash", hash))
        }
        "StatefulSet" => Some(text(object, "/status/updateRevision"))
            .filter(|revision| !revision.is_empty())
            .map(|revision| ("controller-revision-hash", revision.to_owned())),
        "DaemonSet" => Some(text(object, "/metadata/annotations/deprecated.daemonset.template.generation"))
            .filter(|generation| !generation.is_empty())
            .map(|generation| ("pod-template-generation", generation.to_owned())),
        _ => None,
    }
}

/// Whether `owner` is among those that the object belongs to.
pub(super) fn owned_by(object: &Value, owner: &Value) -> bool {
    let uid = text(owner, "/metadata/uid");
    !uid.is_empty() && list(object, "/metadata/ownerReferences").iter().any(|reference| reference["uid"] == uid)
}

pub(super) fn gvk(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// The objects of that kind in the object's namespace that a selector picks.
pub(super) async fn listed(client: &kube::Client, near: &Value, kind: &ApiResource, selector: &str) -> Vec<Value> {
    let objects: Api<DynamicObject> = Api::namespaced_with(client.clone(), text(near, "/metadata/namespace"), kind);
    let listed = objects.list(&ListParams::default().labels(selector)).await;
    let items = listed.map(|list| list.items).unwrap_or_default();
    let values = items.iter().filter_map(|item| serde_json::to_value(item).ok());
    values
        .map(|mut item| {
            // Items of a list do not say what they are.
            item["apiVersion"] = Value::from(kind.api_version.as_str());
            item["kind"] = Value::from(kind.kind.as_str());
            item
        })
        .collect()
}

/// A selector of the newer sort, as a query has it; `None` for one that picks everything or nothing.
fn selector(selector: Option<&Value>) -> Option<String> {
    let selector = selector?;
    let mut query = labels(selector.get("matchLabels")).unwrap_or_default();
    for requirement in list(selector, "/matchExpressions") {
        let key = text(requirement, "/key");
        let values: Vec<&str> = list(requirement, "/values").iter().filter_map(Value::as_str).collect();
        let values = values.join(",");
        if !query.is_empty() {
            query.push(',');
        }
        // Writing to a text cannot fail.
        let _ = match text(requirement, "/operator") {
            "In" => write!(query, "{key} in ({values})"),
            "NotIn" => write!(query, "{key} notin ({values})"),
            "DoesNotExist" => write!(query, "!{key}"),
            _ => write!(query, "{key}"),
        };
    }
    Some(query).filter(|query| !query.is_empty())
}

fn labels(labels: Option<&Value>) -> Option<String> {
    let labels = labels?.as_object()?.iter();
    let pairs: Vec<String> = labels.filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_selector_is_written_as_a_query_has_it() {
        let written = super::selector(Some(&json!({
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "old", "operator": "DoesNotExist"},
            ],
        })));
        assert_eq!(written.as_deref(), Some("app=web,tier in (a,b),!old"));
        assert_eq!(super::selector(Some(&json!({}))), None);
    }
}
