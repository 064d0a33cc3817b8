//! The simulated provider, bent at chosen places: this resource fails, that one is slow, a third one lies.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use deployctl_sdk::sim::{Sim, World};
use deployctl_sdk::{
    Applied, Change, Connection, Desired, Engine, ErrorKind, Files, Found, HealthReport, Lost, Object, Observed,
    Operation, Ownership, Place, PlanRequest, PlannedChange, Prepared, Provider, ProviderError, ProviderSchema,
    ReadRequest, Run, Value, patch,
};

/// What goes otherwise than the simulation would have it.
#[derive(Debug, Clone, Copy)]
pub enum Bend {
    /// Fails before anything was done.
    Fails(ErrorKind),
    /// Fails with half of it done.
    Half,
    /// Takes so long, and gives up when it is cancelled.
    Slow(Duration),
    /// Does not come back, cancelled or not, and has done its work all the same.
    Silent,
    /// Answers with another size than was asked for.
    Lies,
}

/// What was bent, and what was seen.
#[derive(Default)]
pub struct Inner {
    bends: BTreeMap<String, VecDeque<Bend>>,
    always: BTreeMap<String, Bend>,
    /// Resources that cannot be read.
    pub unreadable: BTreeSet<String>,
    /// Names of things that do not work.
    pub sick: BTreeSet<String>,
    /// Types of which an interrupted action cannot be looked up.
    pub cannot_tell: bool,
    /// Operations in the order in which they began.
    pub began: Vec<String>,
    /// And in which they ended.
    pub ended: Vec<String>,
    /// How often anything was read.
    pub reads: usize,
    /// Settings that connections were made with.
    pub settings: Vec<Value>,
    /// How long the engine takes to plan one resource.
    pub thinking: Duration,
    planning: usize,
    /// The most resources that were planned at one time.
    pub most_planned: usize,
    /// The version of its engine; none is told where this is empty.
    pub version: String,
    running: usize,
    /// The most operations that ran at one time.
    pub most: usize,
}

/// A handle on it; clones are the same.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<Inner>>);

impl Script {
    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// The next such operation (`create sim_object.a`) goes like this.
    pub fn once(&self, what: &str, bend: Bend) {
        self.inner().bends.entry(what.to_owned()).or_default().push_back(bend);
    }

    /// Every such operation goes like this, until mended.
    pub fn always(&self, what: &str, bend: Bend) {
        self.inner().always.insert(what.to_owned(), bend);
    }

    /// Nothing is bent any more.
    pub fn mend(&self) {
        let mut inner = self.inner();
        inner.bends.clear();
        inner.always.clear();
        inner.unreadable.clear();
        inner.sick.clear();
    }

    /// What began since this was last asked.
    pub fn began(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().began)
    }

    fn bend(&self, what: &str) -> Option<Bend> {
        let mut inner = self.inner();
        let next = inner.bends.get_mut(what).and_then(VecDeque::pop_front);
        next.or_else(|| inner.always.get(what).copied())
    }
}

/// The provider.
pub struct Bent {
    sim: Sim,
    schema: ProviderSchema,
    script: Script,
}

impl Bent {
    pub fn new(world: World, script: Script, change: impl FnOnce(&mut ProviderSchema)) -> Self {
        let sim = Sim::new(world);
        let mut schema = sim.schema().clone();
        for resource in &mut schema.resources {
            resource.has_health = true;
        }
        change(&mut schema);
        Self { sim, schema, script }
    }
}

#[async_trait]
impl Provider for Bent {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn prepare(&self, desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
        self.sim.prepare(desired, files)
    }

    fn identity(&self, type_name: &str, config: &Value) -> Option<Value> {
        self.sim.identity(type_name, config)
    }

    /// In version 1 it was spelt `colour`.
    fn upgrade(&self, type_name: &str, version: u32, object: Object) -> Result<Object, ProviderError> {
        let mut attributes = object.attributes.as_map().cloned().unwrap_or_default();
        match attributes.remove("colour") {
            Some(color) if version == 1 => {
                attributes.insert("color".into(), color);
                Ok(Object { attributes: Value::from(attributes), ..object })
            }
            _ => {
                let text = format!("{type_name} of version {version} has no colour");
                Err(ProviderError::new(ErrorKind::Internal, text))
            }
        }
    }

    async fn configure(&self, settings: &Value, place: &Place) -> Result<Arc<dyn Connection>, ProviderError> {
        assert!(!settings.contains_unknown(), "configured with unknown settings");
        self.script.inner().settings.push(settings.clone());
        let connection = self.sim.configure(settings, place).await?;
        Ok(Arc::new(BentConnection { connection, script: self.script.clone() }))
    }
}

struct BentConnection {
    connection: Arc<dyn Connection>,
    script: Script,
}

impl BentConnection {
    async fn bent(&self, bend: Option<Bend>, change: &Change, run: &Run) -> Applied {
        match bend {
            None => self.connection.apply(change, run).await,
            Some(Bend::Fails(kind)) => {
                Applied::failed(change.prior.clone(), ProviderError::new(kind, "bent: it fails"))
            }
            Some(Bend::Half) => {
                let applied = self.connection.apply(change, run).await;
                let error = ProviderError::new(ErrorKind::Refused, "bent: half of it");
                Applied { tainted: true, error: Some(error), ..applied }
            }
            Some(Bend::Slow(length)) => {
                tokio::select! {
                    () = tokio::time::sleep(length) => self.connection.apply(change, run).await,
                    () = run.cancel.cancelled() => {
                        Applied::failed(change.prior.clone(), ProviderError::new(ErrorKind::Cancelled, "cancelled"))
                    }
                }
            }
            Some(Bend::Silent) => {
                self.connection.apply(change, run).await;
                std::future::pending().await
            }
            Some(Bend::Lies) => {
                let mut applied = self.connection.apply(change, run).await;
                if let Some(object) = &mut applied.object {
                    let lie = deployctl_sdk::Diff {
                        path: deployctl_sdk::AttrPath::of("size"),
                        before: None,
                        after: Some(Value::from(4711)),
                        forces_replacement: false,
                    };
                    object.attributes = patch(&object.attributes, &[lie]);
                }
                applied
            }
        }
    }
}

#[async_trait]
impl Connection for BentConnection {
    async fn read(&self, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
        self.script.inner().reads += batch.len();
        let answers = self.connection.read(batch).await;
        let inner = self.script.inner();
        let unreadable = |request: &ReadRequest<'_>| inner.unreadable.contains(&request.address.to_string());
        let answer = |(request, answer)| match unreadable(request) {
            true => Observed::Unreadable { reason: "bent: no answer".to_owned() },
            false => answer,
        };
        batch.iter().zip(answers).map(answer).collect()
    }

    async fn engine(&self) -> Option<Engine> {
        let version = self.script.inner().version.clone();
        (!version.is_empty()).then(|| Engine { program: "bent".to_owned(), version })
    }

    async fn plan(&self, request: PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
        let thinking = {
            let mut inner = self.script.inner();
            inner.planning += 1;
            inner.most_planned = inner.most_planned.max(inner.planning);
            inner.thinking
        };
        if !thinking.is_zero() {
            tokio::time::sleep(thinking).await;
        }
        self.script.inner().planning -= 1;
        self.connection.plan(request).await
    }

    async fn apply(&self, change: &Change, run: &Run) -> Applied {
        let word = match change.operation {
            Operation::Create => "create",
            Operation::Update => "update",
            Operation::Replace => "replace",
            Operation::Delete => "delete",
        };
        let what = format!("{word} {}", change.mark.address);
        {
            let mut inner = self.script.inner();
            inner.began.push(what.clone());
            inner.running += 1;
            inner.most = inner.most.max(inner.running);
        }
        let applied = self.bent(self.script.bend(&what), change, run).await;
        let mut inner = self.script.inner();
        inner.running -= 1;
        inner.ended.push(what);
        applied
    }

    async fn find(&self, lost: &[Lost]) -> Result<Vec<Found>, ProviderError> {
        if self.script.inner().cannot_tell {
            return Ok(lost.iter().map(|_| Found::CannotTell).collect());
        }
        self.connection.find(lost).await
    }

    async fn find_all(&self, place: &Place) -> Result<Vec<(Ownership, Object)>, ProviderError> {
        self.connection.find_all(place).await
    }

    async fn import(&self, type_name: &str, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
        self.connection.import(type_name, id, mark).await
    }

    async fn health(&self, type_name: &str, object: &Object) -> HealthReport {
        let name = object.attributes.get("name").and_then(Value::as_str).unwrap_or_default();
        if self.script.inner().sick.contains(name) {
            return HealthReport::Unhealthy { detail: "bent: sick".to_owned() };
        }
        self.connection.health(type_name, object).await
    }
}
