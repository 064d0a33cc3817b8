//! Why something is not ready: what the pods say, what the events say, what was logged last.

use deployctl_sdk::Mask;
use kube::api::{Api, DynamicObject, ListParams, LogParams};
use serde_json::Value;

use super::pod::{Waiting, containers, terminated};
use super::pods::{gvk, listed, owned_by, pods_of};
use super::{Readiness, count, pod, readiness, text};

/// How many pods are looked at more closely.
const PODS: usize = 3;
/// How many events are shown, and how many lines of a log.
const EVENTS: usize = 5;
const LINES: i64 = 10;
/// A message longer than this is cut: some quote whole objects.
const LONGEST: usize = 300;

/// Why this object is not ready, as far as the cluster says: lines to stand below an error, none where there is nothing to
/// say. `mask` takes out what is secret: programs log what they were given.
pub async fn diagnose(client: &kube::Client, object: &Value, mask: &Mask) -> Vec<String> {
    let mut lines = Vec::new();
    let mut about = vec![object.clone()];
    let mut unready: Vec<Value> =
        pods_of(client, object).await.into_iter().filter(|pod| readiness(pod) != Readiness::Ready).collect();
    // Those that crash say more than those that wait.
    unready.sort_by_key(|pod| (restarts(pod) == 0, text(pod, "/metadata/name").to_owned()));
    if unready.len() > PODS {
        lines.push(format!("{} pods are not ready; of {PODS} of them:", unready.len()));
    }
    unready.truncate(PODS);
    if text(object, "/kind") == "Deployment" {
        // What keeps pods from being made (a quota, an admission controller) is told of the one that makes them.
        let sets = listed(client, object, &gvk("apps", "v1", "ReplicaSet"), "").await;
        about.extend(sets.into_iter().filter(|set| owned_by(set, object)));
    }
    for pod in &unready {
        lines.extend(states(pod));
    }
    about.extend(unready.iter().cloned());
    lines.extend(events(client, &about).await);
    if let Some(pod) = unready.first() {
        lines.extend(log(client, pod).await);
    }
    lines.iter().map(|line| mask.apply(line)).collect()
}

fn restarts(pod: &Value) -> i64 {
    containers(pod).map(|status| count(status, "/restartCount")).sum()
}

/// What a pod says of itself.
fn states(pod: &Value) -> Vec<String> {
    let name = text(pod, "/metadata/name");
    let mut said: Vec<String> = Vec::new();
    match pod::pod(pod) {
        Readiness::Ready => {}
        Readiness::Progressing(text) | Readiness::Failed(text) => said.push(text),
    }
    for status in containers(pod) {
        let waiting = Waiting::of(status).map(|waiting| waiting.said());
        said.extend(waiting.into_iter().chain(terminated(status, "state")).chain(terminated(status, "lastState")));
    }
    let mut lines: Vec<String> = Vec::new();
    for text in said {
        let line = format!("pod {name}: {}", cut(&text));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// The warnings about these objects, the newest last, each once.
async fn events(client: &kube::Client, about: &[Value]) -> Vec<String> {
    let Some(first) = about.first() else { return Vec::new() };
    let kind = gvk("", "v1", "Event");
    let events: Api<DynamicObject> = match text(first, "/metadata/namespace") {
        // Events about what has no namespace of its own stand in the default one.
        "" => Api::namespaced_with(client.clone(), "default", &kind),
        namespace => Api::namespaced_with(client.clone(), namespace, &kind),
    };
    let mut found: Vec<Value> = Vec::new();
    for object in about {
        let uid = text(object, "/metadata/uid");
        if uid.is_empty() {
            continue;
        }
        let query = ListParams::default().fields(&format!("involvedObject.uid={uid},type=Warning"));
        let listed = events.list(&query).await.map(|list| list.items).unwrap_or_default();
        found.extend(listed.iter().filter_map(|event| serde_json::to_value(event).ok()));
    }
    found.sort_by(|a, b| time(a).cmp(time(b)));
    let mut lines: Vec<String> = Vec::new();
    for event in found.iter().rev() {
        let (kind, name) = (text(event, "/involvedObject/kind"), text(event, "/involvedObject/name"));
        let message = cut(text(event, "/message"));
        let line = format!("event of {kind} {name}: {}: {message}", text(event, "/reason"));
        // Pods of one workload say the same, each with its own name.
        if !lines.iter().any(|other| other.ends_with(&message)) {
            lines.push(line);
        }
    }
    lines.truncate(EVENTS);
    lines.reverse();
    lines
}

fn time(event: &Value) -> &str {
    let times = ["/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    times.into_iter().map(|at| text(event, at)).find(|time| !time.is_empty()).unwrap_or_default()
}

/// The last lines of the container that fares worst.
async fn log(client: &kube::Client, pod: &Value) -> Vec<String> {
    let troubled =
        containers(pod).filter(|status| status["ready"] != true).max_by_key(|status| count(status, "/restartCount"));
    let Some(status) = troubled else { return Vec::new() };
    let (name, container) = (text(pod, "/metadata/name"), text(status, "/name"));
    let path = format!("/api/v1/namespaces/{}/pods", text(pod, "/metadata/namespace"));
    // A container that was started again has said why it ended before.
    for previous in [count(status, "/restartCount") > 0, false] {
        let wanted = LogParams {
            container: Some(container.to_owned()),
            tail_lines: Some(LINES),
            previous,
            ..LogParams::default()
        };
        let Ok(request) = kube::core::Request::new(&path).logs(name, &wanted) else { continue };
        let Ok(text) = client.request_text(request).await else { continue };
        if !text.trim().is_empty() {
            let heading = format!("last lines of container {container} of pod {name}");
            return std::iter::once(heading).chain(text.lines().map(|line| format!("  {}", cut(line)))).collect();
        }
    }
    Vec::new()
}

fn cut(text: &str) -> String {
    let text = text.trim();
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}
