//! Names and registries: tagging, pulling and pushing.

use bollard::query_parameters::{CreateImageOptions, PushImageOptions, RemoveImageOptions, TagImageOptions};
use deployctl_docker_client::credentials;
use deployctl_sdk::{ErrorKind, ProviderError, Run, Value};
use futures_util::StreamExt as _;

use super::name::Name;
use super::observe;
use crate::attributes::text;
use crate::provider::Site;

/// Gives an image a name; whoever had it, has it no more.
///
/// # Errors
/// When the engine refuses.
pub(super) async fn tag(site: &Site, id: &str, repository: &str, tag: &str) -> Result<(), ProviderError> {
    let options = TagImageOptions { repo: Some(repository.to_owned()), tag: Some(tag.to_owned()) };
    let tagged = site.engine.call(|docker| async move { docker.tag_image(id, Some(options)).await }).await;
    tagged.map_err(|error| error.doing(&format!("tagging the image {repository}:{tag}")))
}

/// Takes a name away from an image. One that has no other name goes with it.
///
/// # Errors
/// When the engine refuses; not when the name is gone already.
pub(super) async fn untag(site: &Site, full: &str) -> Result<(), ProviderError> {
    let removed =
        site.engine.call(|docker| async move { docker.remove_image(full, None::<RemoveImageOptions>, None).await });
    match removed.await {
        Err(error) if !error.is_not_found() => Err(error.doing(&format!("removing the image {full}"))),
        _ => Ok(()),
    }
}

/// Takes a name away, unless the image would go with it and a container uses it; answers whether it is away.
///
/// # Errors
/// When the engine does not answer.
pub(super) async fn untag_unused(site: &Site, full: &str) -> Result<bool, ProviderError> {
    let removed =
        site.engine.call(|docker| async move { docker.remove_image(full, None::<RemoveImageOptions>, None).await });
    match removed.await {
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) if !error.is_not_found() => Err(error.doing(&format!("removing the image {full}"))),
        _ => Ok(true),
    }
}

/// Pulls an image; answers its id and the digest of its manifest.
///
/// # Errors
/// When there is none, or the registry does not let us.
pub(super) async fn pull(site: &Site, config: &Value, run: &Run) -> Result<(String, Option<String>), ProviderError> {
    let reference = text(config, "pull").unwrap_or_default();
    let doing = format!("pulling the image {reference}");
    let name = Name::parse(&reference)
        .ok_or_else(|| ProviderError::new(ErrorKind::Invalid, format!("{reference:?} cannot be an image's name")))?;
    let credentials = credentials(&site.environment, name.registry(), &run.cancel).await?;
    let options = CreateImageOptions {
        from_image: Some(name.repository().to_owned()),
        tag: Some(name.digest().unwrap_or_else(|| name.tag()).to_owned()),
        platform: text(config, "platform").unwrap_or_default(),
        ..CreateImageOptions::default()
    };
    let docker = site.engine.client().await?;
    let mut stream = docker.create_image(Some(options), None, credentials);
    while let Some(said) = stream.next().await {
        match said {
            Ok(said) => say(run, said.status.as_deref()),
            Err(error) => {
                let error = site.engine.failed(&error).await;
                return Err(with_hint(error.doing(&doing), &name));
            }
        }
    }
    let full = name.full();
    let image = site.engine.call(|docker| async move { docker.inspect_image(&full).await }).await;
    let image = image.map_err(|error| error.doing(&doing))?;
    let digest = observe::digest_of(&image.repo_digests.unwrap_or_default(), &name);
    let id = image.id.ok_or_else(|| ProviderError::new(ErrorKind::Internal, format!("{doing}: it has no id")))?;
    Ok((id, digest))
}

/// Pushes a name to its registry; answers the digest of the manifest there.
///
/// # Errors
/// When the registry does not let us.
pub(super) async fn push(site: &Site, name: &Name, run: &Run) -> Result<Option<String>, ProviderError> {
    let full = name.full();
    let doing = format!("pushing the image {full}");
    let credentials = credentials(&site.environment, name.registry(), &run.cancel).await?;
    let options = PushImageOptions { tag: Some(name.tag().to_owned()), platform: None };
    let docker = site.engine.client().await?;
    let mut stream = docker.push_image(name.repository(), Some(options), credentials);
    let mut digest = None;
    while let Some(said) = stream.next().await {
        match said {
            Ok(said) => {
                let status = said.status.unwrap_or_default();
                digest = pushed_digest(&status).or(digest);
                say(run, Some(&status));
            }
            Err(error) => {
                let error = site.engine.failed(&error).await;
                return Err(with_hint(error.doing(&doing), name));
            }
        }
    }
    Ok(digest)
}

/// The digest in the line with which the engine ends a push: `TAG: digest: sha256:… size: N`.
fn pushed_digest(status: &str) -> Option<String> {
    let (_, rest) = status.split_once("digest: ")?;
    rest.split_whitespace().next().map(str::to_owned)
}

fn say(run: &Run, status: Option<&str>) {
    // The engine says these over and over for each layer.
    let noise = ["Downloading", "Extracting", "Pushing", "Waiting", "Preparing", "Verifying Checksum"];
    if let Some(status) = status.filter(|status| !status.is_empty() && !noise.contains(status)) {
        run.progress.say(status);
    }
}

/// Whether a registry's answer means that it has no such image.
pub(super) fn is_unknown_name(message: &str) -> bool {
    ["not found", "manifest unknown", "name unknown", "does not exist"].iter().any(|words| message.contains(words))
}

fn with_hint(error: ProviderError, name: &Name) -> ProviderError {
    if matches!(error.kind, ErrorKind::Unreachable | ErrorKind::Transient) {
        return error;
    }
    let registry = name.registry();
    let not_let_in = ["denied", "unauthorized", "authentication required", "no basic auth"];
    let not_let_in = not_let_in.iter().any(|words| error.message.contains(words));
    let hint = if is_unknown_name(&error.message) || not_let_in {
        format!("check the name and the tag; if it is private, `docker login {registry}` first")
    } else {
        format!("check that the engine can reach the registry {registry}")
    };
    error.with_hint(hint)
}
