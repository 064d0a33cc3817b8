//! State and records to bytes and back.
//!
//! The documents are mirrored by structures that borrow from what they are written from or read out of, so that a hundred
//! thousand records pass through without a tree of JSON for each. Values take their [tagged](deployctl_sdk::value) form,
//! with what is sensitive sealed. This module knows neither files nor checksums.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use deployctl_sdk::value::{Seal, Tagged, TaggedSeed};
use deployctl_sdk::{Address, CapturedFile, ChildObject, Lineage, Object, ResourceId, Value};
use jiff::Timestamp;
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::document::{Deposed, ProviderRef, Record, State, Status};

/// A state with what only the store needs of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// The state.
    pub state: State,
    /// The run that wrote it: a journal of that run is folded into it already.
    pub last_run: Option<Uuid>,
}

/// About how long the body of a state document will be: growing a large buffer costs more than guessing.
pub(crate) fn room_for(state: &State) -> usize {
    // A record of middling size.
    512 + state.records.len() * 600
}

/// Appends the body of a state document.
pub(crate) fn write_state(
    state: &State,
    last_run: Option<Uuid>,
    seal: &dyn Seal,
    to: &mut Vec<u8>,
) -> Result<(), String> {
    let out = StateOut {
        lineage: state.lineage,
        serial: state.serial,
        version: &state.version,
        last_run,
        engines: &state.engines,
        outputs: outputs_out(&state.outputs, seal),
        records: RecordsOut(&state.records, seal),
    };
    serde_json::to_writer(to, &out).map_err(|error| error.to_string())
}

/// Reads the body of a state document; the error is a line for everything in it that cannot be read.
pub(crate) fn read_state(body: &[u8], seal: &dyn Seal) -> Result<Stored, Vec<String>> {
    let reader = Reader::new(seal);
    let whole = |error: serde_json::Error| vec![error.to_string()];
    let read: StateIn<'_> = serde_json::from_slice(body).map_err(whole)?;
    let mut records = serde_json::Deserializer::from_str(read.records.get());
    let records = RecordsSeed(&reader).deserialize(&mut records).map_err(whole)?;
    let mut outputs = BTreeMap::new();
    for (name, raw) in read.outputs {
        if let Some(value) = reader.noting(&format_args!("output {name}"), reader.value(raw)) {
            outputs.insert(Arc::from(name), value);
        }
    }
    let unreadable = reader.unreadable.into_inner();
    if !unreadable.is_empty() {
        return Err(unreadable);
    }
    let StateIn { lineage, serial, version, last_run, engines, .. } = read;
    Ok(Stored { state: State { lineage, serial, version, engines, records, outputs }, last_run })
}

#[derive(Serialize)]
struct StateOut<'a> {
    lineage: Lineage,
    serial: u64,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_run: Option<Uuid>,
    engines: &'a BTreeMap<String, String>,
    outputs: BTreeMap<&'a str, Tagged<'a>>,
    records: RecordsOut<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateIn<'r> {
    lineage: Lineage,
    serial: u64,
    version: String,
    last_run: Option<Uuid>,
    engines: BTreeMap<String, String>,
    #[serde(borrow)]
    outputs: BTreeMap<String, &'r RawValue>,
    #[serde(borrow)]
    records: &'r RawValue,
}

/// Outputs by name, ready to be written.
pub(crate) fn outputs_out<'a>(
    outputs: &'a BTreeMap<Arc<str>, Value>,
    seal: &'a dyn Seal,
) -> BTreeMap<&'a str, Tagged<'a>> {
    outputs.iter().map(|(name, value)| (&**name, Tagged::new(value, seal))).collect()
}

struct RecordsOut<'a>(&'a BTreeMap<Address, Arc<Record>>, &'a dyn Seal);

impl Serialize for RecordsOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(address, record)| (address, RecordOut::new(record, self.1))))
    }
}

/// A record, ready to be written.
#[derive(Serialize)]
pub(crate) struct RecordOut<'a> {
    id: ResourceId,
    #[serde(rename = "type")]
    type_name: &'a str,
    schema_version: u32,
    provider: ProviderOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<ObjectOut<'a>>,
    #[serde(skip_serializing_if = "is_ready")]
    status: Status,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deposed: Vec<DeposedOut<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    dependencies: &'a [Address],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    create_first: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    prevent_destroy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    created: Timestamp,
    updated: Timestamp,
}

impl<'a> RecordOut<'a> {
    /// The record, with what is sensitive in it to be sealed.
    pub(crate) fn new(record: &'a Record, seal: &'a dyn Seal) -> Self {
        let deposed =
            |deposed: &'a Deposed| DeposedOut { id: deposed.id, object: ObjectOut::new(&deposed.object, seal) };
        Self {
            id: record.id,
            type_name: &record.type_name,
            schema_version: record.schema_version,
            provider: ProviderOut::new(&record.provider, seal),
            object: record.object.as_ref().map(|object| ObjectOut::new(object, seal)),
            status: record.status,
            deposed: record.deposed.iter().map(deposed).collect(),
            dependencies: &record.dependencies,
            create_first: record.create_first,
            prevent_destroy: record.prevent_destroy,
            host: record.host.as_deref(),
            created: record.created,
            updated: record.updated,
        }
    }
}

fn is_ready(status: &Status) -> bool {
    *status == Status::Ready
}

/// A provider reference, ready to be written.
#[derive(Serialize)]
pub(crate) struct ProviderOut<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Tagged<'a>>,
}

impl<'a> ProviderOut<'a> {
    /// The reference, with what is sensitive in its settings to be sealed.
    pub(crate) fn new(provider: &'a ProviderRef, seal: &'a dyn Seal) -> Self {
        let settings = set(&provider.settings, seal);
        Self { name: &provider.name, alias: provider.alias.as_deref(), settings }
    }
}

/// The value unless it is null, which is what a missing one reads as.
fn set<'a>(value: &'a Value, seal: &'a dyn Seal) -> Option<Tagged<'a>> {
    (*value != Value::Null).then(|| Tagged::new(value, seal))
}

#[derive(Serialize)]
struct DeposedOut<'a> {
    id: ResourceId,
    object: ObjectOut<'a>,
}

#[derive(Serialize)]
struct ObjectOut<'a> {
    attributes: Tagged<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<Tagged<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    children: &'a [ChildObject],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    captured: &'a [CapturedFile],
}

impl<'a> ObjectOut<'a> {
    fn new(object: &'a Object, seal: &'a dyn Seal) -> Self {
        Self {
            attributes: Tagged::new(&object.attributes, seal),
            private: set(&object.private, seal),
            children: &object.children,
            captured: &object.captured,
        }
    }
}

/// A record as it was read, its values not yet looked into.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordIn<'r> {
    id: ResourceId,
    #[serde(rename = "type", borrow)]
    type_name: std::borrow::Cow<'r, str>,
    schema_version: u32,
    #[serde(borrow)]
    provider: ProviderIn<'r>,
    #[serde(borrow)]
    object: Option<ObjectIn<'r>>,
    #[serde(default)]
    status: Status,
    #[serde(default, borrow)]
    deposed: Vec<DeposedIn<'r>>,
    #[serde(default)]
    dependencies: Vec<Address>,
    #[serde(default)]
    create_first: bool,
    #[serde(default)]
    prevent_destroy: bool,
    host: Option<String>,
    created: Timestamp,
    updated: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderIn<'r> {
    #[serde(borrow)]
    name: std::borrow::Cow<'r, str>,
    alias: Option<String>,
    #[serde(borrow)]
    settings: Option<&'r RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeposedIn<'r> {
    id: ResourceId,
    #[serde(borrow)]
    object: ObjectIn<'r>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectIn<'r> {
    #[serde(borrow)]
    attributes: &'r RawValue,
    #[serde(borrow)]
    private: Option<&'r RawValue>,
    #[serde(default)]
    children: Vec<ChildObject>,
    #[serde(default)]
    captured: Vec<CapturedFile>,
}

/// Turns what was read into what it means.
pub(crate) struct Reader<'s> {
    seal: &'s dyn Seal,
    names: RefCell<HashSet<Arc<str>>>,
    unreadable: RefCell<Vec<String>>,
}

impl<'s> Reader<'s> {
    /// Reads with what is sensitive opened by `seal`.
    pub(crate) fn new(seal: &'s dyn Seal) -> Self {
        Self { seal, names: RefCell::default(), unreadable: RefCell::default() }
    }

    /// Notes a failure and goes on, so that everything that cannot be read is named at once.
    fn noting<T>(&self, place: &dyn fmt::Display, result: Result<T, serde_json::Error>) -> Option<T> {
        result.map_err(|error| self.unreadable.borrow_mut().push(format!("{place}: {}", words(&error)))).ok()
    }

    /// One shared copy of a name that every other record has too.
    pub(crate) fn name(&self, name: &str) -> Arc<str> {
        let mut names = self.names.borrow_mut();
        if let Some(known) = names.get(name) {
            return known.clone();
        }
        let new: Arc<str> = Arc::from(name);
        names.insert(new.clone());
        new
    }

    /// A value.
    pub(crate) fn value(&self, raw: &RawValue) -> Result<Value, serde_json::Error> {
        TaggedSeed::new(self.seal).read(raw.get().as_bytes())
    }

    /// A value that may be missing.
    pub(crate) fn optional(&self, raw: Option<&RawValue>) -> Result<Value, serde_json::Error> {
        raw.map_or(Ok(Value::Null), |raw| self.value(raw))
    }

    /// Outputs by name.
    pub(crate) fn outputs(
        &self,
        raw: BTreeMap<String, &RawValue>,
    ) -> Result<BTreeMap<Arc<str>, Value>, serde_json::Error> {
        raw.into_iter().map(|(name, raw)| Ok((Arc::from(name), self.value(raw)?))).collect()
    }

    /// A provider reference.
    pub(crate) fn provider(&self, read: &ProviderIn<'_>) -> Result<ProviderRef, serde_json::Error> {
        let alias = read.alias.as_deref().map(|alias| self.name(alias));
        Ok(ProviderRef { name: self.name(&read.name), alias, settings: self.optional(read.settings)? })
    }

    fn object(&self, read: ObjectIn<'_>) -> Result<Object, serde_json::Error> {
        Ok(Object {
            attributes: self.value(read.attributes)?,
            private: self.optional(read.private)?,
            children: read.children,
            captured: read.captured,
        })
    }

    /// A record.
    pub(crate) fn record(&self, read: RecordIn<'_>) -> Result<Record, serde_json::Error> {
        let deposed = read.deposed.into_iter();
        Ok(Record {
            id: read.id,
            type_name: self.name(&read.type_name),
            schema_version: read.schema_version,
            provider: self.provider(&read.provider)?,
            object: read.object.map(|object| self.object(object)).transpose()?,
            status: read.status,
            deposed: deposed
                .map(|deposed| Ok(Deposed { id: deposed.id, object: self.object(deposed.object)? }))
                .collect::<Result<_, serde_json::Error>>()?,
            dependencies: read.dependencies,
            create_first: read.create_first,
            prevent_destroy: read.prevent_destroy,
            host: read.host,
            created: read.created,
            updated: read.updated,
        })
    }
}

/// What the reader of JSON says, without the place in a text that nobody sees.
pub(crate) fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(words, _)| words.to_owned())
}

/// Reads records one after the other.
struct RecordsSeed<'r, 's>(&'r Reader<'s>);

impl<'de> DeserializeSeed<'de> for RecordsSeed<'_, '_> {
    type Value = BTreeMap<Address, Arc<Record>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordsSeed<'_, '_> {
    type Value = BTreeMap<Address, Arc<Record>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("records by address")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut records = Vec::new();
        while let Some(address) = access.next_key::<Address>()? {
            let record = access.next_value::<RecordIn<'de>>()?;
            if let Some(record) = self.0.noting(&address, self.0.record(record)) {
                records.push((address, Arc::new(record)));
            }
        }
        let count = records.len();
        let records: BTreeMap<_, _> = records.into_iter().collect();
        if records.len() != count {
            return Err(A::Error::custom("an address stands twice"));
        }
        Ok(records)
    }
}
