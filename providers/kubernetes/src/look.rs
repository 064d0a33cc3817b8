//! What is there: many objects in few requests.

use std::collections::{BTreeMap, HashMap, HashSet};

use deployctl_sdk::{ErrorKind, ProviderError};
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::cluster::{AT_ONCE, Cluster, Kind};
use crate::id::Id;
use crate::json::{Json, text};

/// Up to so many objects of one kind in one namespace are asked for one by one.
const FEW: usize = 3;

/// An object to be looked for.
pub(crate) struct Target<'t> {
    /// Which.
    pub id: &'t Id,
    /// Its kind on the cluster.
    pub kind: &'t Kind,
}

/// Objects by identity; what is not there is not in it.
pub(crate) type Found = HashMap<Id, Json>;

/// Looks for objects. Those of one kind in one namespace are listed, where there are many: by the selector, if they are
/// known to bear its label; whatever the list does not have is then looked for by its name.
///
/// # Errors
/// When the cluster cannot be asked.
pub(crate) async fn look(
    cluster: &Cluster,
    targets: Vec<Target<'_>>,
    selector: Option<&str>,
) -> Result<Found, ProviderError> {
    let mut groups: BTreeMap<String, Vec<Target<'_>>> = BTreeMap::new();
    for target in targets {
        groups.entry(target.kind.path(Some(&target.id.namespace))).or_default().push(target);
    }
    let asked: Vec<_> = groups.into_values().map(|group| look_at(cluster, group, selector)).collect();
    let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
    let mut found = Found::new();
    while let Some(answer) = answers.next().await {
        found.extend(answer?);
    }
    Ok(found)
}

async fn look_at(
    cluster: &Cluster,
    group: Vec<Target<'_>>,
    selector: Option<&str>,
) -> Result<Vec<(Id, Json)>, ProviderError> {
    let Some(first) = group.first() else { return Ok(Vec::new()) };
    if group.len() <= FEW {
        return one_by_one(cluster, &group).await;
    }
    let listed = cluster.list(first.kind, Some(&first.id.namespace), selector, selector.is_none()).await;
    let listed = match listed {
        Ok(listed) => listed,
        // Who may not list may still be allowed to read.
        Err(error) if error.kind == ErrorKind::Refused => return one_by_one(cluster, &group).await,
        Err(error) => return Err(error),
    };
    if selector.is_none() {
        let names: HashSet<&str> = listed.iter().map(|object| text(object, "/metadata/name")).collect();
        let there: Vec<Target<'_>> =
            group.into_iter().filter(|target| names.contains(target.id.name.as_str())).collect();
        return one_by_one(cluster, &there).await;
    }
    let mut by_name: HashMap<String, Json> =
        listed.into_iter().map(|object| (text(&object, "/metadata/name").to_owned(), object)).collect();
    let mut found = Vec::with_capacity(group.len());
    let mut missing = Vec::new();
    for target in group {
        match by_name.remove(&target.id.name) {
            Some(object) => found.push((target.id.clone(), object)),
            None => missing.push(target),
        }
    }
    found.extend(one_by_one(cluster, &missing).await?);
    Ok(found)
}

async fn one_by_one(cluster: &Cluster, targets: &[Target<'_>]) -> Result<Vec<(Id, Json)>, ProviderError> {
    let asked: Vec<_> = targets.iter().map(|target| one(cluster, target)).collect();
    let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
    let mut found = Vec::new();
    while let Some(answer) = answers.next().await {
        found.extend(answer?);
    }
    Ok(found)
}

async fn one(cluster: &Cluster, target: &Target<'_>) -> Result<Option<(Id, Json)>, ProviderError> {
    let object = cluster.get(target.kind, &target.id.namespace, &target.id.name).await?;
    Ok(object.map(|object| (target.id.clone(), object)))
}
