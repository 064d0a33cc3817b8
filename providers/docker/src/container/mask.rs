//! What is secret in a resource must not come out by way of what its containers or the engine say.

use deployctl_sdk::{ProviderError, Value};

/// The shortest secret that is looked for: a shorter one would be found by chance, and masking it would say where it is.
const SHORTEST: usize = 4;

/// What is put in the place of a secret.
const MASK: &str = "(sensitive value)";

/// Every text under a sensitive mark.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mask(Vec<String>);

impl Mask {
    /// What must not come out of these values.
    pub(crate) fn of<'v>(values: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut secrets = Vec::new();
        for value in values {
            collect(value, false, &mut secrets);
        }
        // A secret may hold another one; the longer one is to be masked as a whole.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self(secrets)
    }

    /// The text without the secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        let masked = self.0.iter().filter(|secret| text.contains(secret.as_str()));
        masked.fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
    }

    /// The error without the secrets.
    pub(crate) fn error(&self, error: ProviderError) -> ProviderError {
        ProviderError {
            message: self.text(&error.message),
            hint: error.hint.map(|hint| self.text(&hint)),
            detail: error.detail.iter().map(|line| self.text(line)).collect(),
            ..error
        }
    }
}

fn collect(value: &Value, marked: bool, secrets: &mut Vec<String>) {
    match value {
        Value::Sensitive(inner) => collect(inner, true, secrets),
        Value::List(items) => items.iter().for_each(|item| collect(item, marked, secrets)),
        Value::Map(members) => members.values().for_each(|member| collect(member, marked, secrets)),
        Value::String(text) if marked => {
            // Logs come line by line.
            let lines = text.lines().map(str::trim).filter(|line| line.len() >= SHORTEST);
            secrets.extend(lines.map(str::to_owned));
        }
        Value::Number(number) if marked => {
            let text = number.to_string();
            secrets.extend((text.len() >= SHORTEST).then_some(text));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand_and_the_rest_is_not() {
        let env = Value::map([
            ("A", Value::from("hunter22").into_sensitive()),
            ("B", Value::from("plain")),
            ("C", Value::from("hunter22-and-more\nsecond").into_sensitive()),
            ("D", Value::from("x").into_sensitive()),
        ]);
        let mask = Mask::of([&env]);
        assert_eq!(mask.text("login hunter22 x plain"), "login (sensitive value) x plain");
        assert_eq!(mask.text("hunter22-and-more; second"), "(sensitive value); (sensitive value)");
    }
}
