//! Doing it: objects in waves, what is not wanted any more pruned, and everything waited for.

pub(crate) mod delete;
mod put;
pub(crate) mod wait;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use deployctl_sdk::{Applied, Change, ErrorKind, Mask, Object, Operation, Prepared, ProviderError, Run};
use tokio::time::Instant;

use crate::id::Id;
use crate::json::Json;
use crate::look::{Found, Target, look};
use crate::mark;
use crate::observe;
use crate::options::Options;
use crate::plan::assemble::Artefact;
use crate::plan::decide::{masked, refuse_foreign};
use crate::record::{Entry, Marking, Record};
use crate::site::Site;
use crate::sources;
use crate::wanted::{self, Wanted};

/// Does one change.
pub(crate) async fn apply(site: &Site, change: &Change, run: &Run) -> Applied {
    let prior = change.prior.clone();
    if run.cancel.is_cancelled() {
        return Applied::failed(prior, cancelled());
    }
    site.forget_seen();
    match change.operation {
        Operation::Create | Operation::Update => make(site, change, run).await,
        Operation::Delete => delete::all(site, change, run).await,
        Operation::Replace => {
            let error = ProviderError::new(ErrorKind::Internal, "objects are not replaced in one operation");
            Applied::failed(prior, error)
        }
    }
}

/// What a cancelled operation says.
pub(crate) fn cancelled() -> ProviderError {
    ProviderError::new(ErrorKind::Cancelled, "cancelled")
}

async fn make(site: &Site, change: &Change, run: &Run) -> Applied {
    let prior = change.prior.clone();
    let record = prior.as_ref().map(Record::of).unwrap_or_default();
    let options = match Options::of(&change.config) {
        Ok(options) => options,
        Err(problems) => return Applied::failed(prior, sources::first(problems)),
    };
    let wanted = match settled(site, change, run, &options).await {
        Ok(wanted) => wanted,
        Err(error) => return Applied::failed(prior, error),
    };
    let marking = Marking::new(&change.mark, &record);
    let live = match there(site, change, &wanted, &record).await {
        Ok(live) => live,
        Err(error) => return Applied::failed(prior, error),
    };
    let address = change.mark.address.to_string();
    let foreign = wanted.iter().filter_map(|one| Some((one, live.get(&one.id)?)));
    if let Some(error) =
        foreign.filter_map(|(one, object)| refuse_foreign(object, one, &marking, &address).err()).next()
    {
        return Applied::failed(prior, error);
    }
    let artefact: Artefact =
        change.artefact.as_ref().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
    let mask = wanted::mask(&change.config, wanted.iter().map(|one| &one.object));
    let work = Work {
        site,
        run,
        options,
        marking,
        mask,
        address,
        replaced: artefact.replaced.into_iter().collect(),
        before: record.entries.iter().map(|entry| (entry.id.clone(), entry.clone())).collect(),
        entries: Mutex::new(record.entries.into_iter().map(|entry| (entry.id.clone(), entry)).collect()),
        latest: Mutex::new(live),
    };
    let error = work.carry_out(&wanted).await.err().map(|error| masked(error, &work.mask));
    work.conclude(change, prior.as_ref(), error)
}

async fn settled(site: &Site, change: &Change, run: &Run, options: &Options) -> Result<Vec<Wanted>, ProviderError> {
    let prepared = Prepared { config: change.config.clone(), captured: change.captured.clone() };
    let address = change.mark.address.to_string();
    let settled = || async {
        let settled = crate::plan::wanted(site, &prepared, &*run.files, options, &address, &run.cancel).await;
        settled.map(|settled| settled.wanted)
    };
    match settled().await {
        // Its kind may have been made since the kinds were asked for.
        Err(error) if error.kind == ErrorKind::Invalid => {
            site.cluster.kinds_anew().await?;
            settled().await
        }
        // So may those of which nothing was to be seen when it was planned; what is there of them must be looked at.
        Ok(wanted) if wanted.iter().any(|one| one.kind_made_by.is_some()) => {
            site.cluster.kinds_anew().await?;
            settled().await
        }
        settled => settled,
    }
}

/// What is there of what is wanted.
async fn there(site: &Site, change: &Change, wanted: &[Wanted], record: &Record) -> Result<Found, ProviderError> {
    let targets = wanted.iter().filter(|one| one.kind_made_by.is_none());
    let targets = targets.map(|one| Target { id: &one.id, kind: &one.kind }).collect();
    // Most of what was recorded bears the label; of what is new nothing does.
    let selector = (!record.entries.is_empty()).then(|| mark::selector(change.mark.id));
    look(&site.cluster, targets, selector.as_deref()).await
}

/// One operation on the objects of one resource.
pub(crate) struct Work<'w> {
    site: &'w Site,
    run: &'w Run,
    options: Options,
    marking: Marking,
    mask: Mask,
    address: String,
    /// The objects that the plan showed as made anew.
    replaced: HashSet<String>,
    /// What was recorded before.
    before: HashMap<Id, Entry>,
    /// What is there now, as it will be recorded.
    entries: Mutex<BTreeMap<Id, Entry>>,
    /// Objects as they were last seen.
    latest: Mutex<Found>,
}

impl Work<'_> {
    async fn carry_out(&self, wanted: &[Wanted]) -> Result<(), ProviderError> {
        self.put_all(wanted).await?;
        self.prune(wanted).await?;
        self.wait(wanted).await
    }

    /// Deletes what is recorded and not wanted any more.
    async fn prune(&self, wanted: &[Wanted]) -> Result<(), ProviderError> {
        let kept: HashSet<&Id> = wanted.iter().map(|one| &one.id).collect();
        let gone: Vec<Entry> = self.before.values().filter(|entry| !kept.contains(&entry.id)).cloned().collect();
        if gone.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + self.options.timeout;
        let down = delete::Down { site: self.site, run: self.run, id: self.marking.id, deadline };
        let (left, error) = down.take(gone.clone()).await;
        let left: HashSet<Id> = left.into_iter().map(|entry| entry.id).collect();
        let mut entries = lock(&self.entries);
        gone.iter().filter(|entry| !left.contains(&entry.id)).for_each(|entry| _ = entries.remove(&entry.id));
        error.map_or(Ok(()), Err)
    }

    /// Notes an object as it is after it was applied.
    fn note(&self, wanted: &Wanted, object: Json) {
        let entry = Entry::of(&object, &wanted.manifest, &self.site.cluster.manager);
        lock(&self.entries).insert(wanted.id.clone(), entry);
        lock(&self.latest).insert(wanted.id.clone(), object);
    }

    /// The truth afterwards.
    fn conclude(self, change: &Change, prior: Option<&Object>, error: Option<ProviderError>) -> Applied {
        let entries: Vec<Entry> =
            self.entries.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect();
        let latest = self.latest.into_inner().unwrap_or_else(PoisonError::into_inner);
        let record = Record { id: self.marking.id, address: self.marking.address, entries };
        if record.entries.is_empty() && error.is_some() && prior.is_none() {
            return Applied::failed(None, error.unwrap_or_else(cancelled));
        }
        let (config, captured) = match (&error, prior) {
            // What it was made from is what is recorded: the next plan then shows what is still to be done.
            (Some(_), Some(prior)) => (prior.attributes.clone(), prior.captured.clone()),
            _ => (change.config.clone(), change.captured.clone()),
        };
        let object = observe::described(&change.type_name, &config, record, &latest, captured);
        match error {
            None => Applied::done(object),
            Some(error) => Applied { resumes: true, ..Applied::failed(Some(object), error) },
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
