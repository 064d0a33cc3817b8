//! Objects applied wave by wave, side by side within each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use deployctl_sdk::{ErrorKind, ProviderError};
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::Instant;

use super::{Work, cancelled, delete, lock};
use crate::cluster::{AT_ONCE, How, Kind};
use crate::json::{Json, text};
use crate::plan::decide::refuse_conflicts;
use crate::plan::refusal::Refusal;
use crate::ready::{Readiness, readiness};
use crate::sources;
use crate::wanted::Wanted;
use crate::wave;

/// How often it is looked whether a definition is established.
const LOOK: Duration = Duration::from_millis(50);

/// From how many objects on a wave says how far it is.
const MANY: usize = 20;

impl Work<'_> {
    /// Applies all objects.
    ///
    /// # Errors
    /// What went wrong first; what was under way beside it was brought to its end.
    pub(super) async fn put_all(&self, wanted: &[Wanted]) -> Result<(), ProviderError> {
        let mut waves: BTreeMap<u8, Vec<&Wanted>> = BTreeMap::new();
        for one in wanted {
            waves.entry(one.wave).or_default().push(one);
        }
        for (number, objects) in waves {
            self.put_wave(number, &objects).await?;
            if number == wave::DEFINITIONS {
                self.until_established(&objects).await?;
            }
        }
        Ok(())
    }

    async fn put_wave(&self, number: u8, objects: &[&Wanted]) -> Result<(), ProviderError> {
        let failed = AtomicBool::new(false);
        let done = AtomicUsize::new(0);
        let asked: Vec<_> =
            objects.iter().map(|one| self.put_unless(one, &failed, &done, number, objects.len())).collect();
        let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
        let mut problems = Vec::new();
        while let Some(answer) = answers.next().await {
            if let Err(error) = answer {
                failed.store(true, Ordering::Relaxed);
                problems.push(error);
            }
        }
        // A failure says more than that the rest was not started.
        problems.sort_by_key(|error| error.kind == ErrorKind::Cancelled);
        if problems.is_empty() { Ok(()) } else { Err(sources::first(problems)) }
    }

    async fn put_unless(
        &self,
        wanted: &Wanted,
        failed: &AtomicBool,
        done: &AtomicUsize,
        number: u8,
        total: usize,
    ) -> Result<(), ProviderError> {
        if failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        if self.run.cancel.is_cancelled() {
            return Err(cancelled());
        }
        self.put(wanted).await?;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if total >= MANY && (done.is_multiple_of((total / 10).max(1)) || done == total) {
            self.run.progress.say(format!("{}: {done} of {total} applied", wave::name(number)));
        }
        Ok(())
    }

    async fn put(&self, wanted: &Wanted) -> Result<(), ProviderError> {
        let live = lock(&self.latest).get(&wanted.id).cloned();
        let entry = self.before.get(&wanted.id);
        if let (Some(live), Some(entry)) = (&live, entry)
            && entry.manifest == wanted.manifest
            && entry.is_as_applied(live, &self.site.cluster.manager)
        {
            return Ok(());
        }
        let mut object = wanted.object.clone();
        self.marking.put(&mut object);
        let live = match live {
            Some(live) if self.replaced.contains(&wanted.id.to_string()) => {
                self.make_way(wanted, &live).await?;
                None
            }
            live => live,
        };
        if let Some(live) = &live
            && let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut)
        {
            // The very object that was looked at, and none that somebody made in its place since.
            metadata.insert("uid".to_owned(), Json::from(text(live, "/metadata/uid")));
        }
        let answer = self.send(wanted, &object).await?;
        let applied = serde_json::from_str(&answer).map_err(|error| {
            ProviderError::new(ErrorKind::Internal, format!("{}: the answer is not JSON: {error}", wanted.id))
        })?;
        self.note(wanted, applied);
        Ok(())
    }

    async fn send(&self, wanted: &Wanted, object: &Json) -> Result<String, ProviderError> {
        let cluster = &self.site.cluster;
        let namespace = &wanted.id.namespace;
        let force = |force: bool| How { dry_run: false, force };
        let what = format!("{} ({})", wanted.id, wanted.place);
        let gently = cluster.patiently(|| cluster.apply(&wanted.kind, namespace, object, force(false))).await;
        let refusal = match gently {
            Ok(answer) => return Ok(answer),
            Err(error) => Refusal::of(error, &what),
        };
        match refusal {
            Refusal::Conflicts(conflicts) => {
                let entry = self.before.get(&wanted.id);
                refuse_conflicts(&conflicts, wanted, entry, &self.options, &self.address)?;
                let taken = cluster.patiently(|| cluster.apply(&wanted.kind, namespace, object, force(true))).await;
                taken.map_err(|error| crate::cluster::explained(error, &what))
            }
            Refusal::Immutable(fields) => {
                let text = format!("{what}: cannot be changed in place: {}", fields.join(", "));
                let hint = "this was not planned as a replacement: plan again";
                Err(ProviderError::new(ErrorKind::Stale, text).with_hint(hint))
            }
            Refusal::NoNamespace => {
                let text = format!("{what}: there is no namespace {namespace}");
                Err(ProviderError::new(ErrorKind::Refused, text).with_hint("add a manifest of it"))
            }
            Refusal::Other(error) => Err(error),
        }
    }

    /// Deletes an object that is made anew, and waits until it is gone.
    async fn make_way(&self, wanted: &Wanted, live: &Json) -> Result<(), ProviderError> {
        self.run.progress.say(format!("{}: deleted, to be made anew", wanted.id));
        let entry = crate::record::Entry::of(live, "", &self.site.cluster.manager);
        let deadline = Instant::now() + self.options.timeout;
        let down = delete::Down { site: self.site, run: self.run, id: self.marking.id, deadline };
        let (left, error) = down.take(vec![entry]).await;
        if left.is_empty() {
            lock(&self.entries).remove(&wanted.id);
            lock(&self.latest).remove(&wanted.id);
        }
        error.map_or(Ok(()), Err)
    }

    /// Waits until the server knows the kinds that were just defined.
    async fn until_established(&self, definitions: &[&Wanted]) -> Result<(), ProviderError> {
        let deadline = Instant::now() + self.options.timeout;
        for definition in definitions {
            loop {
                let id = &definition.id;
                let object = self.site.cluster.get(&definition.kind, "", &id.name).await?;
                if object.as_ref().is_some_and(|object| is(object, "Established") && is(object, "NamesAccepted")) {
                    lock(&self.latest).extend(object.map(|object| (id.clone(), object)));
                    break;
                }
                if let Some(Readiness::Failed(why)) = object.as_ref().map(readiness) {
                    return Err(ProviderError::new(ErrorKind::Refused, format!("{id}: will not become ready: {why}")));
                }
                if Instant::now() > deadline {
                    let text = format!("{id}: the server has not established it in time");
                    return Err(ProviderError::new(ErrorKind::Transient, text));
                }
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = self.run.cancel.cancelled() => return Err(cancelled()),
                }
            }
        }
        self.until_served(definitions, deadline).await
    }

    /// Discovery follows a moment after.
    async fn until_served(&self, definitions: &[&Wanted], deadline: Instant) -> Result<(), ProviderError> {
        let brought: Vec<Kind> = definitions.iter().flat_map(|one| Kind::defined_by(&one.object)).collect();
        loop {
            let kinds = self.site.cluster.kinds_anew().await?;
            let served = |kind: &Kind| kinds.get(&kind.resource.api_version, &kind.resource.kind).is_some();
            if brought.iter().all(served) || Instant::now() > deadline {
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.run.cancel.cancelled() => return Err(cancelled()),
            }
        }
    }
}

fn is(object: &Json, condition: &str) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Json::as_array);
    conditions.into_iter().flatten().any(|one| text(one, "/type") == condition && text(one, "/status") == "True")
}
