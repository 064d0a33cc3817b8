//! The order within a resource: what others need comes first, and goes last.

/// Which wave an object of a kind belongs to; lower ones are applied first and deleted last.
pub(crate) fn of(group: &str, kind: &str) -> u8 {
    let core = group.is_empty();
    match kind {
        "Namespace" if core => NAMESPACES,
        "CustomResourceDefinition" => DEFINITIONS,
        "ServiceAccount" if core => 2,
        "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" if group == "rbac.authorization.k8s.io" => 2,
        "ResourceQuota" | "LimitRange" | "ConfigMap" | "Secret" if core => 3,
        "PriorityClass" | "RuntimeClass" | "NetworkPolicy" | "IngressClass" if group.ends_with(".k8s.io") => 3,
        "StorageClass" | "VolumeSnapshotClass" => 4,
        "PersistentVolume" | "PersistentVolumeClaim" if core => 4,
        "Service" | "Endpoints" if core => 5,
        "EndpointSlice" => 5,
        "Pod" | "ReplicationController" if core => WORKLOADS,
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" if group == "apps" => WORKLOADS,
        "Job" | "CronJob" if group == "batch" => WORKLOADS,
        // These reach into every request, so they come when what they call is there, and go first.
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" | "APIService" => 9,
        _ => THE_REST,
    }
}

/// The wave of namespaces.
pub(crate) const NAMESPACES: u8 = 0;
/// The wave of custom resource definitions.
pub(crate) const DEFINITIONS: u8 = 1;
/// The wave of workloads.
pub(crate) const WORKLOADS: u8 = 6;
const THE_REST: u8 = 7;

/// What a wave is called in messages.
pub(crate) fn name(wave: u8) -> &'static str {
    match wave {
        NAMESPACES => "namespaces",
        DEFINITIONS => "custom resource definitions",
        2 => "access",
        3 => "configuration",
        4 => "storage",
        5 => "services",
        WORKLOADS => "workloads",
        _ => "the rest",
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn what_others_need_comes_first() {
        let order = [
            ("", "Namespace"),
            ("apiextensions.k8s.io", "CustomResourceDefinition"),
            ("rbac.authorization.k8s.io", "Role"),
            ("", "ConfigMap"),
            ("", "PersistentVolumeClaim"),
            ("", "Service"),
            ("apps", "Deployment"),
            ("shop.example", "Basket"),
            ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ];
        let waves: Vec<u8> = order.iter().map(|(group, kind)| of(group, kind)).collect();
        assert!(waves.is_sorted_by(|a, b| a < b), "{waves:?}");
    }
}
