//! Which texts of a resolved project hold a secret.
//!
//! Compose resolves variables, so what was a sensitive value of `env` stands somewhere in the middle of its output, in clear
//! and with nothing to tell it from the rest. So a text is taken for sensitive if it holds a sensitive value.

use deployctl_sdk::{Map, Number, Value};

use super::node::Node;

/// The sensitive values. It holds them in clear, so it has no `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Taint {
    secrets: Vec<String>,
}

/// The variable that stands for the nth sensitive text in a document that may be seen.
fn variable(position: usize) -> String {
    format!("COMPOSE_SENSITIVE_{position}")
}

impl Taint {
    /// Everything under a sensitive mark in a value.
    pub(crate) fn of(value: &Value) -> Self {
        let mut secrets = Vec::new();
        collect(value, false, &mut secrets);
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort();
        secrets.dedup();
        Self { secrets }
    }

    /// Whether a text holds a secret.
    pub(crate) fn touches(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// The secrets themselves, for masking.
    pub(crate) fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// A node as a value, with a mark on what holds a secret.
    pub(crate) fn mark(&self, node: &Node) -> Value {
        match node {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Number(number) => {
                let text = number.to_string();
                let is_secret = self.secrets.contains(&text);
                Number::parse(&text).map_or_else(|_| Value::from(text), Value::Number).with_mark(is_secret)
            }
            Node::Text(text) => Value::from(text.as_str()).with_mark(self.touches(text)),
            Node::List(items) => Value::list(items.iter().map(|item| self.mark(item))),
            Node::Map(members) => {
                // A key cannot carry a mark, so the whole map does.
                let in_key = members.iter().any(|(key, _)| self.touches(key));
                let members: Map = members.iter().map(|(key, node)| (key.as_str().into(), self.mark(node))).collect();
                Value::from(members).with_mark(in_key)
            }
        }
    }

    /// The document as Compose reads it, with a variable in the place of each text that holds a secret; and the variables.
    pub(crate) fn without_secrets(&self, root: &Node) -> (Node, Vec<(String, String)>) {
        let mut shown = root.clone();
        let mut variables: Vec<(String, String)> = Vec::new();
        shown.each_text(false, &mut |text| {
            if !self.touches(text) {
                *text = text.replace('$', "$$");
                return;
            }
            let known = variables.iter().position(|(_, value)| value == text);
            let position = known.unwrap_or(variables.len());
            if known.is_none() {
                variables.push((variable(position), std::mem::take(text)));
            }
            *text = format!("${{{}}}", variable(position));
        });
        (shown, variables)
    }
}

fn collect(value: &Value, marked: bool, found: &mut Vec<String>) {
    match value {
        Value::Sensitive(inner) => collect(inner, true, found),
        Value::List(items) => items.iter().for_each(|item| collect(item, marked, found)),
        Value::Map(members) => members.values().for_each(|member| collect(member, marked, found)),
        Value::String(text) if marked => found.push(text.to_string()),
        Value::Number(number) if marked => found.push(number.to_string()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint() -> Taint {
        Taint::of(&Value::map([("PASSWORD", Value::from("hunter2$").into_sensitive()), ("TAG", Value::from("1.0"))]))
    }

    #[test]
    fn a_text_that_holds_a_secret_is_marked_wherever_it_stands() {
        let node: Node =
            serde_json::from_str(r#"{"url":"db://u:hunter2$@db","tag":"1.0","list":["hunter2$"]}"#).unwrap();
        let value = taint().mark(&node);
        assert_eq!(format!("{value:?}"), r#"{"list": [(sensitive value)], "tag": "1.0", "url": (sensitive value)}"#);
    }

    #[test]
    fn a_document_without_its_secrets_gives_them_back_by_variables() {
        let node: Node = serde_json::from_str(r#"{"a":"x-hunter2$","b":"x-hunter2$","c":"cost $5"}"#).unwrap();
        let (shown, variables) = taint().without_secrets(&node);
        let text = serde_json::to_string(&shown).unwrap();
        assert_eq!(text, r#"{"a":"${COMPOSE_SENSITIVE_0}","b":"${COMPOSE_SENSITIVE_0}","c":"cost $$5"}"#);
        assert_eq!(variables, [("COMPOSE_SENSITIVE_0".to_owned(), "x-hunter2$".to_owned())]);
    }
}
