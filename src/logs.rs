//! The logs of one resource.

use deployctl_sdk::{Address, LogLine, LogRequest};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::project::{Current, Project};

/// Which lines are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Only the last so many; `None` for all.
    pub tail: Option<usize>,
    /// Whether to go on with new ones as they come.
    pub follow: bool,
    /// What was written before the last restart instead.
    pub previous: bool,
}

/// Sends a resource's log to `sink`, until there is no more or `cancel` is cancelled.
///
/// # Errors
/// When nothing is recorded at that address, its type has no logs, or they cannot be had.
pub async fn logs(
    project: &Project,
    current: &Current,
    address: &Address,
    options: &LogOptions,
    cancel: &CancellationToken,
    sink: &(dyn Fn(LogLine) + Send + Sync),
) -> Result<()> {
    let Some(record) = current.state.records.get(address) else {
        return Err(Error::usage(format!("nothing is recorded at `{address}`"))
            .with_hint("`deployctl list` lists what is managed"));
    };
    let Some(object) = &record.object else {
        return Err(Error::failed(format!("{address} is not there, so it has no logs")));
    };
    let schema = project.schemas().resource(&record.type_name).map(|(_, schema)| schema);
    if !schema.is_some_and(|schema| schema.has_logs) {
        return Err(Error::usage(format!("{address} has no logs: {} keeps none", record.type_name)));
    }
    if options.previous && !schema.is_some_and(|schema| schema.has_previous_logs) {
        let text = format!("{address} has one log only: {} keeps none of before a restart apart", record.type_name);
        return Err(Error::usage(text).with_hint("ask without --previous"));
    }
    let failed = |error| Error::of_provider(&format!("the logs of {address} cannot be had"), error);
    let connection = current.connections.get(&record.provider).await.map_err(failed)?;
    let request = LogRequest {
        type_name: &record.type_name,
        object,
        tail: options.tail,
        follow: options.follow,
        previous: options.previous,
        cancel: cancel.clone(),
        sink,
    };
    connection.logs(request).await.map_err(failed)
}
