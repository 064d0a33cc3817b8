//! What keeps pods running.

use serde_json::Value;

use super::Readiness::{self, Failed, Ready};
use super::condition::Condition;
use super::{count, progressing, replicas, text_is, unobserved};

/// All replicas are of the latest version and available, and none of an earlier one is left.
pub(super) fn deployment(object: &Value) -> Readiness {
    if let Some(yet) = unobserved(object) {
        return yet;
    }
    if object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        // Nobody goes on with it until that is taken back, so there is nothing to wait for.
        return Ready;
    }
    if let Some(progress) = Condition::of(object, "Progressing")
        && progress.reason() == "ProgressDeadlineExceeded"
    {
        return Failed(progress.said());
    }
    let wanted = replicas(object);
    let (all, updated) = (count(object, "/status/replicas"), count(object, "/status/updatedReplicas"));
    let available = count(object, "/status/availableReplicas");
    if updated < wanted {
        return progressing(with_failure(object, format!("{updated} of {wanted} replicas are of the latest version")));
    }
    if all > updated {
        return progressing(format!("{} of an earlier version are still there", plural(all - updated, "replica")));
    }
    if available < wanted {
        return progressing(with_failure(object, format!("{available} of {wanted} replicas are available")));
    }
    Ready
}

/// All replicas are ready, and those that are to be of the latest version are.
pub(super) fn stateful_set(object: &Value) -> Readiness {
    if let Some(yet) = unobserved(object) {
        return yet;
    }
    let wanted = replicas(object);
    let (all, ready) = (count(object, "/status/replicas"), count(object, "/status/readyReplicas"));
    if ready < wanted {
        return progressing(format!("{ready} of {wanted} replicas are ready"));
    }
    if all > wanted {
        return progressing(format!("{} too many are still there", plural(all - wanted, "replica")));
    }
    if text_is(object, "/spec/updateStrategy/type", "OnDelete") {
        // Whoever chose that deletes the pods by hand, when the time has come.
        return Ready;
    }
    let kept = count(object, "/spec/updateStrategy/rollingUpdate/partition");
    let updated = count(object, "/status/updatedReplicas");
    let to_update = (wanted - kept).max(0);
    let same = object.pointer("/status/currentRevision") == object.pointer("/status/updateRevision");
    if !same && (updated < to_update || kept == 0) {
        return progressing(format!("{updated} of {to_update} replicas are of the latest version"));
    }
    Ready
}

/// Each node that is to have a pod has one of the latest version that is available.
pub(super) fn daemon_set(object: &Value) -> Readiness {
    if let Some(yet) = unobserved(object) {
        return yet;
    }
    let wanted = count(object, "/status/desiredNumberScheduled");
    let updated = count(object, "/status/updatedNumberScheduled");
    let available = count(object, "/status/numberAvailable");
    let by_hand = text_is(object, "/spec/updateStrategy/type", "OnDelete");
    if updated < wanted && !by_hand {
        return progressing(format!("{updated} of {wanted} pods are of the latest version"));
    }
    if available < wanted {
        return progressing(format!("{available} of {wanted} pods are available"));
    }
    Ready
}

/// All replicas are available.
pub(super) fn replica_set(object: &Value) -> Readiness {
    if let Some(yet) = unobserved(object) {
        return yet;
    }
    let wanted = replicas(object);
    let (all, available) = (count(object, "/status/replicas"), count(object, "/status/availableReplicas"));
    if available < wanted {
        return progressing(with_failure(object, format!("{available} of {wanted} replicas are available")));
    }
    if all > wanted {
        return progressing(format!("{} too many are still there", plural(all - wanted, "replica")));
    }
    Ready
}

/// With why no more pods can be made, where the controller says so: a quota, an admission controller. That may pass.
fn with_failure(object: &Value, text: String) -> String {
    match Condition::of(object, "ReplicaFailure").filter(|condition| condition.is_true()) {
        Some(failure) => format!("{text} ({})", failure.said()),
        None => text,
    }
}

fn plural(number: i64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
