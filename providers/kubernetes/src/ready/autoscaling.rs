//! What watches over the number of pods.

use serde_json::{Value, json};

use super::Readiness::{self, Failed, Ready};
use super::condition::Condition;
use super::{progressing, text, unobserved};

/// Reasons that no amount of waiting takes away: the object itself is wrong.
const WRONG: [&str; 4] = ["InvalidSelector", "InvalidMetricSourceType", "SelectorRequired", "AmbiguousSelector"];

/// Where version 1 of its kind, which knows no conditions, keeps them.
const IN_ANNOTATION: &str = "/metadata/annotations/autoscaling.alpha.kubernetes.io~1conditions";

/// It can scale its target, and has what it goes by.
pub(super) fn horizontal(object: &Value) -> Readiness {
    let annotation = serde_json::from_str::<Value>(text(object, IN_ANNOTATION)).ok();
    let annotated = annotation.map(|conditions| json!({"status": {"conditions": conditions}}));
    let object = annotated.as_ref().unwrap_or(object);
    let Some(able) = Condition::of(object, "AbleToScale") else {
        return progressing("its controller has not looked at it yet");
    };
    if !able.is_true() {
        return progressing(able.said());
    }
    match Condition::of(object, "ScalingActive") {
        Some(active) if active.is_true() => Ready,
        // Its target has no replicas on purpose.
        Some(active) if active.reason() == "ScalingDisabled" => Ready,
        Some(active) if WRONG.contains(&active.reason()) => Failed(active.said()),
        Some(active) => progressing(active.said()),
        None => progressing("it has not got its metrics yet"),
    }
}

/// Its controller watches over its pods. How many of them are healthy is for their workload to say: a budget may well be there
/// before its pods, and would otherwise hold up what makes them.
pub(super) fn disruption_budget(object: &Value) -> Readiness {
    if let Some(yet) = unobserved(object) {
        return yet;
    }
    match Condition::of(object, "DisruptionAllowed").filter(|condition| condition.reason() == "SyncFailed") {
        Some(failed) => Failed(failed.said()),
        None => Ready,
    }
}
