//! Where a value lies inside another one.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Value;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathStep {
    /// An item of a list, counted from 0.
    Index(usize),
    /// A member of a map.
    Key(Arc<str>),
}

/// The steps from a value to one inside it; empty means the value itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttrPath(pub Vec<PathStep>);

impl AttrPath {
    /// The path of the value itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of one member.
    pub fn of(key: impl Into<Arc<str>>) -> Self {
        Self(vec![PathStep::Key(key.into())])
    }

    /// This path and one step more.
    #[must_use]
    pub fn key(&self, key: impl Into<Arc<str>>) -> Self {
        self.with(PathStep::Key(key.into()))
    }

    /// This path and one step more.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(PathStep::Index(index))
    }

    fn with(&self, step: PathStep) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }

    /// The name of the top attribute, if the path begins with one.
    pub fn attribute(&self) -> Option<&str> {
        match self.0.first() {
            Some(PathStep::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// Whether this path is `other` or leads to something inside it.
    pub fn is_within(&self, other: &AttrPath) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The value at this path, seen through sensitive marks.
    pub fn look_up<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, step| match (step, value.unmark().0) {
            (PathStep::Key(key), Value::Map(members)) => members.get(key),
            (PathStep::Index(index), Value::List(items)) => items.get(*index),
            _ => None,
        })
    }
}

/// Whether a key can be written after a dot, without quotes.
pub(crate) fn is_identifier(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Key(key) if is_identifier(key) => {
                    write!(f, "{}{key}", if position == 0 { "" } else { "." })?;
                }
                PathStep::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}
