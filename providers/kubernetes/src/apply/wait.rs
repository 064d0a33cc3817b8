//! Waiting until each object is ready, and saying why one is not.

use std::collections::HashMap;
use std::time::Duration;

use deployctl_sdk::{ErrorKind, ProviderError};
use tokio::time::Instant;

use super::{Work, cancelled, lock};
use crate::id::Id;
use crate::json::{Json, text};
use crate::look::{Target, look};
use crate::mark;
use crate::options::Options;
use crate::ready::{Readiness, crash_loop, diagnose, readiness, waits_for_consumer};
use crate::wanted::Wanted;

/// How long it is waited between two looks: at first, and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// How often it is looked whether pods of a workload start again and again.
const CRASHES: Duration = Duration::from_secs(3);

/// Of so many objects that are not ready it is said why in full.
const EXPLAINED: usize = 3;

/// An object that is waited for.
struct Waiting<'w> {
    wanted: &'w Wanted,
    /// What it was last said to wait for.
    said: String,
}

/// How far an object is by its kind and by what the configuration waits for.
pub(crate) fn judged(object: &Json, options: &Options, id: &Id) -> Readiness {
    match readiness(object) {
        Readiness::Ready => {}
        not_yet => return not_yet,
    }
    let conditions = options.conditions_of(id).map(|condition| condition.readiness(object));
    conditions.into_iter().find(|readiness| *readiness != Readiness::Ready).unwrap_or(Readiness::Ready)
}

impl Work<'_> {
    /// Waits for all objects.
    ///
    /// # Errors
    /// Which are not ready and why, when one never will be, or the time is over.
    pub(super) async fn wait(&self, wanted: &[Wanted]) -> Result<(), ProviderError> {
        if !self.options.wait {
            return Ok(());
        }
        let mut waiting = self.not_ready_yet(wanted);
        if waiting.is_empty() {
            return Ok(());
        }
        self.set_ready(waiting.iter().map(|one| &one.wanted.id), false);
        let deadline = Instant::now() + self.options.timeout;
        let (mut pause, longest) = LOOK;
        let mut crashes = Instant::now() + CRASHES;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.run.cancel.cancelled() => return Err(cancelled()),
            }
            pause = (pause * 3 / 2).min(longest);
            self.look_again(&mut waiting, deadline).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            if Instant::now() > crashes {
                crashes = Instant::now() + CRASHES;
                self.refuse_crashes(&waiting).await?;
            }
            if Instant::now() > deadline {
                let within = format!("not ready within {} s", self.options.timeout.as_secs());
                let waiting = waiting.iter().map(|one| (&one.wanted.id, one.said.clone())).collect();
                return Err(self.explain(waiting, &within).await);
            }
        }
    }

    fn not_ready_yet<'w>(&self, wanted: &'w [Wanted]) -> Vec<Waiting<'w>> {
        let latest = lock(&self.latest);
        let is_ready = |one: &&Wanted| {
            let object = latest.get(&one.id);
            object.is_some_and(|object| judged(object, &self.options, &one.id) == Readiness::Ready)
        };
        let waiting: Vec<&Wanted> = wanted.iter().filter(|one| !is_ready(one)).collect();
        drop(latest);
        let ready: std::collections::HashSet<&Id> = waiting.iter().map(|one| &one.id).collect();
        self.set_ready(wanted.iter().map(|one| &one.id).filter(|id| !ready.contains(id)), true);
        waiting.into_iter().map(|wanted| Waiting { wanted, said: String::new() }).collect()
    }

    fn set_ready<'i>(&self, ids: impl Iterator<Item = &'i Id>, ready: bool) {
        let mut entries = lock(&self.entries);
        for id in ids {
            if let Some(entry) = entries.get_mut(id) {
                entry.ready = ready;
            }
        }
    }

    /// Looks at what is waited for, and lets go of what is ready.
    async fn look_again(&self, waiting: &mut Vec<Waiting<'_>>, deadline: Instant) -> Result<(), ProviderError> {
        let targets = waiting.iter().map(|one| Target { id: &one.wanted.id, kind: &one.wanted.kind }).collect();
        let selector = self.marking.id.map(mark::selector);
        let found = match look(&self.site.cluster, targets, selector.as_deref()).await {
            Ok(found) => found,
            // The server may be away for a moment; what is waited for goes on without it.
            Err(error) if error.kind == ErrorKind::Unreachable && Instant::now() < deadline => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut states: HashMap<&Id, Readiness> = HashMap::new();
        for one in waiting.iter() {
            let state = match found.get(&one.wanted.id) {
                Some(object) => self.state(object, &one.wanted.id).await,
                None => Readiness::Failed("it is not there any more".to_owned()),
            };
            states.insert(&one.wanted.id, state);
        }
        let failed: Vec<(&Id, String)> = states
            .iter()
            .filter_map(|(id, state)| match state {
                Readiness::Failed(why) => Some((*id, why.clone())),
                _ => None,
            })
            .collect();
        lock(&self.latest).extend(found);
        if !failed.is_empty() {
            return Err(self.explain(failed, "will not become ready").await);
        }
        let ready: Vec<Id> =
            states.iter().filter(|(_, state)| **state == Readiness::Ready).map(|(id, _)| (*id).clone()).collect();
        self.set_ready(ready.iter(), true);
        for one in waiting.iter_mut() {
            if let Some(Readiness::Progressing(why)) = states.get(&one.wanted.id)
                && one.said != *why
            {
                one.said.clone_from(why);
                self.run.progress.say(self.mask.apply(&format!("{}: {why}", one.wanted.id)));
            }
        }
        let ready: std::collections::HashSet<Id> = ready.into_iter().collect();
        ready.iter().for_each(|id| self.run.progress.say(format!("{id}: ready")));
        waiting.retain(|one| !ready.contains(&one.wanted.id));
        Ok(())
    }

    async fn state(&self, object: &Json, id: &Id) -> Readiness {
        let state = judged(object, &self.options, id);
        let is_claim = id.group.is_empty() && id.kind == "PersistentVolumeClaim";
        if is_claim
            && matches!(state, Readiness::Progressing(_))
            && let Ok(client) = self.site.cluster.client().await
            && waits_for_consumer(client, object).await
        {
            return Readiness::Ready;
        }
        state
    }

    async fn refuse_crashes(&self, waiting: &[Waiting<'_>]) -> Result<(), ProviderError> {
        let client = self.site.cluster.client().await?;
        for one in waiting.iter().filter(|one| crate::plan::risks::is_workload(&one.wanted.id)) {
            let Some(object) = lock(&self.latest).get(&one.wanted.id).cloned() else { continue };
            if let Some(why) = crash_loop(client, &object).await {
                return Err(self.explain(vec![(&one.wanted.id, why)], "will not become ready").await);
            }
        }
        Ok(())
    }

    /// Which objects are not ready, and what the cluster has to say about the first few.
    async fn explain(&self, waiting: Vec<(&Id, String)>, what: &str) -> ProviderError {
        let message = match waiting.as_slice() {
            [(id, why)] => format!("{id}: {what}: {why}"),
            several => format!("{} objects: {what}", several.len()),
        };
        let mut detail = Vec::new();
        if waiting.len() > 1 {
            detail.extend(waiting.iter().map(|(id, why)| format!("{id}: {why}")));
        }
        for (id, _) in waiting.iter().take(EXPLAINED) {
            let object = lock(&self.latest).get(*id).cloned();
            if let (Some(object), Ok(client)) = (object, self.site.cluster.client().await)
                && !text(&object, "/metadata/name").is_empty()
            {
                detail.extend(diagnose(client, &object, &self.mask).await);
            }
        }
        ProviderError::new(ErrorKind::Refused, message).with_detail(detail)
    }
}
