//! Putting images in place, and taking their names away.

use std::collections::HashMap;

use bollard::query_parameters::ListContainersOptions;
use deployctl_sdk::{Applied, Change, ErrorKind, Object, Operation, ProviderError, Run};

use super::name::Name;
use super::{build, keep, observe, plan, transfer};
use crate::attributes::{text, truth, with};
use crate::mark;
use crate::provider::Site;

/// Does one operation on one image.
pub(crate) async fn apply(site: &Site, change: &Change, run: &Run) -> Applied {
    match change.operation {
        Operation::Create | Operation::Update | Operation::Replace => put(site, change, run).await,
        Operation::Delete => match delete(site, change).await {
            Ok(()) => Applied::gone(),
            Err(error) => Applied::failed(change.prior.clone(), error),
        },
    }
}

async fn put(site: &Site, change: &Change, run: &Run) -> Applied {
    let object = match in_place(site, change, run).await {
        Ok(object) => object,
        Err(error) => return Applied::failed(change.prior.clone(), error),
    };
    if !truth(&change.config, "push") {
        return Applied::done(object);
    }
    match pushed(site, change, run).await {
        Ok(digest) => {
            let digest = digest.map_or(deployctl_sdk::Value::Null, deployctl_sdk::Value::from);
            Applied::done(Object { attributes: with(&object.attributes, vec![("digest", digest)]), ..object })
        }
        // Without a digest: the next plan sees that it is not at the registry.
        Err(error) => {
            let attributes = with(&object.attributes, vec![("digest", deployctl_sdk::Value::Null)]);
            Applied::failed(Some(Object { attributes, ..object }), error)
        }
    }
}

async fn in_place(site: &Site, change: &Change, run: &Run) -> Result<Object, ProviderError> {
    let config = &change.config;
    let name = parsed(&text(config, "name").unwrap_or_default())?;
    let salt = keep::salt(change.prior.as_ref());
    let repository = keep::repository(change.mark.lineage, change.mark.id);
    let (id, digest, key) = match keep::build_key(config, &salt) {
        Some(key) => (built(site, change, run, &repository, &key).await?, None, key),
        None => {
            let (id, digest) = or_cancelled(run, transfer::pull(site, config, run)).await?;
            let key = keep::pull_key(&id);
            (id, digest, key)
        }
    };
    transfer::tag(site, &id, &repository, &key).await?;
    transfer::tag(site, &id, name.repository(), name.tag()).await?;
    if let Some(prior) = &change.prior {
        leave_old_name(site, prior, &name).await?;
    }
    let object = observe::object(site, config, &id, digest);
    Ok(Object { private: keep::private(&salt, Some(&key)), captured: change.captured.clone(), ..object })
}

/// The image that is kept under the key, or else a new one.
async fn built(site: &Site, change: &Change, run: &Run, repository: &str, key: &str) -> Result<String, ProviderError> {
    let images = observe::list(site).await?;
    if let Some(image) = plan::kept(site, &images, key) {
        run.progress.say("an image built from exactly this is kept");
        return Ok(image.id.clone());
    }
    or_cancelled(run, build::build(site, change, run, &format!("{repository}:{key}"))).await
}

/// The former name goes, unless somebody has given it to another image since.
async fn leave_old_name(site: &Site, prior: &Object, name: &Name) -> Result<(), ProviderError> {
    let old = parsed(&text(&prior.attributes, "name").unwrap_or_default())?;
    if old == *name {
        return Ok(());
    }
    let images = observe::list(site).await?;
    let id = text(&prior.attributes, "id");
    match observe::named(&images, &old) {
        Some(image) if Some(&image.id) == id.as_ref() => transfer::untag(site, &old.full()).await,
        _ => Ok(()),
    }
}

async fn pushed(site: &Site, change: &Change, run: &Run) -> Result<Option<String>, ProviderError> {
    let name = parsed(&text(&change.config, "name").unwrap_or_default())?;
    or_cancelled(run, transfer::push(site, &name, run)).await
}

/// Takes the name away. The image itself stays while the history may need it.
async fn delete(site: &Site, change: &Change) -> Result<(), ProviderError> {
    let Some(prior) = &change.prior else { return Ok(()) };
    let name = parsed(&text(&prior.attributes, "name").unwrap_or_default())?;
    let images = observe::list(site).await?;
    let Some(image) = observe::named(&images, &name) else { return Ok(()) };
    // Somebody has given the name to another image since.
    if text(&prior.attributes, "id").as_deref() != Some(&image.id) {
        return Ok(());
    }
    refuse_if_used(site, &image.id, &name).await?;
    transfer::untag(site, &name.full()).await
}

async fn refuse_if_used(site: &Site, id: &str, name: &Name) -> Result<(), ProviderError> {
    let filters = HashMap::from([("ancestor".to_owned(), vec![id.to_owned()])]);
    let options = ListContainersOptions { all: true, filters: Some(filters), ..ListContainersOptions::default() };
    let listed = site.engine.call(|docker| async move { docker.list_containers(Some(options)).await }).await;
    let doing = format!("removing the image {}", name.full());
    let containers = listed.map_err(|error| error.doing(&doing))?;
    // One that was made under another name of the same image, or from one built on it, keeps what it has.
    let by_this_name = |made_from: &Option<String>| made_from.as_deref().and_then(Name::parse).as_ref() == Some(name);
    let theirs = containers.into_iter().filter(|container| by_this_name(&container.image)).filter(|container| {
        let labels = container.labels.clone().unwrap_or_default();
        mark::of(&labels).is_none_or(|mark| mark.lineage != site.place.lineage)
    });
    let mut names: Vec<String> = theirs
        .map(|container| {
            let name = container.names.and_then(|names| names.into_iter().next());
            name.map(|name| name.trim_start_matches('/').to_owned()).or(container.id).unwrap_or_default()
        })
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    names.sort();
    let message =
        format!("the image {} is in use by containers that are not of this state: {}", name.full(), names.join(", "));
    let hint = "remove them (`docker rm`), or leave the image alone: `deployctl state rm` stops managing it";
    Err(ProviderError::new(ErrorKind::Refused, message).with_hint(hint))
}

fn parsed(name: &str) -> Result<Name, ProviderError> {
    Name::parse(name)
        .ok_or_else(|| ProviderError::new(ErrorKind::Invalid, format!("{name:?} cannot be an image's name")))
}

/// Does something that can be dropped at any time, until it is cancelled.
async fn or_cancelled<T>(run: &Run, work: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
    tokio::select! {
        biased;
        () = run.cancel.cancelled() => Err(ProviderError::new(ErrorKind::Cancelled, "cancelled")),
        done = work => done,
    }
}
