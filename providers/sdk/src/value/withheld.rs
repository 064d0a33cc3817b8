//! A secret that is not kept: all that is recorded of it is a keyed digest.
//!
//! A value that came from a `secret` is never written down. What is read back in its place compares equal to the value it
//! stands for, and to nothing else, so that drift and changes are found as if it were there; but nobody can get at it.

use std::fmt;
use std::sync::Arc;

use super::Value;

/// Makes digests that are worth nothing without its key.
pub trait Fingerprint: Send + Sync {
    /// The digest of a text.
    fn fingerprint(&self, text: &str) -> String;
}

/// What is recorded of a secret.
#[derive(Clone)]
pub struct Withheld {
    digest: Arc<str>,
    key: Arc<dyn Fingerprint>,
}

impl Withheld {
    /// The secret that has this digest under this key.
    pub fn new(digest: impl Into<Arc<str>>, key: Arc<dyn Fingerprint>) -> Self {
        Self { digest: digest.into(), key }
    }

    /// The digest.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The digest that a text has under the same key.
    pub fn fingerprint(&self, text: &str) -> String {
        self.key.fingerprint(text)
    }

    /// Whether this is the value that it stands for. Marks do not matter, nor whether digits are a number or a text.
    pub fn is(&self, value: &Value) -> bool {
        match value.unmark().0 {
            Value::Withheld(other) => self.digest == other.digest,
            Value::String(text) => self.key.fingerprint(text) == *self.digest,
            Value::Number(number) => self.key.fingerprint(&number.to_string()) == *self.digest,
            _ => false,
        }
    }
}

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(super::SENSITIVE_TEXT)
    }
}

impl Value {
    /// Whether anything in the value, at any depth, is a secret that is not kept.
    pub fn contains_withheld(&self) -> bool {
        self.any(&mut |value| matches!(value, Self::Withheld(_)))
    }

    /// The value with each secret that is not kept put back as `known` has it, where it does.
    #[must_use]
    pub fn recalled(&self, known: &mut dyn FnMut(&Withheld) -> Option<Value>) -> Value {
        let (plain, marked) = self.unmark();
        let recalled = match plain {
            Self::Withheld(withheld) => known(withheld).unwrap_or_else(|| plain.clone()),
            Self::List(items) => Self::list(items.iter().map(|item| item.recalled(known))),
            Self::Map(members) => Self::map(members.iter().map(|(key, member)| (key.clone(), member.recalled(known)))),
            plain => plain.clone(),
        };
        recalled.with_mark(marked)
    }

    /// The value with secrets that are not kept put back from where they stand in `like`, where that has the same ones.
    #[must_use]
    pub fn restored(&self, like: &Value) -> Value {
        if !self.contains_withheld() {
            return self.clone();
        }
        let (plain, marked) = self.unmark();
        let restored = match (plain, like.unmark().0) {
            (Self::Withheld(withheld), like) if withheld.is(like) => like.clone(),
            (Self::List(items), Self::List(like)) => Self::list(
                items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| like.get(at).map_or(item.clone(), |like| item.restored(like))),
            ),
            (Self::Map(members), Self::Map(like)) => Self::map(members.iter().map(|(key, member)| {
                (key.clone(), like.get(key).map_or(member.clone(), |like| member.restored(like)))
            })),
            (plain, _) => plain.clone(),
        };
        restored.with_mark(marked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Backwards;

    impl Fingerprint for Backwards {
        fn fingerprint(&self, text: &str) -> String {
            text.chars().rev().collect()
        }
    }

    fn withheld(text: &str) -> Value {
        Value::Withheld(Withheld::new(Backwards.fingerprint(text), Arc::new(Backwards))).into_sensitive()
    }

    #[test]
    fn it_equals_what_it_stands_for_and_nothing_else() {
        let secret = Value::from("hunter2").into_sensitive();
        assert_eq!(withheld("hunter2"), secret);
        assert_eq!(secret, withheld("hunter2"));
        assert_ne!(withheld("hunter2"), Value::from("hunter3").into_sensitive());
        assert_ne!(withheld("hunter2"), Value::Unknown.into_sensitive());
        assert!(withheld("hunter2").same(&Value::from("hunter2")));
        assert!(withheld("5").same(&Value::from(5)));
        assert_eq!(withheld("a"), withheld("a"));
        assert_ne!(withheld("a"), withheld("b"));
        assert!(!format!("{:?}", withheld("hunter2")).contains("2retnuh"));
    }

    #[test]
    fn it_is_put_back_where_the_same_one_stands() {
        let recorded =
            Value::map([("a", withheld("one")), ("b", Value::list([withheld("two")])), ("c", withheld("x"))]);
        let like = Value::map([("a", Value::from("one")), ("b", Value::list([Value::from("changed")]))]);
        let restored = recorded.restored(&like);
        assert_eq!(restored.get("a").unwrap().as_str(), Some("one"));
        assert!(matches!(restored.get("a"), Some(Value::Sensitive(_))), "the mark was lost");
        assert!(restored.get("b").unwrap().contains_withheld() && restored.get("c").unwrap().contains_withheld());
    }
}
