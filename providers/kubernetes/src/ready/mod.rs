//! Whether an object does what it is there for, judged by what the API server says of it.
//!
//! Each kind has its own notion of being ready, and its own way of saying that it never will be. Kinds that nobody here has
//! heard of are judged by the conventions that most controllers follow: `observedGeneration`, and the conditions `Ready`,
//! `Reconciling` and `Stalled`. A controller that follows none of them is waited for with an expression ([`WaitFor`]).
//!
//! Judging is pure, and says "failed" only of what will not become ready by waiting: an image that cannot be pulled yet or
//! a node that is missing may still come. [`diagnose`] asks the cluster why, once waiting has gone on for too long.

mod autoscaling;
mod batch;
mod condition;
mod crash;
mod custom;
mod diagnose;
mod network;
mod pod;
mod pods;
mod storage;
#[cfg(test)]
mod tests;
mod wait_for;
mod workload;

use serde_json::Value;

pub use crash::crash_loop;
pub use diagnose::diagnose;
pub use pods::pod_selector;
pub use storage::waits_for_consumer;
pub use wait_for::WaitFor;

/// How far an object is. The texts name fields, conditions and the server's own reasons; never what an object holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It does what it is there for.
    Ready,
    /// Not yet, for this reason.
    Progressing(String),
    /// It will not by waiting, for this reason.
    Failed(String),
}

/// How far this object is, as it was read.
pub fn readiness(object: &Value) -> Readiness {
    if object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()) {
        return deleted(object);
    }
    let api_version = text(object, "/apiVersion");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    // Other groups have kinds of the same names: Knative has a Service of its own.
    match (group, text(object, "/kind")) {
        ("apps" | "extensions", "Deployment") => workload::deployment(object),
        ("apps", "StatefulSet") => workload::stateful_set(object),
        ("apps" | "extensions", "DaemonSet") => workload::daemon_set(object),
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => workload::replica_set(object),
        ("batch", "Job") => batch::job(object),
        // It does its work later; what it starts then is no part of it.
        ("batch", "CronJob") => Readiness::Ready,
        ("", "Pod") => pod::pod(object),
        ("", "PersistentVolumeClaim") => storage::claim(object),
        ("", "Service") => network::service(object),
        ("networking.k8s.io" | "extensions", "Ingress") => network::ingress(object),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaling::horizontal(object),
        ("policy", "PodDisruptionBudget") => autoscaling::disruption_budget(object),
        ("", "Namespace") => custom::namespace(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => custom::definition(object),
        ("apiregistration.k8s.io", "APIService") => custom::api_service(object),
        _ => custom::by_convention(object),
    }
}

/// What is on its way out does not become ready, whatever its status still says.
fn deleted(object: &Value) -> Readiness {
    let waits = match list(object, "/metadata/finalizers").iter().filter_map(Value::as_str).collect::<Vec<_>>() {
        finalizers if finalizers.is_empty() => String::new(),
        finalizers => format!(", and waits for {}", finalizers.join(", ")),
    };
    let text = format!("it is being deleted{waits}");
    // Nothing new can be made in a namespace on its way out.
    if text_is(object, "/kind", "Namespace") { Readiness::Failed(text) } else { Readiness::Progressing(text) }
}

/// What is left to say of an object whose controller has not looked at its latest change yet.
fn unobserved(object: &Value) -> Option<Readiness> {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64)?;
    let observed = object.pointer("/status/observedGeneration").and_then(Value::as_i64).unwrap_or(0);
    let text = "its controller has not looked at the latest change yet";
    (observed < generation).then(|| Readiness::Progressing(text.to_owned()))
}

fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn text_is(object: &Value, pointer: &str, expected: &str) -> bool {
    text(object, pointer) == expected
}

fn list<'v>(object: &'v Value, pointer: &str) -> &'v [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A count in a status or a specification; what is left out is zero.
fn count(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// How many replicas are wanted.
fn replicas(object: &Value) -> i64 {
    object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn progressing(text: impl Into<String>) -> Readiness {
    Readiness::Progressing(text.into())
}
