//! The provider and its connection.

use std::sync::Arc;

use async_trait::async_trait;
use deployctl_docker_client::{Endpoint, Engine, Environment, Settings as DockerSettings};
use deployctl_sdk::mask::Mask;
use deployctl_sdk::{
    Address, Applied, Change, Connection, Desired, ErrorKind, Files, Found, HealthReport, LogLine, LogRequest, Lost,
    Map, Note, Object, Observed, Ownership, Place, PlanRequest, PlannedChange, Prepared, Provider, ProviderError,
    ProviderSchema, ReadRequest, Removal, ResourceId, Risk, RiskKind, Run, Value,
};

use crate::compose::Compose;
use crate::settings::Settings;
use crate::site::Site;
use crate::{apply, engine, import, observe, plan, prepare, schema};

/// What the identity of a project is made of: all that a configuration says and that is not secret.
const NOT_IN_IDENTITY: [&str; 2] = ["env", "containers"];

/// Docker Compose projects.
pub struct ComposeProvider {
    schema: ProviderSchema,
}

impl ComposeProvider {
    /// The provider.
    pub fn new() -> Self {
        Self { schema: schema::provider() }
    }
}

impl Default for ComposeProvider {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Provider for ComposeProvider {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn prepare(&self, desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
        prepare::prepare(desired, files)
    }

    fn identity(&self, _: &str, config: &Value) -> Option<Value> {
        config.get("project_name").and_then(Value::as_str)?;
        let told = |(name, value): &(&Arc<str>, &Value)| {
            !NOT_IN_IDENTITY.contains(&&***name) && !value.contains_sensitive() && !value.contains_unknown()
        };
        let members = config.as_map()?.iter().filter(told);
        Some(Value::from(members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map>()))
    }

    fn removal(&self, _: &str, object: &Object) -> Removal {
        let name = object.attributes.get("project_name").and_then(Value::as_str).unwrap_or_default();
        if Settings::new(&object.attributes).remove_volumes() {
            let text = format!("the volumes of the project {name} go with it, and the data in them");
            return Removal { risks: vec![Risk { kind: RiskKind::DataLoss, text }], ..Removal::default() };
        }
        let note = Note(format!("the volumes of the project {name} are kept; `remove_volumes` would remove them"));
        Removal { notes: vec![note], ..Removal::default() }
    }

    async fn configure(&self, settings: &Value, place: &Place) -> Result<Arc<dyn Connection>, ProviderError> {
        let absolute = |path: &std::path::Path| {
            std::path::absolute(path).map_err(|error| ProviderError::new(ErrorKind::Refused, error.to_string()))
        };
        let place = Place { root: absolute(&place.root)?, data: absolute(&place.data)?, ..place.clone() };
        let docker = DockerSettings::of(settings, &place.root);
        let environment = Environment::of_this_process();
        let endpoint = Endpoint::find(&docker, &environment)?;
        let binary = settings.get("binary").and_then(Value::as_str).map(str::to_owned);
        let compose = Compose::new(binary, &place.root, environment, endpoint.clone());
        Ok(Arc::new(Project { site: Site::new(place, Engine::new(endpoint), compose) }))
    }
}

/// The projects of one engine.
struct Project {
    site: Site,
}

impl Project {
    fn name(object: &Object) -> Result<&str, ProviderError> {
        let name = object.attributes.get("project_name").and_then(Value::as_str);
        name.ok_or_else(|| ProviderError::new(ErrorKind::Internal, "the record has no project name"))
    }
}

#[async_trait]
impl Connection for Project {
    async fn read(&self, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
        if batch.is_empty() {
            return Vec::new();
        }
        let lineage = self.site.place.lineage.to_string();
        match self.site.look().await {
            Ok(world) => batch.iter().map(|request| observe::observed(&world, request, &lineage)).collect(),
            Err(error) => {
                let reason = error.message;
                batch.iter().map(|_| Observed::Unreadable { reason: reason.clone() }).collect()
            }
        }
    }

    async fn plan(&self, request: PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
        plan::plan(&self.site, &request).await
    }

    async fn apply(&self, change: &Change, run: &Run) -> Applied {
        apply::apply(&self.site, change, run).await
    }

    async fn find(&self, lost: &[Lost]) -> Result<Vec<Found>, ProviderError> {
        let world = self.site.look().await?;
        Ok(lost.iter().map(|lost| observe::found(&world, lost)).collect())
    }

    async fn find_all(&self, place: &Place) -> Result<Vec<(Ownership, Object)>, ProviderError> {
        let world = self.site.look().await?;
        let found = observe::marked(&world, &place.lineage.to_string());
        let with_mark = found.into_iter().filter_map(|(id, project, object)| {
            let id = ResourceId(id.parse().ok()?);
            let address = Address::new(schema::TYPE, project);
            Some((Ownership { lineage: place.lineage, id, address }, object))
        });
        Ok(with_mark.collect())
    }

    async fn import(&self, _: &str, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
        import::import(&self.site, id, mark).await
    }

    async fn engine(&self) -> Option<deployctl_sdk::Engine> {
        let version = self.site.compose.version().await.ok()?;
        Some(deployctl_sdk::Engine { program: "docker compose".to_owned(), version: version.to_owned() })
    }

    async fn health(&self, _: &str, object: &Object) -> HealthReport {
        let Ok(name) = Self::name(object) else { return HealthReport::Unknown };
        match self.site.look().await {
            Ok(world) => observe::health(&world, name),
            Err(_) => HealthReport::Unknown,
        }
    }

    async fn logs(&self, request: LogRequest<'_>) -> Result<(), ProviderError> {
        let name = Self::name(request.object)?;
        let world = self.site.look().await?;
        let prefix = format!("{name}-");
        let source = |name: &str| name.strip_prefix(&prefix).unwrap_or(name).to_owned();
        let containers: Vec<(String, String)> =
            world.of(name).map(|container| (container.id.clone(), source(&container.name))).collect();
        if containers.is_empty() {
            return Err(ProviderError::new(ErrorKind::Refused, format!("the project `{name}` has no containers")));
        }
        let mask = Mask::of([&request.object.attributes, &request.object.private]);
        let sink = |line: LogLine| (request.sink)(LogLine { text: mask.apply(&line.text), ..line });
        engine::stream_logs(&self.site.engine, &containers, request.tail, request.follow, &request.cancel, &sink).await
    }
}
