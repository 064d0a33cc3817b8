//! Changing containers where they stand: names, limits, networks, whether they run, and how many there are.

use bollard::models::{EndpointSettings, NetworkDisconnectRequest};
use bollard::query_parameters::RenameContainerOptionsBuilder;
use deployctl_sdk::{Applied, Change, Object, ProviderError, Run, Value};
use futures_util::future::join_all;

use super::create::{Failure, Maker, connect, start};
use super::delete::{end_and_remove, remove};
use super::inspected::{self, Inspected};
use super::theme::{limits, network, restart};
use super::values::{blocks, texts};
use super::{conflict, describe, health, names, observe, record};
use crate::attributes::{text, truth, with};
use crate::mark;
use crate::provider::Site;

/// Brings the containers of a record to the configuration, touching only what differs.
pub(crate) async fn update(site: &Site, change: &Change, run: &Run) -> Applied {
    let Some(prior) = &change.prior else { return super::create::create(site, change, run).await };
    match converge(site, change, run, prior).await {
        Ok(object) => Applied::done(object),
        Err(error) => Applied::failed(Some(as_it_is(site, change, prior).await), error),
    }
}

/// The record with what is there now, what was made on the way included.
async fn as_it_is(site: &Site, change: &Change, prior: &Object) -> Object {
    let mut ids: Vec<String> = record::containers(prior).into_iter().map(|container| container.id).collect();
    let made = observe::list(site, Some(mark::filter_of(&change.mark))).await.unwrap_or_default();
    ids.extend(made.into_iter().filter_map(|summary| summary.id).filter(|id| !ids.contains(id)).collect::<Vec<_>>());
    match observe::inspect_all(site, &ids).await {
        Ok(all) if !all.is_empty() => describe::compared(prior, &all),
        _ => prior.clone(),
    }
}

async fn converge(site: &Site, change: &Change, run: &Run, prior: &Object) -> Result<Object, ProviderError> {
    let config = &change.config;
    let base = names::base(config, Some(&prior.attributes), &change.mark);
    let maker = Maker::new(site, change, run, &base).await?;
    let ids: Vec<String> = record::containers(prior).into_iter().map(|container| container.id).collect();
    let mut there = observe::inspect_all(site, &ids).await?;
    if there.is_empty() {
        refuse_successor(site, change, prior).await?;
    }
    let wanted = names::all(&base, config);
    // What was made and never started may lack its files; it is made anew.
    let (unstarted, mut kept): (Vec<Inspected>, Vec<Inspected>) =
        there.drain(..).partition(|one| matches!(inspected::status(one).as_str(), "created" | "dead"));
    let surplus = kept.split_off(kept.len().min(wanted.len()));
    for one in &unstarted {
        remove(site, inspected::id(one), true).await?;
    }
    let removed = surplus.iter().map(|one| end_and_remove(site, inspected::id(one), &prior.attributes));
    join_all(removed).await.into_iter().collect::<Result<Vec<()>, _>>()?;
    maker.go_on()?;

    let places = assign(kept, &wanted);
    let each = wanted.iter().zip(places).map(|(name, place)| async {
        match place {
            Some(one) => Editor { site, config, base: &base, maker: &maker }.edit(one, name).await,
            None => maker.up(name).await,
        }
    });
    let mut all = Vec::new();
    let mut failed = None;
    for result in join_all(each).await {
        match result {
            Ok(one) => all.push(one),
            Err(failure) => {
                failed.get_or_insert(failure.error);
            }
        }
    }
    match failed {
        None => Ok(maker.record(&base, &all, change)),
        Some(error) => Err(error),
    }
}

/// Where none of the containers is there any more, somebody else's may stand in their place: it must not look as if only a
/// new one beside it were missing.
///
/// # Errors
/// When one does.
async fn refuse_successor(site: &Site, change: &Change, prior: &Object) -> Result<(), ProviderError> {
    for container in record::containers(prior) {
        if let Some(holder) = inspected::inspect(site, &container.name).await?
            && !mark::is(&inspected::labels(&holder), change.mark.lineage, change.mark.id)
        {
            return Err(conflict::name_taken(&container.name, &holder, &change.mark));
        }
    }
    Ok(())
}

/// Which container is which replica: one that has a wanted name keeps it, the others fill the gaps.
fn assign(kept: Vec<Inspected>, wanted: &[String]) -> Vec<Option<Inspected>> {
    let mut places: Vec<Option<Inspected>> = wanted.iter().map(|_| None).collect();
    let mut others = Vec::new();
    for one in kept {
        let at = wanted.iter().position(|name| name == inspected::name(&one));
        match at.and_then(|at| places.get_mut(at)) {
            Some(place @ None) => *place = Some(one),
            _ => others.push(one),
        }
    }
    let mut others = others.into_iter();
    for place in &mut places {
        if place.is_none() {
            *place = others.next();
        }
    }
    places
}

/// Changes one container.
struct Editor<'e> {
    site: &'e Site,
    config: &'e Value,
    base: &'e str,
    maker: &'e Maker<'e>,
}

impl Editor<'_> {
    async fn edit(&self, one: Inspected, name: &str) -> Result<Inspected, Failure> {
        let id = inspected::id(&one);
        self.maker.go_on()?;
        if inspected::name(&one) != name {
            rename(self.site, id, name).await?;
        }
        let shared = describe::shared_name(self.config, self.base);
        let now = describe::changing(&one, shared.as_deref());
        self.limit(id, &now).await?;
        if network::has_attachments(self.config) {
            self.attach(&one, shared.as_deref()).await?;
        }
        self.maker.go_on()?;
        self.run(&one, name).await?;
        let after =
            inspected::inspect(self.site, id).await.map_err(|error| error.doing("cannot look at the container"))?;
        let Some(after) = after else {
            let message = format!("container {name} is gone");
            return Err(ProviderError::new(deployctl_sdk::ErrorKind::Refused, message).into());
        };
        health::check_started(self.site, &after, truth(self.config, "must_run")).await?;
        Ok(after)
    }

    /// Gives it its restart policy and its limits, if they differ from what it has.
    async fn limit(&self, id: &str, now: &deployctl_sdk::Map) -> Result<(), ProviderError> {
        let differs = |name: &&str| {
            let wanted = self.config.get(name).cloned().unwrap_or_default();
            !describe::same(&wanted, &now.get(*name).cloned().unwrap_or_default())
        };
        if !limits::UPDATED.iter().chain(&["restart"]).any(differs) {
            return Ok(());
        }
        let mut body = limits::update(self.config);
        body.restart_policy = Some(restart::policy(self.config));
        let update = self.site.engine.call(|docker| async move { docker.update_container(id, body).await });
        update.await.map_err(|error| {
            let unknown = error.is_not_found();
            let error = error.doing("cannot change its limits");
            if !unknown {
                return error;
            }
            // The container is there, so it is the request that is not.
            error.with_hint(format!(
                "this engine has no request that changes a container's limits (Podman 4 has none); \
                `deployctl apply --replace '{}'` makes a new one",
                self.maker.mark.address
            ))
        })
    }

    /// Attaches it to the networks that it is to be in, and to no others.
    async fn attach(&self, one: &Inspected, shared: Option<&str>) -> Result<(), ProviderError> {
        let id = inspected::id(one);
        let mut wanted = network::endpoints(self.config, shared);
        if wanted.is_empty() {
            wanted.push((network::DEFAULT.to_owned(), EndpointSettings::default()));
        }
        // Seen without the shared name, which a container that was no replica has not, and one that is none any more has.
        let now = describe::changing(one, None).get("network").cloned().unwrap_or_default();
        let now = now.as_list().unwrap_or_default();
        let named = |block: &Value, name: &str| text(block, "name").as_deref() == Some(name);
        for block in now {
            let name = text(block, "name").unwrap_or_default();
            if !wanted.iter().any(|(other, _)| *other == name) {
                disconnect(self.site, &name, id).await?;
            }
        }
        for (name, endpoint) in wanted {
            let has = now.iter().find(|block| named(block, &name));
            let asked = blocks(self.config, "network").iter().find(|block| named(block, &name));
            let as_asked = |has: &Value| {
                let aliases = texts(has, "aliases").unwrap_or_default();
                let wanted = endpoint.aliases.clone().unwrap_or_default();
                let same_names = aliases.len() == wanted.len() && aliases.iter().all(|alias| wanted.contains(alias));
                asked.is_none_or(|asked| same_names && same_attachment(has, asked))
            };
            let same = has.is_some_and(as_asked);
            if same {
                continue;
            }
            if has.is_some() {
                disconnect(self.site, &name, id).await?;
            }
            connect(self.site, &name, id, endpoint, self.config).await?;
        }
        Ok(())
    }

    /// Lets it run, if it is to.
    async fn run(&self, one: &Inspected, name: &str) -> Result<(), ProviderError> {
        let id = inspected::id(one);
        match inspected::status(one).as_str() {
            "exited" if truth(self.config, "must_run") => start(self.site, id, name, self.config).await,
            "paused" => {
                let unpause = self.site.engine.call(|docker| async move { docker.unpause_container(id).await });
                unpause.await.map_err(|error| error.doing("cannot let it go on"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether an attachment but for its names is as configured. A hardware address that the engine made up cannot be told from a given one.
fn same_attachment(has: &Value, asked: &Value) -> bool {
    let without = |block: &Value| with(block, vec![("mac_address", Value::Null), ("aliases", Value::Null)]);
    describe::same(&without(has), &without(asked))
}

/// Gives a container another name.
///
/// # Errors
/// When the engine refuses.
pub(crate) async fn rename(site: &Site, id: &str, name: &str) -> Result<(), ProviderError> {
    let options = RenameContainerOptionsBuilder::default().name(name).build();
    let renamed = site.engine.call(|docker| async move { docker.rename_container(id, options).await });
    match renamed.await {
        Ok(()) => Ok(()),
        Err(error) if error.is_conflict() => {
            let error = ProviderError::new(deployctl_sdk::ErrorKind::NotOurs, error.message());
            Err(error.with_hint("choose another name, or remove what has it"))
        }
        Err(error) => Err(error.doing(&format!("cannot rename a container to {name}"))),
    }
}

/// Detaches a container from a network; one that is not attached is no error.
///
/// # Errors
/// When the engine refuses.
pub(crate) async fn disconnect(site: &Site, network: &str, id: &str) -> Result<(), ProviderError> {
    let body = NetworkDisconnectRequest { container: id.to_owned(), force: Some(true) };
    match site.engine.call(|docker| async move { docker.disconnect_network(network, body).await }).await {
        Ok(()) => Ok(()),
        Err(error) if error.is_not_found() || error.message().contains("is not connected") => Ok(()),
        Err(error) => Err(error.doing(&format!("cannot detach a container from network {network}"))),
    }
}
