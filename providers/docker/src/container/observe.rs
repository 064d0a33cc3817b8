//! What is really there: one list of all containers, and a question for each that is ours.

use std::collections::HashMap;

use bollard::models::ContainerSummary;
use bollard::query_parameters::ListContainersOptionsBuilder;
use deployctl_docker_client::EngineError;
use deployctl_sdk::{Observed, ReadRequest};

use super::inspected::{self, Inspected};
use super::{describe, record};
use crate::mark;
use crate::provider::Site;
use crate::reading::{side_by_side, unreadable};

/// All containers of the engine, running or not.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn list(
    site: &Site,
    filters: Option<HashMap<String, Vec<String>>>,
) -> Result<Vec<ContainerSummary>, EngineError> {
    let mut options = ListContainersOptionsBuilder::default().all(true);
    if let Some(filters) = &filters {
        options = options.filters(filters);
    }
    let options = options.build();
    site.engine.call(|docker| async move { docker.list_containers(Some(options)).await }).await
}

/// Asks about containers side by side; one that is gone meanwhile is left out.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn inspect_all(site: &Site, ids: &[String]) -> Result<Vec<Inspected>, EngineError> {
    let answers = side_by_side(ids, |id| inspected::inspect(site, id)).await;
    let answers: Result<Vec<Option<Inspected>>, EngineError> = answers.into_iter().collect();
    Ok(answers?.into_iter().flatten().collect())
}

/// What is there of each record.
pub(crate) async fn read(site: &Site, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
    if batch.is_empty() {
        return Vec::new();
    }
    let listed = match list(site, None).await {
        Ok(listed) => listed,
        Err(error) => return unreadable(batch, &error),
    };
    let mut marked: HashMap<deployctl_sdk::ResourceId, Vec<&ContainerSummary>> = HashMap::new();
    for summary in &listed {
        let mark = summary.labels.as_ref().and_then(mark::of);
        if let Some(mark) = mark.filter(|mark| mark.lineage == site.place.lineage) {
            marked.entry(mark.id).or_default().push(summary);
        }
    }
    let there: std::collections::HashSet<&str> = listed.iter().filter_map(|summary| summary.id.as_deref()).collect();
    let wanted: Vec<Vec<String>> = batch.iter().map(|request| ids(request, &there, &marked)).collect();
    let flat: Vec<(usize, String)> =
        wanted.iter().enumerate().flat_map(|(at, ids)| ids.iter().map(move |id| (at, id.clone()))).collect();
    let answers = side_by_side(&flat, |(_, id)| inspected::inspect(site, id)).await;
    let mut by_request: Vec<Result<Vec<Inspected>, EngineError>> = batch.iter().map(|_| Ok(Vec::new())).collect();
    for ((at, _), answer) in flat.iter().zip(answers) {
        let Some(slot) = by_request.get_mut(*at) else { continue };
        match (answer, &mut *slot) {
            (Ok(found), Ok(all)) => all.extend(found),
            (Err(error), slot) => *slot = Err(error),
            (Ok(_), Err(_)) => {}
        }
    }
    batch.iter().zip(by_request).map(|(request, found)| observed(request, found)).collect()
}

/// The containers of a record: those that it names, and others that bear its mark.
fn ids(
    request: &ReadRequest<'_>,
    there: &std::collections::HashSet<&str>,
    marked: &HashMap<deployctl_sdk::ResourceId, Vec<&ContainerSummary>>,
) -> Vec<String> {
    let known = record::containers(request.recorded).into_iter().map(|container| container.id);
    let mut ids: Vec<String> = known.filter(|id| there.contains(id.as_str())).collect();
    let mut others: Vec<&&ContainerSummary> = marked.get(&request.id).into_iter().flatten().collect();
    others.sort_by_key(|summary| summary.names.clone());
    for id in others.into_iter().filter_map(|summary| summary.id.clone()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

fn observed(request: &ReadRequest<'_>, found: Result<Vec<Inspected>, EngineError>) -> Observed {
    match found {
        Err(error) => Observed::Unreadable { reason: error.to_string() },
        Ok(all) if all.is_empty() => Observed::Absent,
        Ok(all) => {
            let object = describe::compared(request.recorded, &all);
            if object.attributes == request.recorded.attributes && object.private == request.recorded.private {
                return Observed::AsRecorded;
            }
            Observed::Present(object)
        }
    }
}
