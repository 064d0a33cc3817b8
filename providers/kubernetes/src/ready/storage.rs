//! Claims of storage.

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::Value;

use super::Readiness::{self, Failed, Ready};
use super::{progressing, text};

/// The annotation of the class that claims get which name none.
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

/// It has its volume. A class that gives volumes only to pods ([`waits_for_consumer`]) leaves it without one until then.
pub(super) fn claim(object: &Value) -> Readiness {
    match text(object, "/status/phase") {
        "Bound" => Ready,
        "Lost" => Failed(format!("its volume {} is gone", text(object, "/spec/volumeName"))),
        _ => match object.pointer("/spec/storageClassName").and_then(Value::as_str) {
            Some(class) if !class.is_empty() => progressing(format!("it has no volume yet (class {class})")),
            _ => progressing("it has no volume yet"),
        },
    }
}

/// Whether a claim without a volume is as far as it can be, because its class gives it one only when a pod uses it. `false`
/// where that cannot be learnt.
pub async fn waits_for_consumer(client: &kube::Client, claim: &Value) -> bool {
    if !text(claim, "/spec/volumeName").is_empty() {
        return false;
    }
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("storage.k8s.io", "v1", "StorageClass"));
    let classes: Api<DynamicObject> = Api::all_with(client.clone(), &kind);
    let class = match claim.pointer("/spec/storageClassName").and_then(Value::as_str) {
        // It wants no class, but a volume that somebody made.
        Some("") => return false,
        Some(name) => classes.get_opt(name).await.ok().flatten(),
        None => {
            let all = classes.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
            let is_default = |class: &DynamicObject| {
                class
                    .metadata
                    .annotations
                    .as_ref()
                    .and_then(|all| all.get(DEFAULT))
                    .is_some_and(|value| value == "true")
            };
            all.into_iter().find(is_default)
        }
    };
    class.is_some_and(|class| class.data["volumeBindingMode"] == "WaitForFirstConsumer")
}
