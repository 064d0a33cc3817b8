//! The contract, kept on a simulated world.

use async_trait::async_trait;

use super::fault::Fault;
use super::schema::SLOT;
use super::world::{Deed, Inner, Thing, World};
use crate::error::{ErrorKind, ProviderError};
use crate::object::Object;
use crate::ownership::{Lineage, Ownership};
use crate::provider::{
    Applied, Change, Connection, Found, HealthReport, Lost, Observed, Operation, Place, ReadRequest, Run,
};
use crate::value::{Map, Value};

/// What the engine decides on by itself, so that it is no part of what a thing was configured with.
const DECIDED: [&str; 4] = ["id", "output", "generation", "zone"];

pub(super) struct SimConnection {
    world: World,
    lineage: Lineage,
}

impl SimConnection {
    pub fn new(world: World, lineage: Lineage) -> Self {
        Self { world, lineage }
    }

    async fn create(&self, change: &Change, run: &Run) -> Applied {
        let fault = match self.begin(change, run).await {
            Ok(fault) => fault,
            Err(error) => return Applied::failed(None, error),
        };
        let number = match self.world.inner().stand_up(change) {
            Ok(number) => number,
            Err(error) => return Applied::failed(None, error),
        };
        if let Err(error) = self.middle(change, run, fault).await {
            let object = self.world.inner().object(number);
            return Applied { tainted: object.is_some(), ..Applied::failed(object, error) };
        }
        let done = self.world.inner().finish(number);
        self.world.pause(&change.mark.address.to_string()).await;
        done
    }

    async fn update(&self, change: &Change, run: &Run) -> Applied {
        let fault = match self.begin(change, run).await {
            Ok(fault) => fault,
            Err(error) => return Applied::failed(change.prior.clone(), error),
        };
        let number = match self.world.inner().ours(change) {
            Ok(Some(number)) => number,
            Ok(None) => return Applied::failed(None, gone(change)),
            Err(error) => return Applied::failed(change.prior.clone(), error),
        };
        // The first half: what a crash or a failure leaves is a mixture of the old and the new.
        let half = configured(change);
        self.world.meddle(number, |thing| {
            thing.config.extend(half.into_iter().filter(|(key, _)| matches!(&**key, "size" | "tags")));
            thing.generation += 1;
        });
        if let Err(error) = self.middle(change, run, fault).await {
            return Applied::failed(self.world.inner().object(number), error);
        }
        self.world.meddle(number, |thing| thing.configure(change));
        let done = self.world.inner().finish(number);
        self.world.pause(&change.mark.address.to_string()).await;
        done
    }

    /// Makes the new one beside the old one, and hands over in one stroke.
    async fn replace(&self, change: &Change, run: &Run) -> Applied {
        let fault = match self.begin(change, run).await {
            Ok(fault) => fault,
            Err(error) => return Applied::failed(change.prior.clone(), error),
        };
        let old = match self.world.inner().ours(change) {
            Ok(old) => old,
            Err(error) => return Applied::failed(change.prior.clone(), error),
        };
        let new = self.world.inner().stand_beside(change);
        if let Err(error) = self.middle(change, run, fault).await {
            self.world.remove(new);
            return Applied::failed(old.and_then(|old| self.world.inner().object(old)), error);
        }
        let done = {
            let mut inner = self.world.inner();
            if let Some(old) = old {
                inner.things.remove(&old);
            }
            inner.finish(new)
        };
        self.world.pause(&change.mark.address.to_string()).await;
        done
    }

    async fn delete(&self, change: &Change, run: &Run) -> Applied {
        let fault = match self.begin(change, run).await {
            Ok(fault) => fault,
            Err(error) => return Applied::failed(change.prior.clone(), error),
        };
        let number = match self.world.inner().ours(change) {
            Ok(Some(number)) => number,
            Ok(None) => return Applied::gone(),
            Err(error) => return Applied::failed(change.prior.clone(), error),
        };
        self.world.meddle(number, |thing| thing.whole = false);
        if let Err(error) = self.middle(change, run, fault).await {
            let object = self.world.inner().object(number);
            return Applied { tainted: object.is_some(), ..Applied::failed(object, error) };
        }
        self.world.remove(number);
        self.world.pause(&change.mark.address.to_string()).await;
        Applied::gone()
    }

    /// The way to the engine: nothing is done yet.
    async fn begin(&self, change: &Change, run: &Run) -> Result<Option<Fault>, ProviderError> {
        self.world.pause(&change.mark.address.to_string()).await;
        if run.cancel.is_cancelled() {
            return Err(cancelled());
        }
        let mut inner = self.world.inner();
        if inner.silent {
            return Err(unreachable());
        }
        match inner.fault(&change.mark.address, change.operation) {
            Some(Fault::Transient) => Err(ProviderError::new(ErrorKind::Transient, "the simulated engine is busy")),
            Some(Fault::Permanent) => Err(ProviderError::new(ErrorKind::Refused, "the simulated engine refuses")),
            fault => Ok(fault),
        }
    }

    /// The middle of an operation: something is done already.
    async fn middle(&self, change: &Change, run: &Run, fault: Option<Fault>) -> Result<(), ProviderError> {
        run.progress.say("half done");
        self.world.point().await;
        self.world.pause(&change.mark.address.to_string()).await;
        if run.cancel.is_cancelled() {
            return Err(cancelled());
        }
        match fault {
            Some(Fault::Partial) => {
                Err(ProviderError::new(ErrorKind::Refused, "the simulated engine gave up half-way"))
            }
            _ => Ok(()),
        }
    }

    fn note(&self, change: &Change, end: Option<bool>) {
        self.world.inner().deeds.push(Deed {
            address: change.mark.address.clone(),
            operation: change.operation,
            ended: end.is_some(),
            worked: end.unwrap_or_default(),
        });
    }
}

#[async_trait]
impl Connection for SimConnection {
    async fn read(&self, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
        self.world.pause("read").await;
        let mut inner = self.world.inner();
        batch.iter().map(|request| inner.observe(request, self.lineage)).collect()
    }

    async fn apply(&self, change: &Change, run: &Run) -> Applied {
        self.world.point().await;
        self.note(change, None);
        let applied = match change.operation {
            Operation::Create => self.create(change, run).await,
            Operation::Update => self.update(change, run).await,
            Operation::Replace => self.replace(change, run).await,
            Operation::Delete => self.delete(change, run).await,
        };
        self.note(change, Some(applied.error.is_none()));
        self.world.point().await;
        applied
    }

    async fn find(&self, lost: &[Lost]) -> Result<Vec<Found>, ProviderError> {
        self.world.pause("find").await;
        let inner = self.world.inner();
        if inner.silent {
            return Err(unreachable());
        }
        Ok(lost.iter().map(|lost| inner.look_for(lost)).collect())
    }

    async fn find_all(&self, place: &Place) -> Result<Vec<(Ownership, Object)>, ProviderError> {
        self.world.pause("find").await;
        let inner = self.world.inner();
        let ours = inner.things.iter().filter(|(_, thing)| thing.is_of(place.lineage));
        Ok(ours.filter_map(|(number, thing)| Some((thing.mark.clone()?, thing.object(*number)))).collect())
    }

    async fn import(&self, type_name: &str, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
        self.world.pause("import").await;
        let number = id.strip_prefix("thing-").unwrap_or(id).parse::<u64>().ok();
        let mut inner = self.world.inner();
        let thing = number.and_then(|number| Some((number, inner.things.get_mut(&number)?)));
        match thing {
            Some((number, thing)) if *thing.type_name == *type_name => {
                if thing.mark.as_ref().is_some_and(|own| own.lineage != mark.lineage) {
                    return Err(not_ours(id));
                }
                thing.mark = Some(mark.clone());
                Ok(thing.object(number))
            }
            _ => Err(ProviderError::new(ErrorKind::Refused, format!("there is no {type_name} `{id}`"))),
        }
    }

    async fn health(&self, _: &str, object: &Object) -> HealthReport {
        let inner = self.world.inner();
        match World::number_of(object).and_then(|number| inner.things.get(&number)) {
            Some(thing) if thing.whole => HealthReport::Healthy,
            _ => HealthReport::Unhealthy { detail: "it is not whole".to_owned() },
        }
    }
}

impl Inner {
    fn observe(&mut self, request: &ReadRequest<'_>, lineage: Lineage) -> Observed {
        if self.unreadable(request.address) {
            return Observed::Unreadable { reason: "the simulated engine does not answer".to_owned() };
        }
        let number = World::number_of(request.recorded);
        match number.and_then(|number| Some((number, self.things.get(&number)?))) {
            Some((number, thing))
                if thing.mark.as_ref().is_some_and(|own| own.lineage == lineage && own.id == request.id) =>
            {
                let object = thing.object(number);
                if object == *request.recorded { Observed::AsRecorded } else { Observed::Present(object) }
            }
            _ => Observed::Absent,
        }
    }

    /// The number for a new thing: a new one, or what an interrupted run left of it.
    fn stand_up(&mut self, change: &Change) -> Result<u64, ProviderError> {
        if let Some(number) = self.bearing(&change.mark, &change.type_name).first() {
            if let Some(thing) = self.things.get_mut(number) {
                thing.configure(change);
            }
            return Ok(*number);
        }
        let thing = Thing::of(change);
        let same = |other: &Thing| *other.type_name == *SLOT && other.config.get("name") == thing.config.get("name");
        if *change.type_name == *SLOT && self.things.values().any(same) {
            return Err(not_ours(&change.mark.address.to_string()));
        }
        Ok(self.put(thing))
    }

    /// The number for a thing that will take another one's place: a new one, or what an interrupted run left of it.
    fn stand_beside(&mut self, change: &Change) -> u64 {
        match self.bearing(&change.mark, &change.type_name).first() {
            Some(number) => *number,
            None => self.put(Thing::of(change)),
        }
    }

    /// The number of the recorded thing; `None` if it is gone. In a replacement the mark is the new one's.
    fn ours(&self, change: &Change) -> Result<Option<u64>, ProviderError> {
        let number = change.prior.as_ref().and_then(World::number_of);
        let bears = |thing: &Thing| match change.operation {
            Operation::Replace => thing.is_of(change.mark.lineage),
            _ => thing.belongs_to(&change.mark),
        };
        match number.and_then(|number| Some((number, self.things.get(&number)?))) {
            Some((number, thing)) if bears(thing) => Ok(Some(number)),
            Some(_) => Err(not_ours(&change.mark.address.to_string())),
            None => Ok(None),
        }
    }

    fn finish(&mut self, number: u64) -> Applied {
        match self.things.get_mut(&number) {
            Some(thing) => {
                thing.whole = true;
                thing.generation += 1;
                Applied::done(thing.object(number))
            }
            None => Applied::failed(None, ProviderError::new(ErrorKind::Refused, "it was removed in the meantime")),
        }
    }

    fn look_for(&self, lost: &Lost) -> Found {
        let bearing = self.bearing(&lost.mark, &lost.type_name);
        let first = bearing.first().and_then(|number| Some((*number, self.things.get(number)?)));
        match first {
            Some((number, thing)) => Found::Present { object: thing.object(number), complete: thing.whole },
            None => Found::Absent,
        }
    }
}

impl Thing {
    fn of(change: &Change) -> Self {
        let mut thing = Self {
            type_name: change.type_name.clone(),
            mark: Some(change.mark.clone()),
            whole: false,
            config: Map::new(),
            zone: Value::from("north"),
            generation: 0,
        };
        thing.configure(change);
        thing
    }

    fn configure(&mut self, change: &Change) {
        self.config = configured(change);
        if let Some(zone) = change.config.get("zone") {
            self.zone = zone.clone();
        }
    }
}

fn configured(change: &Change) -> Map {
    let members = change.config.as_map().cloned().unwrap_or_default();
    members.into_iter().filter(|(key, _)| !DECIDED.contains(&&**key)).collect()
}

fn cancelled() -> ProviderError {
    ProviderError::new(ErrorKind::Cancelled, "it was cancelled")
}

fn unreachable() -> ProviderError {
    ProviderError::new(ErrorKind::Unreachable, "the simulated engine does not answer")
}

fn gone(change: &Change) -> ProviderError {
    let what = format!("{} is not there any more", change.mark.address);
    ProviderError::new(ErrorKind::Refused, what).with_hint("plan again, and it will be made anew")
}

fn not_ours(what: &str) -> ProviderError {
    let error = ProviderError::new(ErrorKind::NotOurs, format!("what stands in the place of {what} is not ours"));
    error.with_hint("`deployctl import` takes it over")
}
