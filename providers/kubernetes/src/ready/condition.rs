//! Conditions: what controllers say of an object in its status.

use serde_json::Value;

use super::list;

/// One condition of an object.
#[derive(Clone, Copy)]
pub(super) struct Condition<'v>(&'v Value);

impl<'v> Condition<'v> {
    /// The condition of that type, if the object has it.
    pub(super) fn of(object: &'v Value, name: &str) -> Option<Self> {
        let conditions = list(object, "/status/conditions");
        conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(name)).map(Self)
    }

    pub(super) fn is_true(self) -> bool {
        self.text("status") == "True"
    }

    pub(super) fn is_false(self) -> bool {
        self.text("status") == "False"
    }

    pub(super) fn reason(self) -> &'v str {
        self.text("reason")
    }

    /// Whether it speaks of an earlier version of the object.
    pub(super) fn is_of_earlier(self, object: &Value) -> bool {
        let own = self.0.get("observedGeneration").and_then(Value::as_i64);
        let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
        own.zip(generation).is_some_and(|(own, generation)| own < generation)
    }

    /// Its reason and message, as far as there are any.
    pub(super) fn said(self) -> String {
        match (self.reason(), self.text("message").trim()) {
            ("", "") => self.text("type").to_owned() + " is " + self.text("status"),
            (reason, "") => reason.to_owned(),
            ("", message) => message.to_owned(),
            (reason, message) => format!("{reason}: {message}"),
        }
    }

    fn text(self, field: &str) -> &'v str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}
