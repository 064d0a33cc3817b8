//! What is kept of the objects of a resource besides its attributes.

use std::collections::HashMap;

use deployctl_sdk::{Lineage, Map, Object, Ownership, ResourceId, Value};

use crate::fields::Fields;
use crate::id::Id;
use crate::json::{Json, text};

/// What is kept of one object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Which object.
    pub id: Id,
    /// The version it was applied in.
    pub api_version: String,
    /// The identity that the cluster gave it.
    pub uid: String,
    /// The digest of the manifest that was applied; empty if none was.
    pub manifest: String,
    /// The fields that were applied, as text.
    pub owned: String,
    /// The digest of what it had in these fields afterwards.
    pub seen: String,
    /// Whether it was ready when it was last waited for.
    pub ready: bool,
}

impl Entry {
    /// What is kept of an object that was applied.
    pub(crate) fn of(object: &Json, manifest: &str, manager: &str) -> Self {
        let owned = Fields::applied(object, manager);
        Self {
            id: Id::of(object),
            api_version: text(object, "/apiVersion").to_owned(),
            uid: text(object, "/metadata/uid").to_owned(),
            manifest: manifest.to_owned(),
            seen: owned.digest(object).to_string(),
            owned: owned.to_text(),
            ready: true,
        }
    }

    /// Whether an object still has all that was applied.
    pub(crate) fn is_as_applied(&self, object: &Json, manager: &str) -> bool {
        let owned = Fields::applied(object, manager);
        self.uid == text(object, "/metadata/uid")
            && self.owned == owned.to_text()
            && self.seen == owned.digest(object).to_string()
    }

    fn to_value(&self) -> Value {
        // A short secret could be found from its digest by trying.
        let secret = self.id.kind == "Secret";
        Value::map([
            ("api_version", Value::from(self.api_version.as_str())),
            ("kind", Value::from(self.id.kind.as_str())),
            ("namespace", Value::from(self.id.namespace.as_str())),
            ("name", Value::from(self.id.name.as_str())),
            ("uid", Value::from(self.uid.as_str())),
            ("manifest", Value::from(self.manifest.as_str()).with_mark(secret)),
            ("owned", Value::from(self.owned.as_str())),
            ("seen", Value::from(self.seen.as_str()).with_mark(secret)),
            ("ready", Value::from(self.ready)),
        ])
    }

    fn from_value(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let api_version = text("api_version");
        Self {
            id: Id {
                group: crate::id::group_of(&api_version).to_owned(),
                kind: text("kind"),
                namespace: text("namespace"),
                name: text("name"),
            },
            api_version,
            uid: text("uid"),
            manifest: text("manifest"),
            owned: text("owned"),
            seen: text("seen"),
            ready: value.get("ready").and_then(Value::as_bool).unwrap_or(true),
        }
    }
}

/// What is kept of a resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Record {
    /// Its mark's id.
    pub id: Option<ResourceId>,
    /// Its address when its objects were first made.
    pub address: String,
    /// Its objects.
    pub entries: Vec<Entry>,
}

impl Record {
    /// Reads an object's notes; what is not there is empty.
    pub(crate) fn of(object: &Object) -> Self {
        let private = &object.private;
        let text = |name: &str| private.get(name).and_then(Value::as_str).unwrap_or_default();
        let entries = private.get("objects").and_then(Value::as_list).unwrap_or_default();
        Self {
            id: text("id").parse().ok().map(ResourceId),
            address: text("address").to_owned(),
            entries: entries.iter().map(Entry::from_value).collect(),
        }
    }

    /// The notes as they are kept.
    pub(crate) fn to_value(&self) -> Value {
        let id = self.id.map_or(Value::Null, |id| Value::from(id.to_string()));
        let members = [
            ("id", id),
            ("address", Value::from(self.address.as_str())),
            ("objects", Value::list(self.entries.iter().map(Entry::to_value))),
        ];
        Value::from(members.into_iter().map(|(name, value)| (name.into(), value)).collect::<Map>())
    }

    /// What is kept of each object.
    pub(crate) fn by_id(&self) -> HashMap<&Id, &Entry> {
        self.entries.iter().map(|entry| (&entry.id, entry)).collect()
    }
}

/// What an object's mark is made of.
#[derive(Debug, Clone)]
pub(crate) struct Marking {
    /// The state.
    pub lineage: Lineage,
    /// The record; `None` while it is not known yet.
    pub id: Option<ResourceId>,
    /// The address for people.
    pub address: String,
}

impl Marking {
    /// The mark of a resource, with the address that its record has.
    pub(crate) fn new(mark: &Ownership, record: &Record) -> Self {
        let address = match record.address.as_str() {
            "" => mark.address.to_string(),
            recorded => recorded.to_owned(),
        };
        Self { lineage: mark.lineage, id: Some(mark.id), address }
    }

    /// Puts it on an object.
    pub(crate) fn put(&self, object: &mut Json) {
        let id = self.id.map_or_else(|| "not-known-yet".to_owned(), |id| id.to_string());
        crate::mark::put(object, &self.lineage.to_string(), &id, &self.address);
    }
}
