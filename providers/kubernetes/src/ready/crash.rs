//! A workload does not say that its pods crash: only the pods do.

use serde_json::Value;

use super::pod::{Waiting, containers};
use super::pods::pods_of;
use super::{count, text};

/// How often a container must have been started again before that is called a loop: once is a slow dependency.
const RESTARTS: i64 = 2;

/// What is said of a pod of the latest version of this workload that crashes again and again, if one does. Earlier versions
/// may crash: that is why there is a new one.
pub async fn crash_loop(client: &kube::Client, object: &Value) -> Option<String> {
    if !matches!(text(object, "/kind"), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job") {
        return None;
    }
    let pods = pods_of(client, object).await;
    pods.iter().find_map(|pod| {
        let crashing = containers(pod).find(|status| {
            count(status, "/restartCount") >= RESTARTS
                && Waiting::of(status).is_some_and(|waiting| waiting.reason == "CrashLoopBackOff")
        })?;
        Some(format!("pod {}: {}", text(pod, "/metadata/name"), Waiting::of(crashing)?.said()))
    })
}
