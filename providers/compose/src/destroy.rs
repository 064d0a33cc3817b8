//! Removing a project.

use deployctl_sdk::{Applied, Change, ErrorKind, ProviderError, Run, Value};

use crate::apply::{MOMENT, stands_in_the_way, taint_of};
use crate::compose::{Asked, ComplaintContext, failed, progress_of};
use crate::failure;
use crate::observe::{self, is_ours};
use crate::settings::Settings;
use crate::site::Site;

/// Removes the project's containers and networks, and its volumes where that is asked for. What is gone already is removed.
pub(crate) async fn destroy(site: &Site, change: &Change, run: &Run) -> Applied {
    let Some(prior) = change.prior.clone() else { return Applied::gone() };
    let recorded = prior.attributes.clone();
    let settings = Settings::new(&recorded);
    let Some(name) = settings.project_name().map(str::to_owned) else { return Applied::gone() };
    let failed_with = |error: ProviderError| Applied::failed(Some(prior.clone()), error);
    let world = match site.look().await {
        Ok(world) => world,
        Err(error) => return failed_with(error),
    };
    let (lineage, id) = observe::mark_texts(&change.mark);
    if let Some(other) = world.of(&name).find(|container| !is_ours(container, &lineage, &id)) {
        let message = format!("{} belongs to the project `{name}` of another state", other.name);
        let hint =
            format!("it is left alone; `deployctl state rm '{}'` forgets this record of it", change.mark.address);
        return failed_with(ProviderError::new(ErrorKind::NotOurs, message).with_hint(hint));
    }
    let there = world.has(&name) || world.has_volumes(&name);
    if there {
        let masked = [&recorded, &prior.private];
        let mut done = down(site, run, &name, settings.remove_volumes(), &masked).await;
        if done.as_ref().is_err_and(stands_in_the_way) && !run.cancel.is_cancelled() {
            // The engine takes a moment to let go of a container that was killed.
            tokio::time::sleep(MOMENT).await;
            done = down(site, run, &name, settings.remove_volumes(), &masked).await;
        }
        if done.is_ok() {
            done = nothing_left(site, &name).await;
        }
        if let Err(error) = done {
            let after = match site.look().await {
                Ok(after) => observe::object(prior.clone(), &after, &name),
                Err(_) => prior.clone(),
            };
            let error = match run.cancel.is_cancelled() {
                true => ProviderError::new(ErrorKind::Cancelled, "cancelled"),
                false => failure::held_networks(site, &name, error).await,
            };
            return Applied::failed(Some(after), error);
        }
    }
    for container in world.of(&name) {
        container.binds.values().for_each(|path| site.store.drop_file(path));
    }
    site.store.forget(&change.mark);
    Applied::gone()
}

/// Compose leaves a network that somebody else's container is on, and says that it is done.
async fn nothing_left(site: &Site, project: &str) -> Result<(), ProviderError> {
    let after = site.look().await?;
    let left = after.networks.iter().find(|network| network.project.as_deref() == Some(project));
    let Some(network) = left else { return Ok(()) };
    let message = format!("Docker Compose leaves the network {}: it {}", network.name, failure::ACTIVE);
    Err(ProviderError::new(ErrorKind::Refused, message))
}

async fn down(site: &Site, run: &Run, name: &str, volumes: bool, masked: &[&Value]) -> Result<(), ProviderError> {
    // By its labels alone: the files that the project was made from need not be there any more.
    let folder = tempfile::Builder::new().prefix("compose-down-").tempdir().map_err(|error| {
        ProviderError::new(ErrorKind::Refused, format!("no folder to run Docker Compose in: {error}"))
    })?;
    let at = folder.path().display().to_string();
    let mut arguments: Vec<String> =
        ["--progress", "plain", "-p", name, "--project-directory", &at, "down", "--remove-orphans"]
            .map(str::to_owned)
            .to_vec();
    if volumes {
        arguments.push("--volumes".to_owned());
    }
    let context = ComplaintContext::new(&site.place.root, None, &taint_of(masked));
    let asked = Asked { arguments, variables: Vec::new() };
    let say = |line: &str| {
        if let Some(progress) = progress_of(line, name) {
            run.progress.say(progress);
        }
    };
    let ended = site.compose.run(asked, &run.cancel, |_, line| say(line)).await?;
    if ended.success() {
        Ok(())
    } else {
        Err(failed("Docker Compose could not take the project down", &ended, &context))
    }
}
