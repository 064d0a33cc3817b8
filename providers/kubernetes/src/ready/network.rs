//! What is reached from elsewhere.

use serde_json::Value;

use super::Readiness::{self, Ready};
use super::{list, progressing, text};

/// It has the address that its type promises.
pub(super) fn service(object: &Value) -> Readiness {
    match text(object, "/spec/type") {
        "ExternalName" => Ready,
        "LoadBalancer" if list(object, "/status/loadBalancer/ingress").is_empty() => {
            progressing("no load balancer has an address for it yet")
        }
        _ if text(object, "/spec/clusterIP").is_empty() => progressing("it has no address in the cluster yet"),
        _ => Ready,
    }
}

/// A controller has taken it up and says where it is reached.
pub(super) fn ingress(object: &Value) -> Readiness {
    if !list(object, "/status/loadBalancer/ingress").is_empty() {
        return Ready;
    }
    match text(object, "/spec/ingressClassName") {
        "" => progressing("no ingress controller has given it an address yet"),
        class => progressing(format!("no ingress controller of class {class} has given it an address yet")),
    }
}
