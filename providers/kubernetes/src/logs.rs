//! What the containers of a resource's workloads write.

mod follow;

use deployctl_sdk::{ErrorKind, LogLine, LogRequest, Mask, ProviderError};
use futures_util::{AsyncBufRead, AsyncBufReadExt as _, StreamExt as _, future::join_all};
use kube::core::Request;
use kube::core::subresource::LogParams;

use crate::cluster::explained;
use crate::id::Id;
use crate::json::{Json, text};
use crate::mark;
use crate::observe;
use crate::plan::risks::is_workload;
use crate::ready::pod_selector;
use crate::record::Record;
use crate::site::Site;

/// A container of a pod, as it stands when it is looked at.
struct Container {
    namespace: String,
    pod: String,
    name: String,
    /// What its lines are said to come from.
    source: String,
    /// Which run of it this is: a pod of the same name that came later, and a restart, have others.
    run: String,
    /// Whether it has written anything, as far as one can know.
    has_begun: bool,
    /// Whether nothing will be written any more by any container of its pod.
    is_over: bool,
}

/// Where lines are read from, and what must not be in them.
struct Reader<'r> {
    site: &'r Site,
    request: &'r LogRequest<'r>,
    mask: Mask,
}

/// Sends the lines of all containers of a resource's pods.
///
/// # Errors
/// When it has no pods, or there is nothing to be had from any of them.
pub(crate) async fn logs(site: &Site, request: LogRequest<'_>) -> Result<(), ProviderError> {
    let mask = Mask::of([&request.object.attributes, &request.object.private]);
    let reader = Reader { site, request: &request, mask };
    tokio::select! {
        result = reader.read() => result,
        () = request.cancel.cancelled() => Ok(()),
    }
}

impl Reader<'_> {
    async fn read(&self) -> Result<(), ProviderError> {
        let workloads = self.workloads().await?;
        let containers = self.containers(&workloads).await?;
        if containers.is_empty() {
            return Err(ProviderError::new(ErrorKind::Refused, "none of its objects has pods"));
        }
        match self.request.follow {
            true => self.follow(&workloads, containers).await,
            false => self.read_once(&containers).await,
        }
    }

    async fn read_once(&self, containers: &[Container]) -> Result<(), ProviderError> {
        let each = containers
            .iter()
            .map(|container| async { self.send(container, self.open(container, self.request.tail).await?).await });
        let mut read = join_all(each).await;
        // A container that has not started yet takes nothing from what the others say.
        if read.len() == 1 { read.remove(0) } else { Ok(()) }
    }

    /// The resource's objects that run pods, or are some.
    async fn workloads(&self) -> Result<Vec<(Id, Json)>, ProviderError> {
        let record = Record::of(self.request.object);
        let kinds = self.site.cluster.kinds().await?;
        let selector = record.id.map(mark::selector).unwrap_or_default();
        let found = observe::objects(self.site, &record, &kinds, &selector).await?;
        Ok(found.into_iter().filter(|(id, _)| is_workload(id)).collect())
    }

    /// The containers of the workloads' pods as they are now.
    async fn containers(&self, workloads: &[(Id, Json)]) -> Result<Vec<Container>, ProviderError> {
        let kinds = self.site.cluster.kinds().await?;
        let Some(kind) = kinds.get("v1", "Pod") else { return Ok(Vec::new()) };
        let cluster = &self.site.cluster;
        let mut containers = Vec::new();
        for (id, object) in workloads {
            let pods = match id.kind.as_str() {
                "Pod" => cluster.get(kind, &id.namespace, &id.name).await?.into_iter().collect(),
                _ => {
                    let Some(selector) = pod_selector(object) else { continue };
                    cluster.list(kind, Some(&id.namespace), Some(&selector), false).await?
                }
            };
            containers.extend(pods.iter().flat_map(containers_of));
        }
        containers.sort_by(|a, b| a.source.cmp(&b.source));
        Ok(containers)
    }

    /// The container's log, from its `tail`-th last line on.
    async fn open(&self, container: &Container, tail: Option<usize>) -> Result<impl AsyncBufRead, ProviderError> {
        let what = unread(container);
        let params = LogParams {
            container: Some(container.name.clone()),
            follow: self.request.follow,
            previous: self.request.previous,
            tail_lines: tail.and_then(|lines| i64::try_from(lines).ok()),
            ..LogParams::default()
        };
        let path = format!("/api/v1/namespaces/{}/pods", container.namespace);
        let asked = Request::new(path).logs(&container.pod, &params);
        let asked = asked.map_err(|error| ProviderError::new(ErrorKind::Invalid, format!("{what}: {error}")))?;
        self.site.cluster.client().await?.request_stream(asked).await.map_err(|error| explained(error, &what))
    }

    async fn send(&self, container: &Container, log: impl AsyncBufRead) -> Result<(), ProviderError> {
        let mut lines = std::pin::pin!(log.lines());
        while let Some(line) = lines.next().await {
            let broken = |error| format!("{}: {error}", unread(container));
            let line = line.map_err(|error| ProviderError::new(ErrorKind::Unreachable, broken(error)))?;
            (self.request.sink)(LogLine { source: container.source.clone(), text: self.mask.apply(&line) });
        }
        Ok(())
    }
}

fn unread(container: &Container) -> String {
    format!("the log of {} cannot be read", container.source)
}

/// A pod's containers, those first that prepare it.
fn containers_of(pod: &Json) -> Vec<Container> {
    let listed = |place: &str| pod.pointer(place).and_then(Json::as_array).into_iter().flatten();
    let names = || listed("/spec/initContainers").chain(listed("/spec/containers")).map(|each| text(each, "/name"));
    let statuses = || listed("/status/initContainerStatuses").chain(listed("/status/containerStatuses"));
    let (namespace, pod_name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
    let is_alone = names().count() == 1;
    let container = |name: &str| {
        let status = statuses().find(|status| text(status, "/name") == name);
        let at = |place: &str| status.and_then(|status| status.pointer(place));
        let restarts = at("/restartCount").and_then(Json::as_i64).unwrap_or(0);
        Container {
            namespace: namespace.to_owned(),
            pod: pod_name.to_owned(),
            name: name.to_owned(),
            source: if is_alone { pod_name.to_owned() } else { format!("{pod_name}/{name}") },
            run: format!("{}/{name}/{restarts}", text(pod, "/metadata/uid")),
            has_begun: ["/state/running", "/state/terminated", "/lastState/terminated"]
                .iter()
                .any(|place| at(place).is_some()),
            is_over: ["Succeeded", "Failed"].contains(&text(pod, "/status/phase")),
        }
    };
    names().map(container).collect()
}
