//! Keeps sensitive values out of what a command said.

use deployctl_sdk::value::SENSITIVE_TEXT;

/// Shorter texts are not masked: they turn up in every output, and masking them would give them away.
const SHORTEST: usize = 4;

/// Masks the given secrets wherever they turn up in a text.
pub(crate) struct Mask {
    secrets: Vec<String>,
}

impl Mask {
    /// A mask for these secrets; of one with several lines each line counts too, for programs quote line by line.
    pub(crate) fn new(secrets: &[String]) -> Self {
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

    /// The text without them.
    pub(crate) fn apply(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), SENSITIVE_TEXT) } else { text }
        })
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
