//! What must not come to rest: the secrets of this run, and what was made from them.
//!
//! A secret goes many ways: as it is, inside a text, encoded in it, and back from an engine that was given it. So it is known
//! by its text, not by a mark that somebody on the way may lose: a text that holds a secret does not rest, and neither does
//! a value that an expression made from one, however it was turned about there.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use deployctl_sdk::Value;

use crate::http;

/// Secrets shorter than this are looked for only as a whole: inside other texts they turn up by chance.
const SHORTEST_PART: usize = 4;

/// In what nobody marked sensitive, shorter ones turn up by chance.
const SHORTEST_UNMARKED: usize = 8;

/// What must not come to rest. It holds secrets in clear, so it has no `Debug` that shows them.
#[derive(Default)]
pub struct Registry {
    texts: RwLock<Texts>,
    known: Mutex<Known>,
}

/// Whole texts by their digests, as far as they were asked for.
#[derive(Default)]
struct Known {
    /// How many of the texts are among them.
    count: usize,
    by_digest: HashMap<String, Arc<str>>,
}

#[derive(Default)]
struct Texts {
    /// Secrets, and what was made from them, as whole texts.
    whole: HashSet<Arc<str>>,
    /// The same, in the order in which they came.
    in_order: Vec<Arc<str>>,
    /// Secrets as they may stand in other texts.
    parts: Vec<String>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registry")
    }
}

impl Registry {
    /// Notes a secret: wherever its text stands, as it is or encoded, that text must not rest.
    pub fn note(&self, secret: &str) {
        let mut texts = self.texts.write().unwrap_or_else(PoisonError::into_inner);
        if secret.is_empty() || !texts.add(secret) {
            return;
        }
        let mut parts = forms(secret);
        // Programs quote a secret of several lines line by line.
        parts.extend(
            secret.lines().map(|line| line.trim().to_owned()).filter(|line| line.len() >= 2 * SHORTEST_UNMARKED),
        );
        parts.retain(|part| part.len() >= SHORTEST_PART);
        texts.parts.extend(parts);
        texts.parts.sort();
        texts.parts.dedup();
    }

    /// Notes everything below a sensitive mark in a value that was made from a secret.
    pub fn note_made(&self, value: &Value) {
        let mut found = Vec::new();
        leaves(value, false, &mut |text, sensitive| {
            if sensitive && !text.is_empty() {
                found.push(text.to_owned());
            }
        });
        let mut texts = self.texts.write().unwrap_or_else(PoisonError::into_inner);
        for text in found {
            texts.add(&text);
        }
    }

    /// A value that was read back, with the secrets put back in it that are known by now.
    pub fn restored(&self, value: Value) -> Value {
        if self.is_empty() || !value.contains_withheld() {
            return value;
        }
        let texts = self.texts.read().unwrap_or_else(PoisonError::into_inner);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        value.recalled(&mut |withheld| {
            for text in texts.in_order.iter().skip(known.count) {
                known.by_digest.insert(withheld.fingerprint(text), text.clone());
            }
            known.count = texts.in_order.len();
            known.by_digest.get(withheld.digest()).cloned().map(Value::String)
        })
    }

    /// Whether a text must not rest; `sensitive` says whether it stands under a sensitive mark.
    pub fn holds(&self, text: &str, sensitive: bool) -> bool {
        let texts = self.texts.read().unwrap_or_else(PoisonError::into_inner);
        if sensitive && texts.whole.contains(text) {
            return true;
        }
        let shortest = if sensitive { SHORTEST_PART } else { SHORTEST_UNMARKED };
        texts
            .parts
            .iter()
            .any(|part| part.len() >= shortest && part.len() <= text.len() && text.contains(part.as_str()))
    }

    /// Whether anything in a value is a secret, or was made from one.
    pub fn touches(&self, value: &Value) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut found = false;
        leaves(value, false, &mut |text, sensitive| found |= self.holds(text, sensitive));
        found || value.contains_withheld()
    }

    /// Whether there is nothing that must not rest.
    pub fn is_empty(&self) -> bool {
        self.texts.read().unwrap_or_else(PoisonError::into_inner).whole.is_empty()
    }

    /// The secrets as they may stand in texts that people read, for masking them.
    pub fn parts(&self) -> Vec<String> {
        self.texts.read().unwrap_or_else(PoisonError::into_inner).parts.clone()
    }
}

impl Texts {
    /// Adds a whole text; whether it is a new one.
    fn add(&mut self, text: &str) -> bool {
        let text: Arc<str> = Arc::from(text);
        let new = self.whole.insert(text.clone());
        if new {
            self.in_order.push(text);
        }
        new
    }
}

/// A secret as it may stand in another text.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let mut forms = vec![secret.to_owned(), json.trim_matches('"').to_owned(), http::escaped(secret)];
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        forms.push(engine.encode(secret));
        // In the middle of what is encoded it may begin at any of three places; what does not hang on its neighbours.
        for skipped in 1..3 {
            let shifted = engine.encode([vec![0; skipped], secret.as_bytes().to_vec()].concat());
            let inner = shifted.trim_end_matches('=');
            forms.extend(inner.get(4..inner.len().saturating_sub(2)).map(str::to_owned));
        }
        let inner = engine.encode(secret);
        let inner = inner.trim_end_matches('=');
        forms.extend(inner.get(..inner.len().saturating_sub(2)).map(str::to_owned));
    }
    // A few signs of base64 turn up by chance.
    forms.retain(|form| form == secret || form.len() >= SHORTEST_UNMARKED);
    forms
}

/// Every text and number in a value, with whether it stands under a sensitive mark.
fn leaves(value: &Value, sensitive: bool, found: &mut dyn FnMut(&str, bool)) {
    match value {
        Value::String(text) => found(text, sensitive),
        Value::Number(number) if sensitive => found(&number.to_string(), true),
        Value::List(items) => items.iter().for_each(|item| leaves(item, sensitive, found)),
        Value::Map(members) => members.values().for_each(|member| leaves(member, sensitive, found)),
        Value::Sensitive(inner) => leaves(inner, true, found),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_inside_of_other_texts_and_encoded() {
        let registry = Registry::default();
        assert!(!registry.holds("hunter2hunter2", true));
        let secret = "hunter2\"/hunter2";
        registry.note(secret);
        for text in [
            secret.to_owned(),
            format!("postgres://u:{secret}@db"),
            serde_json::to_string(secret).unwrap(),
            "password=hunter2%22%2Fhunter2".to_owned(),
            STANDARD.encode(secret),
        ] {
            assert!(registry.holds(&text, true) && registry.holds(&text, false), "{text}");
        }
        for before in 0..6 {
            for after in 0..6 {
                let text = format!("{}{secret}{}", "a".repeat(before), "b".repeat(after));
                assert!(registry.holds(&STANDARD.encode(&text), true), "{before} and {after}");
            }
        }
        assert!(!registry.holds("hunter", true));
    }

    #[test]
    fn what_is_short_is_looked_for_where_it_is_sensitive_and_whole() {
        let registry = Registry::default();
        registry.note("on");
        assert!(registry.holds("on", true));
        assert!(!registry.holds("on", false) && !registry.holds("once upon", true));
        registry.note("12345");
        assert!(registry.holds("a12345b", true) && !registry.holds("a12345b", false));
    }

    #[test]
    fn what_was_made_from_a_secret_is_known_as_a_whole() {
        let registry = Registry::default();
        registry.note("hunter2hunter2");
        let made = Value::map([("upper", Value::from("HUNTER2HUNTER2").into_sensitive()), ("plain", Value::from("x"))]);
        assert!(!registry.touches(&made));
        registry.note_made(&made);
        assert!(registry.touches(&made));
        assert!(registry.holds("HUNTER2HUNTER2", true) && !registry.holds("x", true));
    }
}
