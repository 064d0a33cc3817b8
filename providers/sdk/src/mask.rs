//! Keeps sensitive values out of what an engine said: its output may quote anything that it was given.

use crate::value::{SENSITIVE_TEXT, Value};

/// Shorter texts are not masked: they turn up in every output, and masking them would give them away.
const SHORTEST: usize = 4;

/// Masks the given secrets wherever they turn up in a text. It holds them in clear, so it has no `Debug`.
#[derive(Clone, Default)]
pub struct Mask {
    secrets: Vec<String>,
}

impl Mask {
    /// A mask for these secrets; of one with several lines each line counts too, for programs quote line by line.
    pub fn new(secrets: &[String]) -> Self {
        let mut parts: Vec<String> = Vec::new();
        for secret in secrets {
            parts.push(secret.clone());
            parts.extend(secret.lines().map(|line| line.trim().to_owned()));
        }
        parts.retain(|part| part.len() >= SHORTEST);
        // The longest first, so that a secret inside another does not leave the rest of it standing.
        parts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        parts.dedup();
        Self { secrets: parts }
    }

    /// A mask for everything under a sensitive mark in these values, at any depth.
    pub fn of<'v>(values: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut found = Vec::new();
        values.into_iter().for_each(|value| secrets(value, &mut found));
        Self::new(&found)
    }

    /// Whether there is nothing to mask.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The text without them.
    pub fn apply(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), SENSITIVE_TEXT) } else { text }
        })
    }
}

/// Every text under a sensitive mark, at any depth.
fn secrets(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Sensitive(inner) => all_texts(inner, found),
        Value::List(items) => items.iter().for_each(|item| secrets(item, found)),
        Value::Map(members) => members.values().for_each(|member| secrets(member, found)),
        _ => {}
    }
}

fn all_texts(value: &Value, found: &mut Vec<String>) {
    match value.unmark().0 {
        Value::String(text) => found.push(text.to_string()),
        Value::Number(number) => found.push(number.to_string()),
        Value::List(items) => items.iter().for_each(|item| all_texts(item, found)),
        Value::Map(members) => members.values().for_each(|member| all_texts(member, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_line_by_line_and_the_longest_first() {
        let mask = Mask::new(&["hunter2hunter2".to_owned(), "hunter2".to_owned(), "key one\nkey two".to_owned()]);
        let text = mask.apply("p=hunter2hunter2 q=hunter2 k=key two abc");
        assert_eq!(text, "p=(sensitive value) q=(sensitive value) k=(sensitive value) abc");
        assert_eq!(Mask::new(&["ab".to_owned()]).apply("cab"), "cab");
    }
}
