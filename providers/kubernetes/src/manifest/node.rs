//! What a document holds, with the place of each part.

use std::ops::Range;

use serde_json::Value;

/// Where something stands, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct At {
    start: u32,
    end: u32,
}

impl At {
    /// That range. Texts are shorter than 4 GiB, which their reader sees to.
    pub(super) fn new(range: &Range<usize>) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: offset(range.start), end: offset(range.end) }
    }

    /// As a range.
    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value with its place. It may hold secrets, so it has no `Debug`.
#[derive(Clone)]
pub(super) struct Node {
    pub at: At,
    pub kind: Kind,
}

/// A value.
#[derive(Clone)]
pub(super) enum Kind {
    /// Null, a boolean, a number or a text.
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A member of a map.
#[derive(Clone)]
pub(super) struct Entry {
    pub key: String,
    /// Where the key stands.
    pub at: At,
    pub value: Node,
}

impl Node {
    /// The member of that name.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(value) => value.as_str(),
            _ => None,
        }
    }

    /// Whether it is null.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(Value::Null))
    }

    /// What it is, in words.
    pub(super) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(Value::Null) => "null",
            Kind::Scalar(Value::Bool(_)) => "a boolean",
            Kind::Scalar(Value::Number(_)) => "a number",
            Kind::Scalar(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The value without its places.
    pub(super) fn into_value(self) -> Value {
        match self.kind {
            Kind::Scalar(value) => value,
            Kind::List(items) => items.into_iter().map(Self::into_value).collect(),
            Kind::Map(entries) => {
                entries.into_iter().map(|entry| (entry.key, entry.value.into_value())).collect::<Value>()
            }
        }
    }

    /// How much of the memory it takes, near enough to bound the growth of aliases.
    pub(super) fn weight(&self) -> usize {
        let own = size_of::<Self>();
        match &self.kind {
            Kind::Scalar(value) => own + value.as_str().map_or(0, str::len),
            Kind::List(items) => own + items.iter().map(Self::weight).sum::<usize>(),
            Kind::Map(entries) => {
                own + entries.iter().map(|entry| entry.key.len() + entry.value.weight()).sum::<usize>()
            }
        }
    }
}

/// The first key that stands a second time in these members: where it stands first, and again.
pub(super) fn repeated(entries: &[Entry]) -> Option<(&Entry, &Entry)> {
    let mut seen = std::collections::HashMap::with_capacity(entries.len());
    entries.iter().find_map(|entry| seen.insert(entry.key.as_str(), entry).map(|first| (first, entry)))
}
