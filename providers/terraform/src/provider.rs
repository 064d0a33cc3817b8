//! The provider and its connection: hands each question to the module that answers it.

use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::{
    Applied, Change, Connection, DeletionRequest, Desired, ErrorKind, Files, Found, Lost, Object, Observed, Ownership,
    Place, PlanRequest, PlannedChange, Prepared, Provider, ProviderError, ProviderSchema, ReadRequest, Refreshed, Run,
    Value,
};

use crate::apply::{self, Destroyed};
use crate::engine::Engines;
use crate::session::Site;
use crate::{find, import, plan, prepare, read, schema, workdir};

/// Terraform and OpenTofu modules.
pub struct TerraformProvider {
    schema: ProviderSchema,
}

impl TerraformProvider {
    /// The provider.
    pub fn new() -> Self {
        Self { schema: schema::provider() }
    }
}

impl Default for TerraformProvider {
    fn default() -> Self {
        Self::new()
    }
}

/// The provider.
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(TerraformProvider::new())
}

#[async_trait]
impl Provider for TerraformProvider {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn prepare(&self, desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
        prepare::prepare(desired, files)
    }

    fn identity(&self, _: &str, config: &Value) -> Option<Value> {
        find::identity(config)
    }

    async fn configure(&self, _: &Value, place: &Place) -> Result<Arc<dyn Connection>, ProviderError> {
        let absolute = |path: &std::path::Path| {
            std::path::absolute(path).map_err(|error| ProviderError::new(ErrorKind::Refused, error.to_string()))
        };
        let place = Place { root: absolute(&place.root)?, data: absolute(&place.data)?, ..place.clone() };
        let site = Site { place, engines: Engines::default() };
        Ok(Arc::new(Terraform { site, destroyed: Destroyed::default() }))
    }
}

/// The modules of one configuration.
struct Terraform {
    site: Site,
    destroyed: Destroyed,
}

#[async_trait]
impl Connection for Terraform {
    async fn read(&self, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
        futures_util::future::join_all(batch.iter().map(|request| async {
            match workdir::at_rest(&self.site.place, request.address).await {
                Ok(()) => read::read(&self.site, request.recorded),
                Err(error) => Observed::Unreadable { reason: error.message },
            }
        }))
        .await
    }

    async fn refresh(&self, batch: &[ReadRequest<'_>], files: &dyn Files) -> Vec<Refreshed> {
        futures_util::future::join_all(batch.iter().map(|request| read::refresh(&self.site, request, files))).await
    }

    async fn plan(&self, request: PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
        plan::plan(&self.site, request).await
    }

    async fn plan_deletion(&self, request: DeletionRequest<'_>) -> Result<Option<PlannedChange>, ProviderError> {
        plan::plan_deletion(&self.site, request).await
    }

    async fn apply(&self, change: &Change, run: &Run) -> Applied {
        apply::apply(&self.site, &self.destroyed, change, run).await
    }

    async fn find(&self, lost: &[Lost]) -> Result<Vec<Found>, ProviderError> {
        let mut found = Vec::with_capacity(lost.len());
        for lost in lost {
            workdir::at_rest(&self.site.place, &lost.mark.address).await?;
            let one = find::find(&self.site, lost)?;
            if matches!(one, Found::Absent) {
                workdir::clear_left(&self.site.place, &lost.mark.address)?;
            }
            found.push(one);
        }
        Ok(found)
    }

    async fn engine(&self) -> Option<deployctl_sdk::Engine> {
        self.site.engines.met().await
    }

    async fn import(&self, _: &str, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
        import::import(&self.site, id, mark).await
    }
}
