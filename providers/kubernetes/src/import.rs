//! Taking objects over that are there already.

use deployctl_sdk::{ErrorKind, Object, Ownership, ProviderError};
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::json;

use crate::cluster::{AT_ONCE, Kind};
use crate::find::config_of;
use crate::id::Id;
use crate::json::{Json, text};
use crate::look::Found;
use crate::mark::{self, Whose};
use crate::observe;
use crate::record::{Entry, Record};
use crate::schema::OBJECT;
use crate::site::Site;

/// Kinds that controllers and the cluster itself write, and nobody configures.
const CLUSTERS_OWN: [&str; 6] = ["Event", "Endpoints", "EndpointSlice", "Lease", "ControllerRevision", "PodMetrics"];

/// Describes existing objects so that they can be managed, and marks them.
///
/// # Errors
/// When there is no such object, or another state or resource has it.
pub(crate) async fn import(site: &Site, type_name: &str, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
    let found = match id.contains('/') {
        true => vec![one(site, id).await?],
        false if type_name == OBJECT => return Err(not_an_id(id, "write it as `Deployment/NAMESPACE/NAME`")),
        false => of_namespace(site, id).await?,
    };
    let free = found.iter().try_for_each(|(_, object)| refuse_taken(object, mark));
    free?;
    let asked: Vec<_> = found.iter().map(|(kind, object)| marked(site, kind, object, mark)).collect();
    let mut answers = stream::iter(asked).buffered(AT_ONCE);
    let mut objects = Vec::with_capacity(found.len());
    while let Some(answer) = answers.next().await {
        objects.push(answer?);
    }
    let entries = objects.iter().map(|object| Entry::of(object, "", &site.cluster.manager)).collect();
    let record = Record { id: Some(mark.id), address: mark.address.to_string(), entries };
    let config = config_of(type_name, &objects);
    let live: Found = objects.into_iter().map(|object| (Id::of(&object), object)).collect();
    Ok(observe::described(type_name, &config, record, &live, Vec::new()))
}

async fn marked(site: &Site, kind: &Kind, object: &Json, mark: &Ownership) -> Result<Json, ProviderError> {
    let mut patch = json!({ "metadata": { "uid": text(object, "/metadata/uid") } });
    mark::put(&mut patch, &mark.lineage.to_string(), &mark.id.to_string(), &mark.address.to_string());
    let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    site.cluster.merge(kind, namespace, name, &patch).await
}

/// One object by its kind, namespace and name.
async fn one(site: &Site, id: &str) -> Result<(Kind, Json), ProviderError> {
    let parts: Vec<&str> = id.split('/').collect();
    let kinds = site.cluster.kinds().await?;
    let default = site.cluster.namespace().await?;
    let (kind, namespace, name) = match parts.as_slice() {
        [kind, namespace, name] => (kind, *namespace, *name),
        [kind, name] => (kind, default, *name),
        _ => return Err(not_an_id(id, "write it as `Deployment/NAMESPACE/NAME` or `Namespace/NAME`")),
    };
    let found = kinds.called(kind).ok_or_else(|| {
        let error = ProviderError::new(ErrorKind::Refused, format!("the cluster has no kind `{kind}`"));
        error.with_hint(match kinds.like(kind) {
            Some(like) => format!("did you mean `{like}`?"),
            None => "`kubectl api-resources` lists what there is".to_owned(),
        })
    })?;
    match site.cluster.get(found, namespace, name).await? {
        Some(mut object) => {
            if let Some(members) = object.as_object_mut() {
                members.entry("kind").or_insert_with(|| Json::from(found.resource.kind.as_str()));
            }
            Ok((found.clone(), object))
        }
        None => {
            let place = if found.namespaced { format!(" in the namespace {namespace}") } else { String::new() };
            let text = format!("there is no {} `{name}`{place}", found.resource.kind);
            Err(ProviderError::new(ErrorKind::Refused, text))
        }
    }
}

/// What people put into a namespace, narrowed down by a selector.
async fn of_namespace(site: &Site, id: &str) -> Result<Vec<(Kind, Json)>, ProviderError> {
    let (namespace, selector) = id.split_once(':').map_or((id, None), |(namespace, rest)| (namespace, Some(rest)));
    let kinds = site.cluster.kinds().await?;
    let namespaced =
        kinds.listable().filter(|kind| kind.namespaced && !CLUSTERS_OWN.contains(&kind.resource.kind.as_str()));
    let asked: Vec<_> = namespaced.map(|kind| listed(site, kind, namespace, selector)).collect();
    let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
    let mut found: Vec<(Kind, Json)> = Vec::new();
    while let Some(answer) = answers.next().await {
        found.extend(answer?);
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|(_, object)| seen.insert(text(object, "/metadata/uid").to_owned()));
    found.sort_by_key(|(_, object)| Id::of(object));
    if found.is_empty() {
        let which = selector.map(|selector| format!(" that `{selector}` selects")).unwrap_or_default();
        let text = format!("the namespace {namespace} has no objects{which}");
        return Err(ProviderError::new(ErrorKind::Refused, text));
    }
    Ok(found)
}

async fn listed(
    site: &Site,
    kind: &Kind,
    namespace: &str,
    selector: Option<&str>,
) -> Result<Vec<(Kind, Json)>, ProviderError> {
    let objects = match site.cluster.list(kind, Some(namespace), selector, false).await {
        Ok(objects) => objects,
        Err(error) if error.kind == ErrorKind::Unreachable => return Err(error),
        // What may not be seen is not taken over.
        Err(_) => Vec::new(),
    };
    Ok(objects.into_iter().filter(is_peoples).map(|object| (kind.clone(), object)).collect())
}

/// Whether somebody wrote an object, rather than a controller or the cluster.
fn is_peoples(object: &Json) -> bool {
    let owned = object.pointer("/metadata/ownerReferences").and_then(Json::as_array).is_some_and(|all| !all.is_empty());
    let own = matches!(
        (text(object, "/kind"), text(object, "/metadata/name")),
        ("ConfigMap", "kube-root-ca.crt") | ("ServiceAccount", "default")
    );
    let token = text(object, "/type") == "kubernetes.io/service-account-token";
    !(owned || own || token)
}

fn refuse_taken(object: &Json, mark: &Ownership) -> Result<(), ProviderError> {
    let id = Id::of(object);
    match mark::whose(object, mark.lineage, Some(mark.id)) {
        Whose::AnotherStates => {
            let text = format!("{id} belongs to another state");
            let hint = "remove it from that state first, with `deployctl state rm` there";
            Err(ProviderError::new(ErrorKind::NotOurs, text).with_hint(hint))
        }
        Whose::Nobodys | Whose::Ours | Whose::Sibling => Ok(()),
    }
}

fn not_an_id(id: &str, hint: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Refused, format!("`{id}` does not say which object")).with_hint(hint)
}
