//! What volumes there really are, told in the type's attributes.

use std::collections::HashMap;

use bollard::models::Volume;
use bollard::query_parameters::ListVolumesOptions;
use deployctl_docker_client::EngineError;
use deployctl_sdk::{
    ErrorKind, Found, Lineage, Lost, Object, Observed, Operation, Ownership, ProviderError, ReadRequest,
    ResourceSchema, Value,
};

use crate::attributes::{described, engine_map, map_or_null, marked_like, text, text_or_null, with};
use crate::mark;
use crate::provider::Site;
use crate::reading;

/// Lists volumes. In the list of the engine is all that a volume is.
async fn list(site: &Site, filters: HashMap<String, Vec<String>>) -> Result<Vec<Volume>, EngineError> {
    let options = ListVolumesOptions { filters: Some(filters) };
    let listed = site.engine.call(|docker| async move { docker.list_volumes(Some(options)).await });
    Ok(listed.await?.volumes.unwrap_or_default())
}

/// The volume of that name, whatever it is.
pub(super) async fn one(site: &Site, name: &str) -> Result<Option<Volume>, EngineError> {
    let inspected = site.engine.call(|docker| {
        let name = name.to_owned();
        async move { docker.inspect_volume(&name).await }
    });
    match inspected.await {
        Ok(volume) => Ok(Some(volume)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a record is about this volume: it bears its mark, or is known by its name (imported, or left by an earlier record
/// of this state) and is nobody else's.
pub(super) fn is_recorded(volume: &Volume, mark: &Ownership, recorded: Option<&Object>) -> bool {
    mark::is(&volume.labels, mark.lineage, mark.id)
        || recorded.is_some_and(|recorded| mark::is_imported(recorded) && is_free(volume, mark.lineage))
}

/// Whether no other state has marked it.
pub(super) fn is_free(volume: &Volume, lineage: Lineage) -> bool {
    mark::of(&volume.labels).is_none_or(|mark| mark.lineage == lineage)
}

/// Whether an earlier record of this state left it behind.
pub(super) fn is_left(volume: &Volume, lineage: Lineage) -> bool {
    mark::of(&volume.labels).is_some_and(|mark| mark.lineage == lineage)
}

/// Compares recorded volumes with the real ones: one question for all, and one for each that was imported.
pub(crate) async fn read(site: &Site, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
    let ours = match list(site, mark::filter(&site.place)).await {
        Ok(volumes) => reading::by_mark(site, volumes, |volume| Some(&volume.labels)),
        Err(error) => return reading::unreadable(batch, &error),
    };
    let schema = &site.schemas.volume;
    reading::side_by_side(batch, |request| {
        let marked = ours.get(&request.id);
        async move {
            if !mark::is_imported(request.recorded) {
                return marked.map_or(Observed::Absent, |volume| compared(schema, volume, request.recorded));
            }
            let name = text(&request.recorded.attributes, "name").unwrap_or_default();
            match one(site, &name).await {
                Ok(Some(volume)) if is_free(&volume, site.place.lineage) => compared(schema, &volume, request.recorded),
                Ok(_) => Observed::Absent,
                Err(error) => Observed::Unreadable { reason: error.to_string() },
            }
        }
    })
    .await
}

fn compared(schema: &ResourceSchema, volume: &Volume, recorded: &Object) -> Observed {
    let attributes = attributes(schema, volume, &recorded.attributes);
    if attributes == recorded.attributes {
        return Observed::AsRecorded;
    }
    Observed::Present(Object { attributes, ..recorded.clone() })
}

/// A volume's attributes: what only a configuration can say, and what is hidden, is as in `like`.
pub(super) fn attributes(schema: &ResourceSchema, volume: &Volume, like: &Value) -> Value {
    let empty_as = |name: &str, value: Value| match like.get(name) {
        // An empty map in the configuration asks for nothing, and is kept as it was written.
        Some(given) if value.is_null() && given.as_map().is_some_and(std::collections::BTreeMap::is_empty) => {
            given.clone()
        }
        given => marked_like(value, given),
    };
    described(
        schema,
        vec![
            ("name", text_or_null(Some(&volume.name))),
            ("driver", text_or_null(Some(&volume.driver))),
            ("driver_opts", empty_as("driver_opts", engine_map(Some(&volume.options)))),
            ("labels", empty_as("labels", map_or_null(mark::without(&volume.labels)))),
            ("delete_data", like.get("delete_data").cloned().unwrap_or(Value::Bool(false))),
            ("mountpoint", text_or_null(Some(&volume.mountpoint))),
            ("scope", volume.scope.map_or(Value::Null, |scope| Value::from(scope.to_string()))),
        ],
    )
}

/// A volume as it was found. Its options may hold a password that a configuration had marked.
fn as_found(schema: &ResourceSchema, volume: &Volume, like: Option<&Value>) -> Object {
    let attributes = attributes(schema, volume, like.unwrap_or(&Value::Null));
    let options = attributes.get("driver_opts").cloned().unwrap_or_default();
    let hidden = if options.is_null() { options } else { options.into_sensitive() };
    Object::new(with(&attributes, vec![("driver_opts", hidden)]))
}

/// Looks for what interrupted runs may have left.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn find(site: &Site, lost: &[&Lost]) -> Result<Vec<Found>, ProviderError> {
    let volumes = list(site, mark::filter(&site.place)).await?;
    let ours = reading::by_mark(site, volumes, |volume| Some(&volume.labels));
    let schema = &site.schemas.volume;
    let present = |object: Object| Found::Present { object, complete: true };
    let found = |lost: &Lost, volume: &Volume| match &lost.prior {
        Some(prior) if lost.operation != Operation::Create => {
            present(Object { attributes: attributes(schema, volume, &prior.attributes), ..prior.clone() })
        }
        _ => present(as_found(schema, volume, lost.identity.as_ref())),
    };
    let imported = |prior: Object| async move {
        match one(site, &text(&prior.attributes, "name").unwrap_or_default()).await {
            Ok(Some(volume)) if is_free(&volume, site.place.lineage) => present(prior),
            Ok(_) => Found::Absent,
            Err(_) => Found::CannotTell,
        }
    };
    Ok(reading::find(lost, &ours, found, imported).await)
}

/// All volumes that bear this lineage's mark.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn find_all(site: &Site) -> Result<Vec<(Ownership, Object)>, ProviderError> {
    let volumes = list(site, mark::filter(&site.place)).await?;
    let schema = &site.schemas.volume;
    let ours = volumes.iter().filter_map(|volume| Some((mark::of(&volume.labels)?, as_found(schema, volume, None))));
    Ok(ours.collect())
}

/// Describes an existing volume so that it can be managed.
///
/// # Errors
/// When there is none, or it belongs to another state.
pub(crate) async fn import(site: &Site, name: &str, mark: &Ownership) -> Result<Object, ProviderError> {
    let Some(volume) = one(site, name).await.map_err(|error| error.doing(&format!("looking for the volume {name}")))?
    else {
        let message = format!("there is no volume `{name}` on the Docker Engine at {}", site.engine.endpoint());
        return Err(ProviderError::new(ErrorKind::Refused, message).with_hint("`docker volume ls` lists them"));
    };
    mark::check_importable(&site.place, "volume", name, Some(&volume.labels))?;
    let object = as_found(&site.schemas.volume, &volume, None);
    if mark::is(&volume.labels, mark.lineage, mark.id) {
        return Ok(object);
    }
    Ok(Object { private: mark::imported(&object.private), ..object })
}
