//! What must not be shown of a nested plan although the module does not say so.
//!
//! A value that is sensitive here is handed to a module that may know nothing of that. So its variable is made sensitive for
//! the engine too, by an override file, and the engine's own bookkeeping follows the value through every function. What bears
//! a secret all the same (a secret of a variable file, of the environment) is found by its text.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use deployctl_sdk::{Diff, Value};
use serde_json::{Map, Value as Json};

/// The override file's name; the engines read it after everything else.
pub(crate) const OVERRIDE_FILE: &str = "deployctl_override.tf.json";

/// The shortest text that is looked for inside others; shorter ones must match as a whole.
const SHORTEST_PART: usize = 4;

/// The override file that makes variables and outputs sensitive; `None` where there are none.
pub(crate) fn override_file(variables: &BTreeSet<String>, outputs: &BTreeSet<String>) -> Option<Vec<u8>> {
    if variables.is_empty() && outputs.is_empty() {
        return None;
    }
    let marks = |names: &BTreeSet<String>| {
        let marked = names.iter().map(|name| (name.clone(), serde_json::json!({ "sensitive": true })));
        Json::Object(marked.collect())
    };
    let mut file = Map::new();
    if !variables.is_empty() {
        file.insert("variable".to_owned(), marks(variables));
    }
    if !outputs.is_empty() {
        file.insert("output".to_owned(), marks(outputs));
    }
    serde_json::to_vec(&Json::Object(file)).ok()
}

/// The variables that are handed something sensitive.
pub(crate) fn sensitive_variables(vars: &Value) -> BTreeSet<String> {
    let members = vars.as_map().into_iter().flatten();
    let whole = matches!(vars, Value::Sensitive(_));
    members.filter(|(_, value)| whole || value.contains_sensitive()).map(|(name, _)| name.to_string()).collect()
}

/// The texts that must show nowhere. It holds them in clear, so it has no `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    texts: Vec<String>,
}

impl Secrets {
    /// Everything under a sensitive mark in a value.
    pub(crate) fn of(value: &Value) -> Self {
        let mut texts = Vec::new();
        marked(value, &mut texts);
        texts.retain(|text| !text.is_empty());
        texts.sort();
        texts.dedup();
        Self { texts }
    }

    /// The texts, as values.
    pub(crate) fn texts(&self) -> Vec<Value> {
        self.texts.iter().map(|text| Value::from(text.as_str())).collect()
    }

    /// The value with a mark on every text that bears a secret.
    pub(crate) fn mark(&self, value: Value) -> Value {
        if self.texts.is_empty() {
            return value;
        }
        match value {
            Value::String(text) if self.is_in(&text) => Value::String(text).into_sensitive(),
            Value::List(items) => Value::list(items.iter().map(|item| self.mark(item.clone()))),
            Value::Map(members) if members.keys().any(|key| self.is_in(key)) => Value::Map(members).into_sensitive(),
            Value::Map(members) => {
                Value::map(members.iter().map(|(key, member)| (key.clone(), self.mark(member.clone()))))
            }
            other => other,
        }
    }

    /// The same for both sides of differences.
    pub(crate) fn mark_diffs(&self, diffs: Vec<Diff>) -> Vec<Diff> {
        let mark = |side: Option<Value>| side.map(|value| self.mark(value));
        diffs.into_iter().map(|diff| Diff { before: mark(diff.before), after: mark(diff.after), ..diff }).collect()
    }

    /// Whether a text bears a secret: as it is, as JSON or URL has it, or in base64.
    fn is_in(&self, text: &str) -> bool {
        self.is_plainly_in(text)
            || decoded(text).iter().any(|bytes| self.is_plainly_in(&String::from_utf8_lossy(bytes)))
            || (text.contains('\\') && self.is_plainly_in(&text.replace("\\\"", "\"").replace("\\n", "\n")))
    }

    fn is_plainly_in(&self, text: &str) -> bool {
        self.texts.iter().any(|secret| match secret.len() {
            ..SHORTEST_PART => text == secret,
            _ => text.contains(secret.as_str()),
        })
    }
}

/// What the runs of base64 in a text say.
fn decoded(text: &str) -> Vec<Vec<u8>> {
    let lax = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    let runs = text.split(|c: char| !is_base64(c)).filter(|run| run.len() >= 4);
    runs.filter_map(|run| {
        let alphabet = if run.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
        GeneralPurpose::new(alphabet, lax).decode(run).ok()
    })
    .collect()
}

fn marked(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Sensitive(inner) => leaves(inner, texts),
        Value::List(items) => items.iter().for_each(|item| marked(item, texts)),
        Value::Map(members) => members.values().for_each(|member| marked(member, texts)),
        _ => {}
    }
}

fn leaves(value: &Value, texts: &mut Vec<String>) {
    match value.unmark().0 {
        Value::String(text) => texts.push(text.to_string()),
        Value::Number(number) => texts.push(number.to_string()),
        Value::List(items) => items.iter().for_each(|item| leaves(item, texts)),
        Value::Map(members) => members.values().for_each(|member| leaves(member, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_any_dress() {
        let secrets = Secrets::of(&Value::map([("p", Value::from("hunter2secret").into_sensitive())]));
        let in_base64 = base64::engine::general_purpose::STANDARD.encode("user:hunter2secret");
        for text in ["hunter2secret", "a hunter2secret b", &in_base64, &format!("Basic {in_base64}")] {
            assert!(matches!(secrets.mark(Value::from(text)), Value::Sensitive(_)), "{text}");
        }
        assert_eq!(secrets.mark(Value::from("nothing")), Value::from("nothing"));
    }

    #[test]
    fn variables_that_are_handed_a_secret_become_sensitive() {
        let vars = Value::map([("a", Value::from("x")), ("b", Value::list([Value::from("y").into_sensitive()]))]);
        let variables = sensitive_variables(&vars);
        assert_eq!(variables, BTreeSet::from(["b".to_owned()]));
        let file = override_file(&variables, &BTreeSet::new()).unwrap();
        assert_eq!(file, br#"{"variable":{"b":{"sensitive":true}}}"#);
    }
}
