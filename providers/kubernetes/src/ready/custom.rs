//! The API itself: namespaces, new kinds, and the objects of kinds that nobody here has heard of.

use serde_json::Value;

use super::Readiness::{self, Failed, Ready};
use super::condition::Condition;
use super::{progressing, text, unobserved};

/// Objects can be made in it.
pub(super) fn namespace(object: &Value) -> Readiness {
    match text(object, "/status/phase") {
        "Active" => Ready,
        "Terminating" => Failed("it is being deleted".to_owned()),
        _ => progressing("it is not active yet"),
    }
}

/// Its kind is served.
pub(super) fn definition(object: &Value) -> Readiness {
    if let Some(names) = Condition::of(object, "NamesAccepted").filter(|names| names.is_false()) {
        return Failed(names.said());
    }
    match Condition::of(object, "Established") {
        Some(established) if established.is_true() => Ready,
        Some(established) => progressing(established.said()),
        None => progressing("its kind is not served yet"),
    }
}

/// The server behind it answers.
pub(super) fn api_service(object: &Value) -> Readiness {
    match Condition::of(object, "Available") {
        Some(available) if available.is_true() => Ready,
        Some(available) => progressing(available.said()),
        None => progressing("nobody has looked yet whether its server answers"),
    }
}

/// By what most controllers say of their objects. One that says nothing has nothing to wait for.
pub(super) fn by_convention(object: &Value) -> Readiness {
    let observes = object.pointer("/status/observedGeneration").is_some();
    if let Some(yet) = unobserved(object).filter(|_| observes) {
        return yet;
    }
    let current = |name| Condition::of(object, name).filter(|condition| !condition.is_of_earlier(object));
    if let Some(stalled) = current("Stalled").filter(|condition| condition.is_true()) {
        return Failed(stalled.said());
    }
    if let Some(reconciling) = current("Reconciling").filter(|condition| condition.is_true()) {
        return progressing(reconciling.said());
    }
    match Condition::of(object, "Ready") {
        Some(ready) if ready.is_of_earlier(object) => {
            progressing("its controller has not looked at the latest change yet")
        }
        Some(ready) if !ready.is_true() => progressing(ready.said()),
        _ => Ready,
    }
}
