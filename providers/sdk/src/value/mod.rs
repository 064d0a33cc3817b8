//! The one value type that configuration, plan, state and providers share.
//!
//! Two things set it apart from JSON: a value may be *unknown* (it will be known only after something was applied), and
//! any value may be *sensitive*. Both are part of the tree, so `{ a = 1, b = <unknown> }` is a map of which one member is
//! unknown. Nothing that formats a value, `Debug` and `Serialize` included, shows what lies under a sensitive mark;
//! getting at it takes an explicit [`Value::reveal`].

mod number;
mod path;
mod show;
mod tagged;
mod withheld;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use number::{Number, NumberError};
pub(crate) use path::is_identifier;
pub use path::{AttrPath, PathStep};
pub use show::{SENSITIVE_TEXT, UNKNOWN_TEXT};
pub use tagged::{Clear, MAX_LEVELS, Seal, SealError, Tagged, TaggedSeed};
pub use withheld::{Fingerprint, Withheld};

/// A map's members, in the order of their keys.
pub type Map = BTreeMap<Arc<str>, Value>;

/// A value of the configuration language. Cloning is cheap: the large parts are shared.
#[derive(Clone, Default)]
pub enum Value {
    /// No value: an attribute set to `null` is an attribute not set.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number of any precision.
    Number(Number),
    /// Text.
    String(Arc<str>),
    /// An ordered list.
    List(Arc<Vec<Value>>),
    /// A map from text to values.
    Map(Arc<Map>),
    /// Known only after something was applied.
    Unknown,
    /// A value that must not be shown. Never holds another `Sensitive` directly; build it with [`Value::into_sensitive`].
    Sensitive(Arc<Value>),
    /// A secret that is not kept. Always under a sensitive mark.
    Withheld(Withheld),
}

impl PartialEq for Value {
    /// A secret that is not kept equals the value that it stands for.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) | (Self::Unknown, Self::Unknown) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Sensitive(a), Self::Sensitive(b)) => a == b,
            (Self::Withheld(withheld), value) | (value, Self::Withheld(withheld)) => withheld.is(value),
            _ => false,
        }
    }
}

impl Value {
    /// A text value.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// A list of the given items.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Self::List(Arc::new(items.into_iter().collect()))
    }

    /// A map of the given members; of two with one key the later wins.
    pub fn map<K: Into<Arc<str>>>(members: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(Arc::new(members.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// The same value under a sensitive mark.
    #[must_use]
    pub fn into_sensitive(self) -> Self {
        match self {
            Self::Sensitive(_) => self,
            other => Self::Sensitive(Arc::new(other)),
        }
    }

    /// Marks the value sensitive when `sensitive` is true, and leaves it as it is otherwise.
    #[must_use]
    pub fn with_mark(self, sensitive: bool) -> Self {
        if sensitive { self.into_sensitive() } else { self }
    }

    /// Takes a mark off the top of the value: what is below it, and whether there was one.
    pub fn unmark(&self) -> (&Value, bool) {
        match self {
            Self::Sensitive(inner) => (inner, true),
            other => (other, false),
        }
    }

    /// The value without any mark at any depth. For handing a value to an engine, never for showing it.
    #[must_use]
    pub fn reveal(&self) -> Value {
        if !self.contains_sensitive() {
            return self.clone();
        }
        match self {
            Self::Sensitive(inner) => inner.reveal(),
            Self::List(items) => Self::list(items.iter().map(Value::reveal)),
            Self::Map(members) => Self::map(members.iter().map(|(key, value)| (key.clone(), value.reveal()))),
            other => other.clone(),
        }
    }

    /// Whether the value itself is null, marked or not.
    pub fn is_null(&self) -> bool {
        matches!(self.unmark().0, Self::Null)
    }

    /// Whether the value itself is unknown, marked or not.
    pub fn is_unknown(&self) -> bool {
        matches!(self.unmark().0, Self::Unknown)
    }

    /// Whether anything in the value, at any depth, is unknown.
    pub fn contains_unknown(&self) -> bool {
        self.any(&mut |value| matches!(value, Self::Unknown))
    }

    /// Whether anything in the value, at any depth, is sensitive.
    pub fn contains_sensitive(&self) -> bool {
        self.any(&mut |value| matches!(value, Self::Sensitive(_)))
    }

    fn any(&self, test: &mut impl FnMut(&Value) -> bool) -> bool {
        if test(self) {
            return true;
        }
        match self {
            Self::List(items) => items.iter().any(|item| item.any(test)),
            Self::Map(members) => members.values().any(|member| member.any(test)),
            Self::Sensitive(inner) => inner.any(test),
            _ => false,
        }
    }

    /// Whether both are the same value, whatever is marked sensitive in either.
    pub fn same(&self, other: &Value) -> bool {
        match (self.unmark().0, other.unmark().0) {
            (Self::List(a), Self::List(b)) => {
                Arc::ptr_eq(a, b) || (a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(b)))
            }
            (Self::Map(a), Self::Map(b)) => {
                Arc::ptr_eq(a, b)
                    || (a.len() == b.len()
                        && a.iter().zip(b.iter()).all(|((ka, va), (kb, vb))| ka == kb && va.same(vb)))
            }
            (a, b) => a == b,
        }
    }

    /// The text, if this is text (marked or not).
    pub fn as_str(&self) -> Option<&str> {
        match self.unmark().0 {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if this is one (marked or not).
    pub fn as_bool(&self) -> Option<bool> {
        match self.unmark().0 {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if this is one (marked or not).
    pub fn as_number(&self) -> Option<&Number> {
        match self.unmark().0 {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The whole number, if this is one that fits (marked or not).
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::to_i64)
    }

    /// The items, if this is a list (marked or not).
    pub fn as_list(&self) -> Option<&[Value]> {
        match self.unmark().0 {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The members, if this is a map (marked or not).
    pub fn as_map(&self) -> Option<&Map> {
        match self.unmark().0 {
            Self::Map(members) => Some(members),
            _ => None,
        }
    }

    /// A member of a map (marked or not), if it is there and not null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key).filter(|value| !value.is_null())
    }

    /// What the kind of value is called in messages: `a string`, `a list`, …
    pub fn kind(&self) -> &'static str {
        match self.unmark().0 {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Unknown => "a value known only after apply",
            Self::Sensitive(_) => "a sensitive value",
            Self::Withheld(_) => "a secret that is not kept",
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(Number::from(value))
    }
}

impl From<Number> for Value {
    fn from(value: Number) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value.into())
    }
}

impl From<Map> for Value {
    fn from(value: Map) -> Self {
        Self::Map(Arc::new(value))
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Self {
        Self::List(Arc::new(value))
    }
}
