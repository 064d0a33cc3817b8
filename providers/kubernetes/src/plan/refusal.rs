//! What the API server's refusal of an apply means: other managers' fields, or fields that cannot be changed.

use deployctl_sdk::ProviderError;
use kube::core::Status;

use crate::cluster::explained;

/// Why an apply was refused.
pub(crate) enum Refusal {
    /// Fields belong to other managers.
    Conflicts(Vec<Conflict>),
    /// Fields can only be given when the object is made: their paths.
    Immutable(Vec<String>),
    /// The namespace is not there.
    NoNamespace,
    /// Anything else.
    Other(ProviderError),
}

/// A field that another manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The field, as the server writes it: `.spec.replicas`.
    pub field: String,
    /// Who owns it.
    pub manager: String,
}

impl Refusal {
    /// Reads a refusal. `what` is the object.
    pub(crate) fn of(error: kube::Error, what: &str) -> Self {
        if let kube::Error::Api(status) = &error {
            let conflicts = conflicts(status);
            if !conflicts.is_empty() {
                return Self::Conflicts(conflicts);
            }
            if let Some(fields) = immutable(status) {
                return Self::Immutable(fields);
            }
            let of_namespace = status.details.as_ref().is_some_and(|details| details.kind == "namespaces");
            if status.code == 404 && of_namespace {
                return Self::NoNamespace;
            }
        }
        Self::Other(explained(error, what))
    }
}

fn conflicts(status: &Status) -> Vec<Conflict> {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    causes
        .iter()
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| Conflict {
            field: cause.field.clone(),
            manager: cause.message.split('"').nth(1).unwrap_or("another manager").to_owned(),
        })
        .collect()
}

/// The fields that cannot be changed, where that is all that is wrong.
fn immutable(status: &Status) -> Option<Vec<String>> {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    let all = status.code == 422 && !causes.is_empty() && causes.iter().all(|cause| says_immutable(&cause.message));
    all.then(|| causes.iter().map(|cause| field_of(&cause.field, &cause.message)).collect())
}

/// Whether a complaint is about a change and not about what it is changed to. The server has no code for that.
fn says_immutable(message: &str) -> bool {
    let message = message.to_lowercase();
    let says = |text: &str| message.contains(text);
    says("immutable")
        || (says("updates to") && says("forbidden"))
        || (says("forbidden") && says("may not be changed"))
        || says("may not change once set")
        || says("cannot change roleref")
        || says("may not be changed")
        || says("can not be changed")
}

/// The field, and what the complaint itself says may be changed is left out.
fn field_of(field: &str, message: &str) -> String {
    match field.is_empty() || field == "<nil>" {
        true => message.to_owned(),
        false => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(code: u16, causes: &serde_json::Value) -> Refusal {
        let status: Status = serde_json::from_value(json!({
            "status": "Failure", "code": code, "message": "no", "reason": "x",
            "details": {"name": "web", "kind": "deployments", "causes": causes},
        }))
        .unwrap();
        Refusal::of(kube::Error::Api(Box::new(status)), "Deployment shop/web")
    }

    #[test]
    fn fields_of_others_are_named_with_their_manager() {
        let cause = json!({"reason": "FieldManagerConflict", "field": ".spec.replicas",
            "message": "conflict with \"kubectl\" with subresource \"scale\" using apps/v1"});
        let Refusal::Conflicts(found) = refused(409, &json!([cause])) else { panic!("no conflict") };
        assert_eq!(found, [Conflict { field: ".spec.replicas".to_owned(), manager: "kubectl".to_owned() }]);
    }

    #[test]
    fn only_a_change_that_cannot_be_made_takes_a_new_object() {
        let cause =
            |field: &str, message: &str| json!({"reason": "FieldValueInvalid", "field": field, "message": message});
        for message in [
            "Invalid value: {}: field is immutable",
            "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
            "Invalid value: \"\": may not change once set",
            "Invalid value: {}: cannot change roleRef",
        ] {
            let refusal = refused(422, &json!([cause("spec.selector", message)]));
            assert!(matches!(refusal, Refusal::Immutable(fields) if fields == ["spec.selector"]), "{message}");
        }
        let both = json!([cause("spec.a", "field is immutable"), cause("spec.b", "Required value")]);
        assert!(matches!(refused(422, &both), Refusal::Other(_)));
    }
}
