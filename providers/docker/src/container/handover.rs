//! A replacement without downtime: the new containers come up beside the old ones, take over their names, and the old ones
//! are given their time to finish before they go. Whatever fails before the hand-over leaves the old ones as they were.

use bollard::models::EndpointSettings;
use deployctl_sdk::{Applied, Change, Object, ProviderError, Run, Value};
use futures_util::future::join_all;

use super::create::{Failure, Made, Maker, connect, start};
use super::delete::{end_and_remove, remove, stop};
use super::inspected::{self, Inspected};
use super::record::{self, Container};
use super::theme::{network, ports};
use super::update::{disconnect, rename};
use super::values::blocks;
use super::{create, describe, health, names, observe};
use crate::attributes::{text, truth};
use crate::provider::Site;

/// Replaces the containers of a record by new ones.
pub(crate) async fn replace(site: &Site, change: &Change, run: &Run) -> Applied {
    let Some(prior) = &change.prior else { return create::create(site, change, run).await };
    let base = names::base(&change.config, Some(&prior.attributes), &change.mark);
    let names = names::all(&base, &change.config);
    let handover = Handover { site, change, run, prior, base: &base, names: &names };
    let brought_up = match handover.first_stops_old() {
        true => handover.one_after_the_other().await,
        false => handover.side_by_side().await,
    };
    match brought_up {
        Ok(new) => handover.hand_over(new).await,
        Err(error) => Applied::failed(Some(prior.clone()), error),
    }
}

struct Handover<'h> {
    site: &'h Site,
    change: &'h Change,
    run: &'h Run,
    prior: &'h Object,
    base: &'h str,
    names: &'h [String],
}

/// What two containers cannot have at the same time, in words; nothing if both can run side by side.
pub(crate) fn contended(old: &Value, new: &Value) -> Option<String> {
    let fixed = |config: &Value| -> Vec<(u16, String)> {
        let protocol = |block: &Value| text(block, "protocol").unwrap_or_default();
        blocks(config, "port").iter().filter_map(|block| Some((ports::fixed(block)?, protocol(block)))).collect()
    };
    let taken = fixed(old);
    if let Some((port, _)) = fixed(new).into_iter().find(|port| taken.contains(port)) {
        return Some(format!("host port {port} is fixed"));
    }
    let addresses = |config: &Value| -> Vec<String> {
        let of = |block: &Value| ["ipv4_address", "ipv6_address"].map(|name| text(block, name));
        blocks(config, "network").iter().flat_map(of).flatten().collect()
    };
    let taken = addresses(old);
    addresses(new)
        .into_iter()
        .find(|address| taken.contains(address))
        .map(|address| format!("address {address} is fixed"))
}

impl Handover<'_> {
    fn first_stops_old(&self) -> bool {
        contended(&self.prior.attributes, &self.change.config).is_some()
    }

    async fn maker(&self) -> Result<Maker<'_>, ProviderError> {
        Maker::new(self.site, self.change, self.run, self.base).await
    }

    fn temporary(&self) -> Vec<String> {
        self.names.iter().map(|name| names::temporary(name, &self.change.mark)).collect()
    }

    /// Both run for a while. Nobody finds the new ones by a name of the old ones before they are healthy, where the engine
    /// can tell.
    async fn side_by_side(&self) -> Result<Vec<Inspected>, ProviderError> {
        let checked = self.change.config.get("healthcheck").is_some();
        let maker = self.maker().await?;
        let maker = if checked { maker.unseen() } else { maker };
        self.run.progress.say("starting the new one beside the old one");
        let temporary = self.temporary();
        let up = join_all(temporary.iter().map(|name| maker.up(name))).await;
        let new = self.all_or_none(up).await?;
        let new = self.gate(new).await?;
        if !checked {
            return Ok(new);
        }
        let shown = join_all(new.iter().map(|one| self.show(one))).await;
        if let Err(error) = shown.into_iter().collect::<Result<Vec<()>, _>>() {
            self.discard(&new).await;
            return Err(error);
        }
        Ok(new)
    }

    /// The new ones cannot run while the old ones do: everything that takes time is done before the old ones stop.
    async fn one_after_the_other(&self) -> Result<Vec<Inspected>, ProviderError> {
        let maker = self.maker().await?;
        let temporary = self.temporary();
        let made = join_all(temporary.iter().map(|name| maker.make(name))).await;
        let mut ids = Vec::new();
        let mut failed = None;
        for made in made {
            match made {
                Ok(Made::New(id)) => ids.push(id),
                Ok(Made::There(one)) => ids.push(inspected::id(&one).to_owned()),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            join_all(ids.iter().map(|id| remove(self.site, id, true))).await;
            return Err(error);
        }
        self.run.progress.say("stopping the old one, whose port or address the new one takes");
        let old = record::containers(self.prior);
        let stopped = join_all(old.iter().map(|one| stop(self.site, &one.id, &self.prior.attributes))).await;
        let mut result: Result<Vec<Inspected>, ProviderError> =
            stopped.into_iter().collect::<Result<Vec<()>, _>>().map(|_| Vec::new());
        if result.is_ok() {
            let up = join_all(ids.iter().zip(&temporary).map(|(id, name)| maker.start(id, name))).await;
            result = self.all_or_none(up).await;
        }
        if let Ok(new) = result {
            result = self.gate(new).await;
        }
        if let Err(error) = result {
            join_all(ids.iter().map(|id| remove(self.site, id, true))).await;
            return Err(self.restart_old(&old, error).await);
        }
        result
    }

    /// Starts the old ones again, and says so; or that it could not be.
    async fn restart_old(&self, old: &[Container], mut error: ProviderError) -> ProviderError {
        let running = text(&self.prior.attributes, "status").as_deref() == Some("running");
        if !running {
            return error;
        }
        let attributes = &self.prior.attributes;
        let started = join_all(old.iter().map(|one| start(self.site, &one.id, &one.name, attributes))).await;
        error.message = match started.into_iter().collect::<Result<Vec<()>, _>>() {
            Ok(_) => format!("{}; the old one was started again", error.message),
            Err(other) => format!("{}; and the old one could not be started again: {}", error.message, other.message),
        };
        error
    }

    /// All new ones, or the first error after all of them were removed.
    async fn all_or_none(&self, results: Vec<Result<Inspected, Failure>>) -> Result<Vec<Inspected>, ProviderError> {
        let (mut there, mut failed) = (Vec::new(), None);
        for result in results {
            match result {
                Ok(one) => there.push(one),
                Err(failure) => {
                    there.extend(failure.left.map(|left| *left));
                    failed.get_or_insert(failure.error);
                }
            }
        }
        match failed {
            None => Ok(there),
            Some(error) => {
                self.discard(&there).await;
                Err(error)
            }
        }
    }

    /// Waits until all new ones are up.
    async fn gate(&self, new: Vec<Inspected>) -> Result<Vec<Inspected>, ProviderError> {
        if !truth(&self.change.config, "must_run") {
            return Ok(new);
        }
        let up = join_all(new.iter().map(|one| health::wait(self.site, inspected::id(one), &self.run.cancel))).await;
        match up.into_iter().collect() {
            Ok(up) => Ok(up),
            Err(error) => {
                self.discard(&new).await;
                Err(error)
            }
        }
    }

    async fn discard(&self, new: &[Inspected]) {
        // What cannot be removed now bears our mark, and is found by it.
        join_all(new.iter().map(|one| remove(self.site, inspected::id(one), true))).await;
    }

    /// Gives a new one the names in its networks that it was made without.
    async fn show(&self, one: &Inspected) -> Result<(), ProviderError> {
        let shared = describe::shared_name(&self.change.config, self.base);
        let with_names = network::endpoints(&self.change.config, shared.as_deref());
        let named = |(_, endpoint): &(String, EndpointSettings)| endpoint.aliases.is_some();
        for (network, endpoint) in with_names.into_iter().filter(named) {
            disconnect(self.site, &network, inspected::id(one)).await?;
            connect(self.site, &network, inspected::id(one), endpoint, &self.change.config).await?;
        }
        Ok(())
    }

    /// Moves the names, lets the old ones finish, and removes them.
    async fn hand_over(&self, new: Vec<Inspected>) -> Applied {
        let old = record::containers(self.prior);
        if let Err(error) = self.move_names(&old, &new).await {
            self.discard(&new).await;
            let error = match self.first_stops_old() {
                true => self.restart_old(&old, error).await,
                false => error,
            };
            return Applied::failed(Some(self.prior.clone()), error);
        }
        let ids: Vec<String> = new.iter().map(|one| inspected::id(one).to_owned()).collect();
        // From here on the new ones do the work, whatever becomes of the old ones.
        let seen = observe::inspect_all(self.site, &ids).await.ok().filter(|seen| seen.len() == ids.len());
        let object = describe::made(&self.site.schemas.container, &self.change.config, self.base, &seen.unwrap_or(new));
        let object = Object { captured: self.change.captured.clone(), ..object };
        self.run.progress.say("the new one has taken over; the old one finishes and goes");
        let gone = join_all(old.iter().map(|one| end_and_remove(self.site, &one.id, &self.prior.attributes))).await;
        match gone.into_iter().collect::<Result<Vec<()>, _>>() {
            Ok(_) => Applied::done(object),
            Err(error) => Applied { deposed: vec![self.prior.clone()], ..Applied::failed(Some(object), error) },
        }
    }

    async fn move_names(&self, old: &[Container], new: &[Inspected]) -> Result<(), ProviderError> {
        let mut moved: Vec<&Container> = Vec::new();
        for one in old.iter().filter(|one| self.names.contains(&one.name)) {
            let aside = format!("{}-{}", one.name, one.id.get(..8).unwrap_or(&one.id));
            match rename(self.site, &one.id, &aside).await {
                Ok(()) => moved.push(one),
                // One that is gone has no name to give.
                Err(error) if error.message.contains("No such container") => {}
                Err(error) => return Err(self.move_back(&moved, error).await),
            }
        }
        for (one, name) in new.iter().zip(self.names) {
            if let Err(error) = rename(self.site, inspected::id(one), name).await {
                // A new one that has a name already would keep it from its owner.
                self.discard(new).await;
                return Err(self.move_back(&moved, error).await);
            }
        }
        Ok(())
    }

    async fn move_back(&self, moved: &[&Container], error: ProviderError) -> ProviderError {
        for one in moved {
            // What keeps a wrong name is put right by the next apply.
            let _ = rename(self.site, &one.id, &one.name).await;
        }
        error
    }
}
