//! The provider and its connection: hands each resource to the module of its type.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use deployctl_docker_client::{Endpoint, Engine, Environment, Settings};
use deployctl_sdk::{
    Applied, Change, Connection, Desired, ErrorKind, Files, Found, HealthReport, LogRequest, Lost, Object, Observed,
    Ownership, Place, PlanRequest, PlannedChange, Prepared, Provider, ProviderError, ProviderSchema, ReadRequest,
    Removal, ResourceSchema, Value,
};
use deployctl_sdk::{Run, default_plan};

use crate::{container, image, network, volume};

/// Images, networks, volumes and containers of a Docker Engine.
pub struct DockerProvider {
    environment: Environment,
    schemas: Arc<Schemas>,
}

/// The schemas, and each type's for itself.
pub(crate) struct Schemas {
    provider: ProviderSchema,
    pub(crate) image: ResourceSchema,
    pub(crate) network: ResourceSchema,
    pub(crate) volume: ResourceSchema,
    pub(crate) container: ResourceSchema,
}

/// An engine, seen from one state: what every operation of every type works with.
pub(crate) struct Site {
    /// The engine. Nothing was asked of it yet when the provider was configured.
    pub(crate) engine: Engine,
    /// Where we are.
    pub(crate) place: Place,
    /// What Docker's own configuration is found by.
    pub(crate) environment: Environment,
    /// The schemas.
    pub(crate) schemas: Arc<Schemas>,
}

/// The provider, with the environment of this process.
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(DockerProvider::new(Environment::of_this_process()))
}

impl DockerProvider {
    /// The provider, going by these environment variables.
    pub fn new(environment: Environment) -> Self {
        let (image, network) = (image::schema(), network::schema());
        let (volume, container) = (volume::schema(), container::schema());
        let provider = ProviderSchema {
            name: "docker".to_owned(),
            doc: "Images, networks, volumes and containers of a Docker Engine. The engine is found as the `docker` \
                command finds it; everything we create bears three labels (`deployctl.lineage`, `deployctl.resource`, \
                `deployctl.address`), and what bears no mark or another state's is never changed."
                .to_owned(),
            settings: Settings::schema(),
            resources: vec![image.clone(), network.clone(), volume.clone(), container.clone()],
            max_parallel: None,
        };
        Self { environment, schemas: Arc::new(Schemas { provider, image, network, volume, container }) }
    }
}

#[async_trait]
impl Provider for DockerProvider {
    fn schema(&self) -> &ProviderSchema {
        &self.schemas.provider
    }

    fn prepare(&self, desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
        match &*desired.type_name {
            image::TYPE => image::prepare(desired, files),
            network::TYPE => network::prepare(desired),
            volume::TYPE => volume::prepare(desired),
            container::TYPE => container::prepare(desired, files),
            other => Err(vec![unknown_type(other)]),
        }
    }

    fn identity(&self, type_name: &str, config: &Value) -> Option<Value> {
        match type_name {
            image::TYPE => image::identity(config),
            network::TYPE => network::identity(config),
            volume::TYPE => volume::identity(config),
            container::TYPE => container::identity(config),
            _ => None,
        }
    }

    fn removal(&self, type_name: &str, object: &Object) -> Removal {
        if type_name == volume::TYPE { volume::removal(object) } else { Removal::default() }
    }

    async fn configure(&self, settings: &Value, place: &Place) -> Result<Arc<dyn Connection>, ProviderError> {
        let endpoint = Endpoint::find(&Settings::of(settings, &place.root), &self.environment)?;
        Ok(Arc::new(Docker(Site {
            engine: Engine::new(endpoint),
            place: place.clone(),
            environment: self.environment.clone(),
            schemas: self.schemas.clone(),
        })))
    }
}

/// The provider's connection.
struct Docker(Site);

#[async_trait]
impl Connection for Docker {
    async fn read(&self, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
        let site = &self.0;
        let by_type = grouped(batch, |request| request.type_name);
        let answers = by_type.into_iter().map(|(type_name, (positions, requests))| async move {
            let observed = match type_name {
                image::TYPE => image::read(site, &requests).await,
                network::TYPE => network::read(site, &requests).await,
                volume::TYPE => volume::read(site, &requests).await,
                container::TYPE => container::read(site, &requests).await,
                other => {
                    let reason = unknown_type(other).message;
                    requests.iter().map(|_| Observed::Unreadable { reason: reason.clone() }).collect()
                }
            };
            (positions, observed)
        });
        let none = || Observed::Unreadable { reason: "it was not looked at".to_owned() };
        let mut all: Vec<Observed> = batch.iter().map(|_| none()).collect();
        for (positions, observed) in futures_util::future::join_all(answers).await {
            put(&mut all, &positions, observed);
        }
        all
    }

    async fn plan(&self, request: PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
        match request.schema.name.as_str() {
            image::TYPE => image::plan(&self.0, &request).await,
            network::TYPE => network::plan(&self.0, &request).await,
            volume::TYPE => volume::plan(&self.0, &request).await,
            container::TYPE => container::plan(&self.0, &request).await,
            _ => default_plan::plan(&request),
        }
    }

    async fn apply(&self, change: &Change, run: &Run) -> Applied {
        if run.cancel.is_cancelled() {
            let error = ProviderError::new(ErrorKind::Cancelled, "cancelled before anything was done");
            return Applied::failed(change.prior.clone(), error);
        }
        match &*change.type_name {
            image::TYPE => image::apply(&self.0, change, run).await,
            network::TYPE => network::apply(&self.0, change).await,
            volume::TYPE => volume::apply(&self.0, change).await,
            container::TYPE => container::apply(&self.0, change, run).await,
            other => Applied::failed(change.prior.clone(), unknown_type(other)),
        }
    }

    async fn find(&self, lost: &[Lost]) -> Result<Vec<Found>, ProviderError> {
        let mut all: Vec<Found> = lost.iter().map(|_| Found::CannotTell).collect();
        for (type_name, (positions, lost)) in grouped(lost, |lost| &*lost.type_name) {
            let lost: Vec<&Lost> = lost.iter().collect();
            let found = match type_name {
                image::TYPE => image::find(&self.0, &lost).await?,
                network::TYPE => network::find(&self.0, &lost).await?,
                volume::TYPE => volume::find(&self.0, &lost).await?,
                container::TYPE => container::find(&self.0, &lost).await?,
                other => return Err(unknown_type(other)),
            };
            put(&mut all, &positions, found);
        }
        Ok(all)
    }

    async fn find_all(&self, _: &Place) -> Result<Vec<(Ownership, Object)>, ProviderError> {
        // Images are not among them: their mark does not tell the address, and what was built is found by what it is built
        // from when it is next asked for.
        let mut all = network::find_all(&self.0).await?;
        all.extend(volume::find_all(&self.0).await?);
        all.extend(container::find_all(&self.0).await?);
        Ok(all)
    }

    async fn let_go(&self, needed: &[Object], dry_run: bool) -> Result<Vec<String>, ProviderError> {
        image::let_go(&self.0, needed, dry_run).await
    }

    async fn import(&self, type_name: &str, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
        match type_name {
            image::TYPE => image::import(&self.0, id, mark).await,
            network::TYPE => network::import(&self.0, id, mark).await,
            volume::TYPE => volume::import(&self.0, id, mark).await,
            container::TYPE => container::import(&self.0, id, mark).await,
            other => Err(unknown_type(other)),
        }
    }

    async fn engine(&self) -> Option<deployctl_sdk::Engine> {
        let answer = self.0.engine.call(|client| async move { client.version().await }).await.ok()?;
        Some(deployctl_sdk::Engine { program: "docker".to_owned(), version: answer.version? })
    }

    async fn health(&self, type_name: &str, object: &Object) -> HealthReport {
        match type_name {
            container::TYPE => container::health(&self.0, object).await,
            _ => HealthReport::Unknown,
        }
    }

    async fn logs(&self, request: LogRequest<'_>) -> Result<(), ProviderError> {
        match request.type_name {
            container::TYPE => container::logs(&self.0, request).await,
            other => Err(ProviderError::new(ErrorKind::Refused, format!("{other} has no logs"))),
        }
    }
}

/// Items by a name of theirs, each with its place in the batch.
fn grouped<'b, T: Clone>(batch: &'b [T], name: impl Fn(&'b T) -> &'b str) -> BTreeMap<&'b str, (Vec<usize>, Vec<T>)> {
    let mut groups: BTreeMap<&str, (Vec<usize>, Vec<T>)> = BTreeMap::new();
    for (position, item) in batch.iter().enumerate() {
        let (positions, items) = groups.entry(name(item)).or_default();
        positions.push(position);
        items.push(item.clone());
    }
    groups
}

fn put<T>(all: &mut [T], positions: &[usize], answers: Vec<T>) {
    for (position, answer) in positions.iter().zip(answers) {
        if let Some(place) = all.get_mut(*position) {
            *place = answer;
        }
    }
}

fn unknown_type(name: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Internal, format!("the docker provider has no type `{name}`"))
}
