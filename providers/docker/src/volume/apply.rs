//! Making and removing volumes.

use bollard::models::{Volume, VolumeCreateRequest};
use bollard::query_parameters::RemoveVolumeOptions;
use deployctl_sdk::{Applied, Change, ErrorKind, Object, Operation, ProviderError};

use super::observe;
use crate::attributes::{text, texts_by_name, truth};
use crate::mark;
use crate::provider::Site;

/// Does one operation on one volume.
pub(crate) async fn apply(site: &Site, change: &Change) -> Applied {
    let prior = || change.prior.clone();
    match change.operation {
        Operation::Create => match create(site, change).await {
            Ok(object) => Applied::done(object),
            // The engine may have made it all the same.
            Err(error) => Applied::failed(made_all_the_same(site, change).await, error),
        },
        Operation::Update | Operation::Replace => match update(site, change).await {
            Ok(object) => Applied::done(object),
            Err(error) => Applied::failed(prior(), error),
        },
        Operation::Delete => match delete(site, change).await {
            Ok(()) => Applied::gone(),
            Err(error) => Applied::failed(prior(), error),
        },
    }
}

async fn create(site: &Site, change: &Change) -> Result<Object, ProviderError> {
    let config = &change.config;
    let name = text(config, "name").unwrap_or_default();
    let doing = format!("creating the volume {name}");
    let foreign = |volume: &Volume| mark::not_ours("volume", &name, Some(&volume.labels), &change.mark.address);
    // Asked to make a volume that there is already, the engine answers with that one.
    match observe::one(site, &name).await.map_err(|error| error.doing(&doing))? {
        Some(volume) if observe::is_recorded(&volume, &change.mark, None) => return Ok(object(site, change, &volume)),
        // What an earlier record of this state left is taken up again, with all that is in it.
        Some(volume) if observe::is_left(&volume, change.mark.lineage) => {
            let object = object(site, change, &volume);
            return Ok(Object { private: mark::imported(&object.private), ..object });
        }
        Some(volume) => return Err(foreign(&volume)),
        None => {}
    }
    let some = |members: Vec<(String, String)>| (!members.is_empty()).then(|| members.into_iter().collect());
    let request = VolumeCreateRequest {
        name: Some(name.clone()),
        driver: text(config, "driver"),
        driver_opts: some(texts_by_name(config, "driver_opts")),
        labels: Some(mark::marked(texts_by_name(config, "labels"), &change.mark)),
        cluster_volume_spec: None,
    };
    let made = site.engine.call(|docker| async move { docker.create_volume(request).await }).await;
    let volume = made.map_err(|error| error.doing(&doing))?;
    if !observe::is_recorded(&volume, &change.mark, None) {
        return Err(foreign(&volume));
    }
    Ok(object(site, change, &volume))
}

async fn made_all_the_same(site: &Site, change: &Change) -> Option<Object> {
    let name = text(&change.config, "name")?;
    let volume = observe::one(site, &name).await.ok()??;
    observe::is_recorded(&volume, &change.mark, None).then(|| object(site, change, &volume))
}

fn object(site: &Site, change: &Change, volume: &Volume) -> Object {
    let private = change.prior.as_ref().map(|prior| prior.private.clone()).unwrap_or_default();
    Object { private, ..Object::new(observe::attributes(&site.schemas.volume, volume, &change.config)) }
}

/// Nothing about the real volume can be changed in place; what can is kept in the record alone.
async fn update(site: &Site, change: &Change) -> Result<Object, ProviderError> {
    let name = text(&change.config, "name").unwrap_or_default();
    let found =
        observe::one(site, &name).await.map_err(|error| error.doing(&format!("looking for the volume {name}")))?;
    match found {
        Some(volume) if observe::is_recorded(&volume, &change.mark, change.prior.as_ref()) => {
            Ok(object(site, change, &volume))
        }
        Some(volume) => Err(mark::not_ours("volume", &name, Some(&volume.labels), &change.mark.address)),
        None => Err(ProviderError::new(ErrorKind::Refused, format!("the volume {name} is gone"))),
    }
}

async fn delete(site: &Site, change: &Change) -> Result<(), ProviderError> {
    let Some(prior) = &change.prior else { return Ok(()) };
    let name = text(&prior.attributes, "name").unwrap_or_default();
    let doing = format!("removing the volume {name}");
    let found = observe::one(site, &name).await.map_err(|error| error.doing(&doing))?;
    if !found.is_some_and(|volume| observe::is_recorded(&volume, &change.mark, Some(prior))) {
        return Ok(());
    }
    if !may_delete(prior) {
        let message = format!("the volume {name} is not removed, for what is in it would be lost");
        let hint = format!(
            "to have it removed with its data, set `delete_data = true` on `{address}`, apply, and run this again; to keep \
            it and stop managing it: deployctl state rm '{address}'",
            address = change.mark.address
        );
        return Err(ProviderError::new(ErrorKind::Refused, message).with_hint(hint));
    }
    let removed =
        site.engine.call(|docker| async move { docker.remove_volume(&name, None::<RemoveVolumeOptions>).await });
    match removed.await {
        Err(error) if !error.is_not_found() => Err(error.doing(&doing)),
        _ => Ok(()),
    }
}

/// Whether a record allows to throw away what is in the volume.
pub(super) fn may_delete(recorded: &Object) -> bool {
    truth(&recorded.attributes, "delete_data")
}
