//! `docker_container`: one container of an engine.

mod schema;

use deployctl_sdk::{
    Applied, Change, Desired, ErrorKind, Files, Found, HealthReport, LogRequest, Lost, Object, Observed, Ownership,
    PlanRequest, PlannedChange, Prepared, ProviderError, ReadRequest, Run, Value,
};

use crate::provider::Site;
pub(crate) use schema::{TYPE, schema};

/// Checks one configuration, and captures the files that it names.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn prepare(desired: &Desired, _files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
    Ok(Prepared { config: desired.config.clone(), captured: Vec::new() })
}

/// What finds it again besides its mark.
pub(crate) fn identity(_config: &Value) -> Option<Value> {
    None
}

/// Compares recorded containers with the real ones.
pub(crate) async fn read(_site: &Site, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
    batch.iter().map(|_| Observed::Unreadable { reason: unready().message }).collect()
}

/// What to do with one container.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn plan(_site: &Site, _request: &PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
    Err(unready())
}

/// Does one operation on one container.
pub(crate) async fn apply(_site: &Site, change: &Change, _run: &Run) -> Applied {
    Applied::failed(change.prior.clone(), unready())
}

/// Looks for what interrupted runs may have left.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn find(_site: &Site, _lost: &[&Lost]) -> Result<Vec<Found>, ProviderError> {
    Err(unready())
}

/// All containers that bear this lineage's mark.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn find_all(_site: &Site) -> Result<Vec<(Ownership, Object)>, ProviderError> {
    Ok(Vec::new())
}

/// Describes an existing container so that it can be managed.
///
/// # Errors
/// When there is none, or it belongs to another state.
pub(crate) async fn import(_site: &Site, _id: &str, _mark: &Ownership) -> Result<Object, ProviderError> {
    Err(unready())
}

/// Whether the engine's health check passes.
pub(crate) async fn health(_site: &Site, _object: &Object) -> HealthReport {
    HealthReport::Unknown
}

/// Sends log lines.
///
/// # Errors
/// When there are none to be had.
pub(crate) async fn logs(_site: &Site, _request: LogRequest<'_>) -> Result<(), ProviderError> {
    Err(unready())
}

fn unready() -> ProviderError {
    ProviderError::new(ErrorKind::Refused, "this version of the docker provider does not manage containers yet")
}
