//! Work that ends.

use serde_json::Value;

use super::Readiness::{self, Failed, Ready};
use super::condition::Condition;
use super::{count, progressing};

/// It has ended well. One that is suspended is as far as it is to go.
pub(super) fn job(object: &Value) -> Readiness {
    let said = |name| Condition::of(object, name).filter(|condition| condition.is_true());
    if let Some(failed) = said("Failed") {
        return Failed(failed.said());
    }
    if said("Complete").is_some() || object.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true) {
        return Ready;
    }
    if let Some(failing) = said("FailureTarget") {
        return progressing(format!("it is ending: {}", failing.said()));
    }
    let wanted = object.pointer("/spec/completions").and_then(Value::as_i64).unwrap_or(1);
    let (active, done) = (count(object, "/status/active"), count(object, "/status/succeeded"));
    let failed = match count(object, "/status/failed") {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    progressing(format!("{done} of {wanted} done, {active} running{failed}"))
}
