//! What a person would want to know before saying yes to what happens to an object.

use deployctl_sdk::{Diff, Risk, RiskKind, Value};

use crate::id::Id;
use crate::json::{Json, text};

/// What deleting an object means.
pub(crate) fn of_deletion(id: &Id) -> Option<Risk> {
    let risk = |kind: RiskKind, text: String| Some(Risk { kind, text });
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Namespace") => risk(RiskKind::DataLoss, format!("{id} goes with everything in it")),
        ("", "PersistentVolumeClaim" | "PersistentVolume") => {
            risk(RiskKind::DataLoss, format!("{id} goes, and by its class the data in it"))
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            risk(RiskKind::DataLoss, format!("{id} goes with all objects of its kind, in every namespace"))
        }
        _ if is_workload(id) => risk(RiskKind::Interrupts, format!("{id} goes, and its pods stop")),
        ("", "Service") | ("networking.k8s.io", "Ingress") => {
            risk(RiskKind::Exposure, format!("{id} goes, and what is behind it cannot be reached by it any more"))
        }
        _ => None,
    }
}

/// What making an object anew means.
pub(crate) fn of_replacement(id: &Id) -> Risk {
    match of_deletion(id) {
        Some(risk) if risk.kind == RiskKind::DataLoss => risk,
        _ => Risk { kind: RiskKind::Interrupts, text: format!("{id} is deleted before it is made anew") },
    }
}

/// What making an object means.
pub(crate) fn of_creation(id: &Id, object: &Json) -> Option<Risk> {
    let open = match (id.group.as_str(), id.kind.as_str()) {
        ("", "Service") => text(object, "/spec/type") == "LoadBalancer",
        ("networking.k8s.io", "Ingress") => true,
        _ => false,
    };
    let text = format!("{id} makes what is behind it reachable from outside the cluster");
    open.then_some(Risk { kind: RiskKind::Exposure, text })
}

/// What these changes of an object mean.
pub(crate) fn of_changes(id: &Id, after: &Json, diffs: &[Diff]) -> Vec<Risk> {
    let mut risks = Vec::new();
    let mut add = |kind: RiskKind, text: String| risks.push(Risk { kind, text });
    let changes = |path: &str| {
        diffs.iter().find(|diff| {
            let changed = diff.path.to_string();
            changed == path || changed.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']))
        })
    };
    if changes("spec.selector").is_some() && id.kind != "PersistentVolumeClaim" {
        add(RiskKind::Exposure, format!("{id} selects other pods"));
    }
    let to_zero = |diff: &Diff| diff.after.as_ref().and_then(Value::as_i64) == Some(0);
    if changes("spec.replicas").is_some_and(to_zero) {
        add(RiskKind::Interrupts, format!("{id} is scaled to zero"));
    }
    if text(after, "/spec/strategy/type") == "Recreate" && changes("spec.template").is_some() {
        add(RiskKind::Interrupts, format!("{id} stops all its pods before it starts new ones"));
    }
    let opened = changes("spec.type").is_some() && text(after, "/spec/type") == "LoadBalancer";
    if opened {
        add(RiskKind::Exposure, format!("{id} is reachable from outside the cluster afterwards"));
    }
    if id.kind == "Ingress" && (changes("spec.rules").is_some() || changes("spec.tls").is_some()) {
        add(RiskKind::Exposure, format!("{id} answers for other hosts or paths"));
    }
    risks
}

/// Whether an object runs something.
pub(crate) fn is_workload(id: &Id) -> bool {
    match id.group.as_str() {
        "" => matches!(id.kind.as_str(), "Pod" | "ReplicationController"),
        "apps" => matches!(id.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet"),
        "batch" => matches!(id.kind.as_str(), "Job" | "CronJob"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use deployctl_sdk::{AttrPath, diff};
    use serde_json::json;

    use super::*;

    fn id(group: &str, kind: &str) -> Id {
        Id { group: group.to_owned(), kind: kind.to_owned(), namespace: "shop".to_owned(), name: "web".to_owned() }
    }

    #[test]
    fn scaling_to_zero_and_other_pods_are_told() {
        let spec = |replicas: i64, app: &str| {
            let selector = Value::map([("app", Value::from(app))]);
            Value::map([("spec", Value::map([("replicas", Value::from(replicas)), ("selector", selector)]))])
        };
        let diffs = diff(&spec(2, "a"), &spec(0, "b"));
        let kinds: Vec<RiskKind> =
            of_changes(&id("apps", "Deployment"), &json!({}), &diffs).iter().map(|risk| risk.kind).collect();
        assert_eq!(kinds, [RiskKind::Exposure, RiskKind::Interrupts]);
        let elsewhere =
            Diff { path: AttrPath::of("spec").key("selectors"), before: None, after: None, forces_replacement: false };
        assert!(of_changes(&id("", "Service"), &json!({}), &[elsewhere]).is_empty());
    }

    #[test]
    fn data_and_exposure_are_told() {
        let kind = |risk: Option<Risk>| risk.map(|risk| risk.kind);
        assert_eq!(kind(of_deletion(&id("", "PersistentVolumeClaim"))), Some(RiskKind::DataLoss));
        assert_eq!(kind(of_deletion(&id("", "ConfigMap"))), None);
        assert_eq!(of_replacement(&id("", "Namespace")).kind, RiskKind::DataLoss);
        assert_eq!(of_replacement(&id("batch", "Job")).kind, RiskKind::Interrupts);
        let open = json!({"spec": {"type": "LoadBalancer"}});
        assert_eq!(kind(of_creation(&id("", "Service"), &open)), Some(RiskKind::Exposure));
        assert_eq!(kind(of_creation(&id("", "Service"), &json!({}))), None);
    }
}
