//! The provider and its connection.

use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::{
    Action, Applied, Change, Child, Connection, DeletionRequest, Desired, Files, Found, HealthReport, LogRequest, Lost,
    Map, Object, Observed, Ownership, Place, PlanRequest, PlannedChange, Prepared, Provider, ProviderError,
    ProviderSchema, ReadRequest, Reason, Removal, Run, Value,
};

use crate::cluster::Cluster;
use crate::plan::risks;
use crate::record::Record;
use crate::site::Site;
use crate::{apply, find, import, logs, observe, plan, prepare, schema, wave};

/// Kubernetes objects.
pub struct KubernetesProvider {
    schema: ProviderSchema,
}

impl KubernetesProvider {
    /// The provider.
    pub fn new() -> Self {
        Self { schema: schema::provider() }
    }
}

impl Default for KubernetesProvider {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Provider for KubernetesProvider {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn prepare(&self, desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
        prepare::prepare(desired, files)
    }

    fn identity(&self, _: &str, config: &Value) -> Option<Value> {
        // The mark finds everything; the namespace says where to look for it where not all may be looked at.
        let namespace = config.get("namespace").filter(|value| !value.contains_unknown())?;
        let shown = !namespace.contains_sensitive();
        shown.then(|| Value::from(Map::from([(Arc::from("namespace"), namespace.clone())])))
    }

    fn removal(&self, _: &str, object: &Object) -> Removal {
        let record = Record::of(object);
        let risks = record.entries.iter().filter_map(|entry| risks::of_deletion(&entry.id));
        Removal { risks: risks.collect(), ..Removal::default() }
    }

    async fn configure(&self, settings: &Value, place: &Place) -> Result<Arc<dyn Connection>, ProviderError> {
        let cluster = Cluster::new(settings, place.root.clone());
        Ok(Arc::new(Objects { site: Site::new(cluster, place.lineage) }))
    }
}

/// The objects of one cluster.
struct Objects {
    site: Site,
}

#[async_trait]
impl Connection for Objects {
    async fn read(&self, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
        observe::read(&self.site, batch).await
    }

    async fn plan(&self, request: PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
        plan::plan(&self.site, &request).await
    }

    async fn plan_deletion(&self, request: DeletionRequest<'_>) -> Result<Option<PlannedChange>, ProviderError> {
        let record = Record::of(request.object);
        let mut entries: Vec<_> = record.entries.iter().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse((wave::of(&entry.id.group, &entry.id.kind), &entry.id)));
        let children = entries.iter().map(|entry| Child {
            kind: entry.id.kind.clone(),
            name: entry.id.place(),
            action: Action::Delete,
            reason: String::new(),
            diffs: Vec::new(),
        });
        let children = children.collect();
        let planned = PlannedChange::new(Action::Delete, Reason::NotConfigured, Value::Null);
        Ok(Some(PlannedChange { children, ..planned }))
    }

    async fn apply(&self, change: &Change, run: &Run) -> Applied {
        apply::apply(&self.site, change, run).await
    }

    async fn find(&self, lost: &[Lost]) -> Result<Vec<Found>, ProviderError> {
        find::find(&self.site, lost).await
    }

    async fn find_all(&self, _: &Place) -> Result<Vec<(Ownership, Object)>, ProviderError> {
        // Where nothing says which cluster, nothing was ever made in one.
        if !self.site.cluster.is_configured() {
            return Ok(Vec::new());
        }
        find::find_all(&self.site).await
    }

    async fn import(&self, type_name: &str, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
        import::import(&self.site, type_name, id, mark).await
    }

    async fn engine(&self) -> Option<deployctl_sdk::Engine> {
        let version = self.site.cluster.version_if_met().await?;
        Some(deployctl_sdk::Engine { program: "kubernetes".to_owned(), version })
    }

    async fn health(&self, _: &str, object: &Object) -> HealthReport {
        observe::health(&self.site, object).await
    }

    async fn logs(&self, request: LogRequest<'_>) -> Result<(), ProviderError> {
        logs::logs(&self.site, request).await
    }
}
