//! What the providers are asked while planning, apart from the walk that gathers the questions: asking needs nothing of the
//! walk's, so that many can be asked side by side.

use std::sync::Arc;

use deployctl_sdk::{
    Address, DeletionRequest, Object, PlanRequest as ProviderRequest, PlannedChange, Prepared, ProviderError,
    ResourceSchema,
};

use super::Seen;
use crate::config::ResourceBlock;
use crate::crash_point;
use crate::project::Project;
use crate::providers::Connections;
use crate::state::{ProviderRef, Record};

/// What a provider is to be asked about one instance.
pub(super) struct Question<'p> {
    pub(super) index: usize,
    pub(super) block: &'p ResourceBlock,
    pub(super) address: Address,
    pub(super) record: Option<&'p Arc<Record>>,
    pub(super) schema: &'p ResourceSchema,
    pub(super) provider: ProviderRef,
    pub(super) seen: Seen,
    pub(super) elsewhere: Option<String>,
    pub(super) prepared: Prepared,
}

/// What it answered.
pub(super) type Answer = Result<PlannedChange, ProviderError>;

impl Question<'_> {
    /// Asks it.
    pub(super) async fn ask(&self, project: &Project, connections: &Connections) -> Answer {
        let request = ProviderRequest {
            schema: self.schema,
            address: &self.address,
            recorded: self.recorded(),
            observed: self.observed(),
            desired: &self.prepared,
            files: project.files(),
        };
        let connection = connections.get(&self.provider).await?;
        crash_point::pass();
        let planned = connection.plan(request).await;
        crash_point::pass();
        planned
    }

    fn recorded(&self) -> Option<&Object> {
        self.record.and_then(|record| record.object.as_ref())
    }

    /// What is there as far as is known: what cannot be checked from here is taken to be as recorded.
    pub(super) fn observed(&self) -> Option<&Object> {
        match &self.seen {
            Seen::AsRecorded | Seen::Unreadable { .. } => self.recorded(),
            Seen::Present(object) => Some(object),
            Seen::Absent => None,
        }
    }
}

/// What a provider is to be asked about something that goes away.
pub(super) struct DeletionQuestion<'p> {
    pub(super) address: &'p Address,
    pub(super) record: &'p Record,
    pub(super) provider: ProviderRef,
    pub(super) seen: Seen,
}

/// What it answered.
pub(super) type DeletionAnswer = Result<Option<PlannedChange>, ProviderError>;

impl DeletionQuestion<'_> {
    /// Asks it.
    pub(super) async fn ask(&self, project: &Project, connections: &Connections) -> DeletionAnswer {
        let object = match &self.seen {
            Seen::Present(object) => Some(object),
            Seen::AsRecorded => self.record.object.as_ref(),
            Seen::Absent | Seen::Unreadable { .. } => None,
        };
        let Some(object) = object else { return Ok(None) };
        let (type_name, files) = (&*self.record.type_name, project.files());
        // The secrets that it was made with, as far as they are at hand.
        let restored = object.attributes.contains_withheld().then(|| {
            let attributes = project.outside().with_secrets(object.attributes.clone());
            Object { attributes, ..object.clone() }
        });
        let object = restored.as_ref().unwrap_or(object);
        let request = DeletionRequest { address: self.address, type_name, object, files };
        match connections.get(&self.provider).await {
            Ok(connection) => connection.plan_deletion(request).await,
            // Deleting says so itself, if it comes to that.
            Err(_) => Ok(None),
        }
    }
}
