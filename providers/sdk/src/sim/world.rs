//! What is really there, and what was done to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::crash::CrashPoints;
use super::fault::{Fault, Odds};
use crate::address::Address;
use crate::conformance::Moment;
use crate::object::Object;
use crate::ownership::{Lineage, Ownership};
use crate::provider::Operation;
use crate::value::{Map, Value};

/// The real world of a simulation; clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Mutex<Inner>>);

/// All there is.
#[derive(Default)]
pub(super) struct Inner {
    pub seed: u64,
    pub odds: Odds,
    pub silent: bool,
    pub sabotage: Option<Moment>,
    pub things: BTreeMap<u64, Thing>,
    pub deeds: Vec<Deed>,
    pub points: Option<CrashPoints>,
    made: u64,
    tries: BTreeMap<String, u64>,
}

/// One thing that is really there.
#[derive(Debug, Clone, PartialEq)]
pub struct Thing {
    /// Its type.
    pub type_name: Arc<str>,
    /// Whose it is; `None` if nobody said.
    pub mark: Option<Ownership>,
    /// Whether it was finished.
    pub whole: bool,
    /// What it was configured with.
    pub config: Map,
    /// Where it stands.
    pub zone: Value,
    /// How often it was made or changed.
    pub generation: i64,
}

/// Something that was done to the world: an operation that began or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// To which resource.
    pub address: Address,
    /// What.
    pub operation: Operation,
    /// Whether this is its beginning or its end.
    pub ended: bool,
    /// For an end, whether it worked.
    pub worked: bool,
}

impl World {
    /// An empty world in which so much goes wrong.
    pub fn new(seed: u64, odds: Odds) -> Self {
        Self(Arc::new(Mutex::new(Inner { seed, odds, ..Inner::default() })))
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new run of deployctl begins, which can be killed at these points.
    pub fn begin_run(&self, points: CrashPoints) {
        let mut inner = self.inner();
        inner.points = Some(points);
        inner.deeds.clear();
    }

    /// From now on so much goes wrong.
    pub fn set_odds(&self, odds: Odds) {
        self.inner().odds = odds;
    }

    /// Makes the engine stop answering, or answer again.
    pub fn silence(&self, silent: bool) {
        self.inner().silent = silent;
    }

    /// Makes the next operation fail.
    pub fn sabotage(&self, moment: Moment) {
        self.inner().sabotage = Some(moment);
    }

    /// All there is, by number.
    pub fn things(&self) -> BTreeMap<u64, Thing> {
        self.inner().things.clone()
    }

    /// What was done since the run began.
    pub fn deeds(&self) -> Vec<Deed> {
        self.inner().deeds.clone()
    }

    /// Changes a thing behind deployctl's back; false if there is none of that number.
    pub fn meddle(&self, number: u64, change: impl FnOnce(&mut Thing)) -> bool {
        self.inner().things.get_mut(&number).map(change).is_some()
    }

    /// Removes a thing behind deployctl's back; false if there is none of that number.
    pub fn remove(&self, number: u64) -> bool {
        self.inner().things.remove(&number).is_some()
    }

    /// Puts a thing there behind deployctl's back; its number.
    pub fn put(&self, thing: Thing) -> u64 {
        self.inner().put(thing)
    }

    /// The number of a recorded object, if the record has one.
    pub fn number_of(object: &Object) -> Option<u64> {
        object.private.get("number")?.as_i64().and_then(|number| u64::try_from(number).ok())
    }

    /// Passes a crash point of the present run.
    pub(super) async fn point(&self) {
        let points = self.inner().points.clone();
        if let Some(points) = points {
            points.pass().await;
        }
    }

    /// Takes as long as a step of the engine takes.
    pub(super) async fn pause(&self, what: &str) {
        let length = {
            let mut inner = self.inner();
            let nth = inner.nth(&format!("pause {what}"));
            inner.odds.latency(inner.seed, what, nth)
        };
        if length == Duration::ZERO {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(length).await;
        }
    }
}

impl Inner {
    /// Counts how often something was asked for.
    pub fn nth(&mut self, what: &str) -> u64 {
        let count = self.tries.entry(what.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// What goes wrong with this try of an operation.
    pub fn fault(&mut self, address: &Address, operation: Operation) -> Option<Fault> {
        match self.sabotage.take() {
            Some(Moment::Before) => return Some(Fault::Transient),
            Some(Moment::Midway) => return Some(Fault::Partial),
            None => {}
        }
        let what = format!("{operation:?} {address}");
        let nth = self.nth(&what);
        self.odds.fault(self.seed, &what, nth)
    }

    /// Whether a resource cannot be read this time.
    pub fn unreadable(&mut self, address: &Address) -> bool {
        let nth = self.nth(&format!("read {address}"));
        self.silent || self.odds.unreadable(self.seed, &address.to_string(), nth)
    }

    pub fn put(&mut self, thing: Thing) -> u64 {
        self.made += 1;
        self.things.insert(self.made, thing);
        self.made
    }

    /// The numbers of what bears a mark, oldest first.
    pub fn bearing(&self, mark: &Ownership, type_name: &str) -> Vec<u64> {
        let bears = |thing: &Thing| *thing.type_name == *type_name && thing.belongs_to(mark);
        self.things.iter().filter(|(_, thing)| bears(thing)).map(|(number, _)| *number).collect()
    }

    /// The object as deployctl sees it.
    pub fn object(&self, number: u64) -> Option<Object> {
        self.things.get(&number).map(|thing| thing.object(number))
    }
}

impl Thing {
    /// Whether the mark is on it.
    pub fn belongs_to(&self, mark: &Ownership) -> bool {
        self.mark.as_ref().is_some_and(|own| own.lineage == mark.lineage && own.id == mark.id)
    }

    /// Whether it belongs to a state.
    pub fn is_of(&self, lineage: Lineage) -> bool {
        self.mark.as_ref().is_some_and(|own| own.lineage == lineage)
    }

    /// The thing as deployctl sees it.
    pub fn object(&self, number: u64) -> Object {
        let mut attributes = self.config.clone();
        attributes.insert("zone".into(), self.zone.clone());
        attributes.insert("id".into(), Value::from(format!("thing-{number}")));
        attributes.insert("output".into(), self.config.get("input").cloned().unwrap_or_default());
        attributes.insert("generation".into(), Value::from(self.generation));
        let private = Value::map([("number", Value::from(i64::try_from(number).unwrap_or(i64::MAX)))]);
        Object { private, ..Object::new(Value::from(attributes)) }
    }
}
