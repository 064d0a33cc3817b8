//! Which object: what tells one from all others of a cluster.

use std::fmt;

use crate::json::{Json, text};

/// An object's identity. Its API version is no part of it: one object can be had in several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    /// Its API group; empty for the core group.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for an object that is in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Id {
    /// The identity that an object says it has.
    pub(crate) fn of(object: &Json) -> Self {
        Self {
            group: group_of(text(object, "/apiVersion")).to_owned(),
            kind: text(object, "/kind").to_owned(),
            namespace: text(object, "/metadata/namespace").to_owned(),
            name: text(object, "/metadata/name").to_owned(),
        }
    }

    /// The namespace and the name: how people call it beside its kind.
    pub(crate) fn place(&self) -> String {
        match self.namespace.as_str() {
            "" => self.name.clone(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.place())
    }
}

/// The group in an `apiVersion`.
pub(crate) fn group_of(api_version: &str) -> &str {
    api_version.rsplit_once('/').map_or("", |(group, _)| group)
}
