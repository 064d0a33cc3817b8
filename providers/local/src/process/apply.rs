//! Does one operation on a process, and answers with what is there afterwards.

use deployctl_sdk::{Applied, Change, Object, Observed, Operation, ProviderError, ResourceSchema, Run};

use super::converge::Site;
use super::observe::{describe, read, replicas};

/// Does one operation.
pub(crate) async fn apply(site: &Site, schema: &ResourceSchema, change: &Change, run: &Run) -> Applied {
    match (change.operation, &change.prior) {
        (Operation::Delete, prior) => match site.clear(&change.mark, run).await {
            Ok(()) => Applied::gone(),
            Err(error) => Applied::failed(prior.clone(), error),
        },
        (Operation::Update | Operation::Replace, Some(prior)) => match site.converge(change, run).await {
            Ok(()) => settle(site, schema, change),
            Err(error) => Applied::failed(as_it_is(site, change, prior), error),
        },
        (Operation::Create | Operation::Update | Operation::Replace, _) => create(site, schema, change, run).await,
    }
}

/// Starts all replicas, or none: what was started is stopped again if one of them fails.
async fn create(site: &Site, schema: &ResourceSchema, change: &Change, run: &Run) -> Applied {
    let Err(error) = site.converge(change, run).await else { return settle(site, schema, change) };
    match site.clear(&change.mark, run).await {
        Ok(()) => Applied::failed(None, error),
        Err(remains) => {
            let left = present(site, schema, change);
            let error = error.with_detail([remains.message]);
            Applied { tainted: true, ..Applied::failed(left.ok(), error) }
        }
    }
}

fn settle(site: &Site, schema: &ResourceSchema, change: &Change) -> Applied {
    match present(site, schema, change) {
        Ok(object) => Applied::done(object),
        Err(error) => Applied::failed(change.prior.clone(), error),
    }
}

fn present(site: &Site, schema: &ResourceSchema, change: &Change) -> Result<Object, ProviderError> {
    let replicas = replicas(&site.folder(&change.mark))?;
    Ok(describe(schema, &site.place, change.mark.id, &change.config, &replicas))
}

/// What is there after an update that did not work.
fn as_it_is(site: &Site, change: &Change, prior: &Object) -> Option<Object> {
    match read(&site.place, change.mark.id, prior) {
        Observed::Present(object) => Some(object),
        Observed::Absent => None,
        Observed::AsRecorded | Observed::Unreadable { .. } => Some(prior.clone()),
    }
}
