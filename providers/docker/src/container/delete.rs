//! Ending and removing containers.

use bollard::query_parameters::{RemoveContainerOptionsBuilder, StopContainerOptionsBuilder};
use deployctl_sdk::{Applied, Change, Object, ProviderError, Value};
use futures_util::future::join_all;

use super::record;
use super::values::number;
use crate::attributes::truth;
use crate::provider::Site;

/// Removes all containers of a record; what is gone already is no error.
pub(crate) async fn delete(site: &Site, change: &Change) -> Applied {
    let Some(prior) = &change.prior else { return Applied::gone() };
    match remove_all(site, prior).await {
        Ok(()) => Applied::gone(),
        Err(error) => Applied::failed(Some(prior.clone()), error),
    }
}

/// Ends and removes all containers of a record, side by side.
///
/// # Errors
/// The first that happened, after the others were seen to.
pub(crate) async fn remove_all(site: &Site, object: &Object) -> Result<(), ProviderError> {
    let containers = record::containers(object);
    let each = containers.iter().map(|container| end_and_remove(site, &container.id, &object.attributes));
    join_all(each).await.into_iter().collect()
}

/// Ends a container, gives it its time to finish, and removes it.
///
/// # Errors
/// When the engine refuses.
pub(crate) async fn end_and_remove(site: &Site, id: &str, attributes: &Value) -> Result<(), ProviderError> {
    // Without any time to finish, removing kills it in one call.
    if number(attributes, "stop_timeout") != Some(0) {
        stop(site, id, attributes).await?;
    }
    remove(site, id, truth(attributes, "remove_volumes")).await
}

/// Asks a container to end, and waits until it has. One that does not run or is gone is no error.
///
/// # Errors
/// When the engine refuses.
pub(crate) async fn stop(site: &Site, id: &str, attributes: &Value) -> Result<(), ProviderError> {
    let seconds = number(attributes, "stop_timeout").and_then(|seconds| i32::try_from(seconds).ok());
    let options = seconds.map(|seconds| StopContainerOptionsBuilder::default().t(seconds).build());
    let client = site.engine.client().await?;
    // The engine answers when it has ended, so the answer may take as long as it is given and a little more.
    let patience = std::time::Duration::from_secs(seconds.map_or(10, i32::unsigned_abs).into());
    let client = client.clone().with_timeout(client.timeout() + patience);
    match client.stop_container(id, options).await {
        Ok(()) => Ok(()),
        Err(error) => {
            let error = site.engine.failed(&error).await;
            // One that does not run is answered with 304, which is no error to the client, or none at all.
            if error.is_not_found() { Ok(()) } else { Err(error.doing(&format!("cannot stop container {id}"))) }
        }
    }
}

/// Removes a container, killing it if it runs; one that is gone is no error.
///
/// # Errors
/// When the engine refuses.
pub(crate) async fn remove(site: &Site, id: &str, volumes: bool) -> Result<(), ProviderError> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(volumes).build();
    match site.engine.call(|docker| async move { docker.remove_container(id, Some(options)).await }).await {
        Ok(()) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        // Somebody else is at it: it will be gone in a moment.
        Err(error) if error.is_conflict() && error.message().contains("already in progress") => gone(site, id).await,
        Err(error) => Err(error.doing(&format!("cannot remove container {id}"))),
    }
}

/// Waits until a container that is being removed is gone.
async fn gone(site: &Site, id: &str) -> Result<(), ProviderError> {
    for _ in 0..100 {
        if super::inspected::inspect(site, id).await?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let message = format!("container {id} is being removed by somebody else, and does not go");
    Err(ProviderError::new(deployctl_sdk::ErrorKind::Transient, message))
}
