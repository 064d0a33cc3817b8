//! What the containers of a resource's workloads write.

use std::sync::Mutex;

use deployctl_sdk::{ErrorKind, LogLine, LogRequest, Mask, ProviderError};
use futures_util::{AsyncBufReadExt as _, StreamExt as _, future::join_all};
use kube::core::Request;
use kube::core::subresource::LogParams;

use crate::cluster::{Kinds, explained};
use crate::id::Id;
use crate::json::{Json, text};
use crate::mark;
use crate::observe;
use crate::plan::risks::is_workload;
use crate::ready::pod_selector;
use crate::record::Record;
use crate::site::Site;

/// A container of a pod.
struct Container {
    namespace: String,
    pod: String,
    name: String,
    /// What its lines are said to come from.
    source: String,
}

/// Sends the lines of all containers of a resource's pods.
///
/// # Errors
/// When it has no pods, or there is nothing to be had from any of them.
pub(crate) async fn logs(site: &Site, request: LogRequest<'_>) -> Result<(), ProviderError> {
    let record = Record::of(request.object);
    let kinds = site.cluster.kinds().await?;
    let selector = record.id.map(mark::selector).unwrap_or_default();
    let found = observe::objects(site, &record, &kinds, &selector).await?;
    let mut containers = Vec::new();
    for (id, object) in found.iter().filter(|(id, _)| is_workload(id)) {
        containers.extend(containers_of(site, &kinds, id, object).await?);
    }
    if containers.is_empty() {
        let text = "none of its objects has pods";
        return Err(ProviderError::new(ErrorKind::Refused, text));
    }
    containers.sort_by(|a, b| a.source.cmp(&b.source));
    let mask = Mask::of([&request.object.attributes, &request.object.private]);
    let failures = Mutex::new(Vec::new());
    let each = containers.iter().map(|container| async {
        if let Err(error) = one(site, container, &request, &mask).await {
            failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(error);
        }
    });
    tokio::select! {
        _ = join_all(each) => {}
        () = request.cancel.cancelled() => return Ok(()),
    }
    let failures = failures.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    // A container that has not started yet takes nothing from what the others say.
    match failures.into_iter().next() {
        Some(error) if containers.len() == 1 => Err(error),
        _ => Ok(()),
    }
}

async fn containers_of(site: &Site, kinds: &Kinds, id: &Id, object: &Json) -> Result<Vec<Container>, ProviderError> {
    let pods = match id.kind.as_str() {
        "Pod" => vec![object.clone()],
        _ => {
            let Some(kind) = kinds.get("v1", "Pod") else { return Ok(Vec::new()) };
            let Some(selector) = pod_selector(object) else { return Ok(Vec::new()) };
            site.cluster.list(kind, Some(&id.namespace), Some(&selector), false).await?
        }
    };
    let mut containers = Vec::new();
    for pod in pods {
        let (namespace, name) = (text(&pod, "/metadata/namespace"), text(&pod, "/metadata/name"));
        let all = pod.pointer("/spec/containers").and_then(Json::as_array);
        let names: Vec<&str> = all.into_iter().flatten().map(|container| text(container, "/name")).collect();
        containers.extend(names.iter().map(|container| Container {
            namespace: namespace.to_owned(),
            pod: name.to_owned(),
            name: (*container).to_owned(),
            source: if names.len() > 1 { format!("{name}/{container}") } else { name.to_owned() },
        }));
    }
    Ok(containers)
}

async fn one(site: &Site, container: &Container, request: &LogRequest<'_>, mask: &Mask) -> Result<(), ProviderError> {
    let what = format!("the log of {} cannot be read", container.source);
    let params = LogParams {
        container: Some(container.name.clone()),
        follow: request.follow,
        tail_lines: request.tail.and_then(|lines| i64::try_from(lines).ok()),
        ..LogParams::default()
    };
    let path = format!("/api/v1/namespaces/{}/pods", container.namespace);
    let asked = Request::new(path).logs(&container.pod, &params);
    let asked = asked.map_err(|error| ProviderError::new(ErrorKind::Invalid, format!("{what}: {error}")))?;
    let stream = site.cluster.client().await?.request_stream(asked).await.map_err(|error| explained(error, &what))?;
    let mut lines = std::pin::pin!(stream.lines());
    while let Some(line) = lines.next().await {
        let line = line.map_err(|error| ProviderError::new(ErrorKind::Unreachable, format!("{what}: {error}")))?;
        (request.sink)(LogLine { source: container.source.clone(), text: mask.apply(&line) });
    }
    Ok(())
}
