//! What images there really are, told in the type's attributes.

use bollard::models::ImageSummary;
use bollard::query_parameters::ListImagesOptions;
use deployctl_docker_client::{EngineError, credentials};
use deployctl_sdk::{
    ErrorKind, Found, Lost, Object, Observed, Operation, Ownership, ProviderError, ReadRequest, Value,
};
use tokio_util::sync::CancellationToken;

use super::name::Name;
use super::{keep, transfer};
use crate::attributes::{described, text, truth, with};
use crate::provider::Site;
use crate::reading;

/// All images of the engine, in one question.
pub(super) async fn list(site: &Site) -> Result<Vec<ImageSummary>, EngineError> {
    let options = ListImagesOptions { digests: true, ..ListImagesOptions::default() };
    site.engine.call(|docker| async move { docker.list_images(Some(options)).await }).await
}

/// The image that has a name now.
pub(super) fn named<'i>(images: &'i [ImageSummary], name: &Name) -> Option<&'i ImageSummary> {
    let full = name.full();
    images.iter().find(|image| image.repo_tags.contains(&full) || image.repo_digests.contains(&full))
}

/// The name at a registry that an image's digest is about: what is pulled, or what is pushed.
pub(super) fn at_registry(attributes: &Value) -> Option<Name> {
    let pushed = || truth(attributes, "push").then(|| text(attributes, "name")).flatten();
    Name::parse(&text(attributes, "pull").or_else(pushed)?)
}

/// The digest under which an engine has an image from a repository.
pub(super) fn digest_of(repo_digests: &[String], name: &Name) -> Option<String> {
    let digest = |entry: &String| {
        let (repository, digest) = entry.split_once('@')?;
        (Name::parse(repository)?.repository() == name.repository()).then(|| digest.to_owned())
    };
    let found: Vec<String> = repo_digests.iter().filter_map(digest).collect();
    // One image can have been pulled under several; the one that was asked for goes first.
    let asked = name.digest().filter(|asked| found.iter().any(|digest| digest == asked)).map(str::to_owned);
    asked.or_else(|| found.first().cloned())
}

/// Compares recorded images with the real ones: one question for all, and one to the registry for each that is there under
/// a tag which may be moved.
pub(crate) async fn read(site: &Site, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
    let images = match list(site).await {
        Ok(images) => images,
        Err(error) => return reading::unreadable(batch, &error),
    };
    let images = &images;
    reading::side_by_side(batch, |request| async move { look(site, images, request.recorded).await }).await
}

async fn look(site: &Site, images: &[ImageSummary], recorded: &Object) -> Observed {
    let attributes = &recorded.attributes;
    let Some(name) = text(attributes, "name").and_then(|name| Name::parse(&name)) else {
        return Observed::Unreadable { reason: "its record names no image".to_owned() };
    };
    let Some(image) = named(images, &name) else { return Observed::Absent };
    let known = text(attributes, "digest");
    let digest = match at_registry(attributes) {
        Some(remote) if remote.digest().is_none() && known.is_some() => {
            at_the_registry_now(site, &remote, truth(attributes, "push")).await.unwrap_or(known)
        }
        _ => known,
    };
    let digest = digest.map_or(Value::Null, Value::from);
    let seen = with(attributes, vec![("id", Value::from(image.id.as_str())), ("digest", digest)]);
    if seen == *attributes {
        return Observed::AsRecorded;
    }
    Observed::Present(Object { attributes: seen, ..recorded.clone() })
}

/// What a tag stands for at its registry; `None` where the registry cannot be asked, which is no reason to doubt the image
/// that is here. A pushed tag that the registry does not have is pushed again.
async fn at_the_registry_now(site: &Site, name: &Name, pushed: bool) -> Option<Option<String>> {
    let credentials = credentials(&site.environment, name.registry(), &CancellationToken::new()).await.ok()?;
    let full = name.full();
    let asked = site.engine.call(|docker| async move { docker.inspect_registry_image(&full, credentials).await });
    match asked.await {
        Ok(answer) => answer.descriptor.digest.map(Some),
        Err(error) if pushed && transfer::is_unknown_name(error.message()) => Some(None),
        Err(_) => None,
    }
}

/// Looks for what interrupted runs may have left.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn find(site: &Site, lost: &[&Lost]) -> Result<Vec<Found>, ProviderError> {
    let images = list(site).await?;
    Ok(lost.iter().map(|lost| found(site, &images, lost)).collect())
}

fn found(site: &Site, images: &[ImageSummary], lost: &Lost) -> Found {
    let name_in = |value: &Value| text(value, "name").and_then(|name| Name::parse(&name));
    if lost.operation != Operation::Create {
        let Some(prior) = &lost.prior else { return Found::CannotTell };
        let Some(image) = name_in(&prior.attributes).and_then(|name| named(images, &name)) else {
            return Found::Absent;
        };
        let is_it = text(&prior.attributes, "id").as_deref() == Some(&image.id);
        if lost.operation == Operation::Delete && !is_it {
            return Found::Absent;
        }
        let attributes = with(&prior.attributes, vec![("id", Value::from(image.id.as_str()))]);
        return Found::Present { object: Object { attributes, ..prior.clone() }, complete: true };
    }
    // What is sensitive was not written to the journal. To put the image in place again builds nothing a second time.
    let Some(config) = &lost.identity else { return Found::CannotTell };
    let Some(name) = name_in(config) else { return Found::CannotTell };
    let Some(image) = named(images, &name) else { return Found::Absent };
    let own = keep::repository(lost.mark.lineage, lost.mark.id);
    let key = image.repo_tags.iter().find_map(|tag| tag.strip_prefix(&own)?.strip_prefix(':'));
    let Some(key) = key else { return Found::Absent };
    let digest = at_registry(config).and_then(|remote| digest_of(&image.repo_digests, &remote));
    let mut object = object(site, config, &image.id, digest);
    object.private = keep::private(&keep::salt(None), Some(key));
    Found::Present { object, complete: true }
}

/// The attributes of an image that is in place.
pub(super) fn object(site: &Site, config: &Value, id: &str, digest: Option<String>) -> Object {
    let members = config.as_map().map(|members| members.iter().map(|(name, value)| (&**name, value.clone())));
    let mut members: Vec<(&str, Value)> = members.into_iter().flatten().collect();
    members.extend([("id", Value::from(id)), ("digest", digest.map_or(Value::Null, Value::from))]);
    Object::new(described(&site.schemas.image, members))
}

/// Describes an existing image so that it can be managed, and keeps it from now on.
///
/// # Errors
/// When there is none.
pub(crate) async fn import(site: &Site, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
    let images = list(site).await?;
    let name = Name::parse(id).filter(|name| name.digest().is_none());
    let Some((name, image)) =
        name.and_then(|name| Some((named(&images, &name)?, name))).map(|(image, name)| (name, image))
    else {
        let message = format!("there is no image called `{id}` on the Docker Engine at {}", site.engine.endpoint());
        return Err(ProviderError::new(ErrorKind::Refused, message).with_hint("`docker image ls` lists them"));
    };
    let digest = digest_of(&image.repo_digests, &name);
    let key = keep::pull_key(&image.id);
    transfer::tag(site, &image.id, &keep::repository(mark.lineage, mark.id), &key).await?;
    let pull = if digest.is_some() { Value::from(id) } else { Value::Null };
    let config = Value::map([("name", Value::from(id)), ("pull", pull), ("push", Value::Bool(false))]);
    let mut object = object(site, &config, &image.id, digest);
    object.private = keep::private(&keep::salt(None), Some(&key));
    Ok(object)
}
