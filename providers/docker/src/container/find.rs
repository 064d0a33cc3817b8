//! Finding containers by their mark: after a crash, and when a state is lost.

use std::collections::BTreeMap;

use bollard::models::ImageConfig;
use deployctl_docker_client::EngineError;
use deployctl_sdk::{ErrorKind, Found, Lost, Object, Operation, Ownership, ProviderError, ResourceId};

use super::inspected::{self, Inspected};
use super::{describe, names, observe, record};
use crate::attributes::text;
use crate::mark;
use crate::provider::Site;

/// Looks for what interrupted runs may have left.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn find(site: &Site, lost: &[&Lost]) -> Result<Vec<Found>, ProviderError> {
    let ours = by_mark(site).await?;
    let mut found = Vec::with_capacity(lost.len());
    for lost in lost {
        let mut ids = ours.get(&lost.mark.id).cloned().unwrap_or_default();
        if let (Some(prior), false) = (&lost.prior, lost.operation == Operation::Replace) {
            // What was imported bears no mark.
            let known = record::containers(prior).into_iter().map(|container| container.id);
            ids.extend(known.filter(|id| !ids.contains(id)).collect::<Vec<_>>());
        }
        let all = observe::inspect_all(site, &ids).await?;
        found.push(judged(site, lost, all).await?);
    }
    Ok(found)
}

/// All containers that bear this lineage's mark, by the record's id and in the order of their names.
async fn by_mark(site: &Site) -> Result<BTreeMap<ResourceId, Vec<String>>, ProviderError> {
    let mut listed = observe::list(site, Some(mark::filter(&site.place))).await?;
    listed.sort_by_key(|summary| {
        summary.names.clone().map(|names| names.into_iter().map(|name| (name.len(), name)).min())
    });
    let mut ours: BTreeMap<ResourceId, Vec<String>> = BTreeMap::new();
    for summary in listed {
        let mark = summary.labels.as_ref().and_then(mark::of);
        let mark = mark.filter(|mark| mark.lineage == site.place.lineage);
        if let (Some(mark), Some(id)) = (mark, summary.id) {
            ours.entry(mark.id).or_default().push(id);
        }
    }
    Ok(ours)
}

async fn judged(site: &Site, lost: &Lost, all: Vec<Inspected>) -> Result<Found, ProviderError> {
    if all.is_empty() {
        return Ok(Found::Absent);
    }
    match (&lost.prior, lost.operation) {
        (Some(prior), Operation::Update | Operation::Delete) => {
            let object = describe::compared(prior, &all);
            Ok(Found::Present { object, complete: true })
        }
        _ => {
            let base = lost.prior.as_ref().and_then(|prior| text(&prior.attributes, "name"));
            let complete = is_complete(lost, &all, base.as_deref());
            let object = described(site, &all).await?;
            Ok(Found::Present { object, complete })
        }
    }
}

/// Whether the containers do what they were made for: all were started, and in a replacement they have taken over.
fn is_complete(lost: &Lost, all: &[Inspected], base: Option<&str>) -> bool {
    let started = all.iter().all(|one| !matches!(inspected::status(one).as_str(), "created" | "dead"));
    let beside = |one: &Inspected| {
        let name = inspected::name(one);
        let ending = names::temporary("", &lost.mark);
        base.is_some_and(|base| name != base) && name.ends_with(&ending)
    };
    started && (lost.operation != Operation::Replace || !all.iter().any(beside))
}

/// The record of containers that there is none of, with what their image fills in told apart.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn described(site: &Site, all: &[Inspected]) -> Result<Object, EngineError> {
    let image = all.first().and_then(|first| first.image.clone()).unwrap_or_default();
    let inspected = site.engine.call(|docker| async move { docker.inspect_image(&image).await }).await;
    let image = match inspected {
        Ok(image) => image.config.unwrap_or_default(),
        // An image can be removed under a container by force; then everything in it was configured, as far as one can tell.
        Err(error) if error.is_not_found() => ImageConfig::default(),
        Err(error) => return Err(error),
    };
    Ok(describe::found(&site.schemas.container, all, &image))
}

/// All that bears this lineage's mark, with the mark.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn find_all(site: &Site) -> Result<Vec<(Ownership, Object)>, ProviderError> {
    let mut found = Vec::new();
    for ids in by_mark(site).await?.into_values() {
        let all = observe::inspect_all(site, &ids).await?;
        let Some(mark) = all.first().and_then(|first| mark::of(&inspected::labels(first))) else { continue };
        found.push((mark, described(site, &all).await?));
    }
    Ok(found)
}

/// Describes existing containers so that they can be managed.
///
/// # Errors
/// When one is not there or belongs to another state.
pub(crate) async fn import(site: &Site, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
    let mut all = Vec::new();
    for name in id.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let Some(one) = inspected::inspect(site, name).await? else {
            let message = format!("there is no container {name} on the engine");
            return Err(ProviderError::new(ErrorKind::Refused, message).with_hint("`docker ps --all` lists them"));
        };
        if let Some(other) = mark::of(&inspected::labels(&one)).filter(|other| other.lineage != mark.lineage) {
            let message = format!("container {name} belongs to another deployctl state, as {}", other.address);
            return Err(ProviderError::new(ErrorKind::NotOurs, message));
        }
        all.push(one);
    }
    if all.is_empty() {
        return Err(ProviderError::new(ErrorKind::Refused, "no container is named"));
    }
    let object = described(site, &all).await?;
    Ok(Object { private: mark::imported(&object.private), ..object })
}
