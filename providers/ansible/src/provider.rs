//! The provider and its connection.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use deployctl_sdk::{
    Applied, Change, Connection, Desired, Engine, ErrorKind, Files, Found, Lost, Object, Observed, Operation, Place,
    PlanRequest, PlannedChange, Prepared, Provider, ProviderError, ProviderSchema, ReadRequest, Removal, Run, Value,
};
use tokio_util::sync::CancellationToken;

use crate::{apply, destroy, plan, prepare, record, schema, workspace};

/// Ansible's playbooks.
pub struct AnsibleProvider {
    schema: Arc<ProviderSchema>,
}

impl AnsibleProvider {
    /// The provider.
    pub fn new() -> Self {
        Self { schema: Arc::new(schema::provider()) }
    }
}

impl Default for AnsibleProvider {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Provider for AnsibleProvider {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn prepare(&self, desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
        prepare::prepare(desired, files)
    }

    fn removal(&self, _: &str, object: &Object) -> Removal {
        destroy::removal(object)
    }

    async fn configure(&self, _: &Value, place: &Place) -> Result<Arc<dyn Connection>, ProviderError> {
        let absolute = |path: &std::path::Path| {
            std::path::absolute(path).map_err(|error| ProviderError::new(ErrorKind::Refused, error.to_string()))
        };
        let place = Place { root: absolute(&place.root)?, data: absolute(&place.data)?, ..place.clone() };
        Ok(Arc::new(Ansible { schema: self.schema.clone(), place, met: Mutex::default() }))
    }
}

/// Ansible, seen from one configuration's folder.
struct Ansible {
    schema: Arc<ProviderSchema>,
    place: Place,
    /// The version that a check run met.
    met: Mutex<Option<String>>,
}

#[async_trait]
impl Connection for Ansible {
    /// What is there is seen by a check run, which is the plan's.
    async fn read(&self, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
        batch.iter().map(|_| Observed::AsRecorded).collect()
    }

    async fn plan(&self, request: PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
        // A plan that nobody waits for any more is dropped, and its check run ends with it.
        let (change, version) = plan::plan(&self.place, &request, &CancellationToken::new()).await?;
        if let Some(version) = version {
            *self.met.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
        }
        Ok(change)
    }

    async fn apply(&self, change: &Change, run: &Run) -> Applied {
        match self.schema.resource(&change.type_name) {
            Some(schema) => apply::apply(&self.place, schema, change, run).await,
            None => {
                let message = format!("the ansible provider has no type `{}`", change.type_name);
                Applied::failed(change.prior.clone(), ProviderError::new(ErrorKind::Internal, message))
            }
        }
    }

    /// Asking it alone would take as long as Python takes to start, so it is known only once a check run was made.
    async fn engine(&self) -> Option<Engine> {
        let version = self.met.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(Engine { program: "ansible-core".to_owned(), version })
    }

    /// Nobody marks what a playbook does. One that was interrupted is run again, from its beginning, which playbooks are
    /// made for; an update leaves its record standing, so that nothing is destroyed on the way.
    async fn find(&self, lost: &[Lost]) -> Result<Vec<Found>, ProviderError> {
        for lost in lost.iter().filter(|lost| lost.operation == Operation::Create) {
            workspace::forget_lost(&self.place, lost.mark.id)?;
        }
        let found = lost.iter().map(|lost| match (lost.operation, &lost.prior) {
            (Operation::Update, Some(prior)) => Found::Present { object: record::interrupted(prior), complete: true },
            _ => Found::CannotTell,
        });
        Ok(found.collect())
    }
}
