//! Objects deleted in the reverse of the order in which they were made, and waited for until they are gone.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use deployctl_sdk::{Applied, Change, ErrorKind, ProviderError, ResourceId, Run};
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::Instant;

use super::cancelled;
use crate::cluster::{AT_ONCE, Kind, explained};
use crate::id::Id;
use crate::json::{Json, text};
use crate::look::{Found, Target, look};
use crate::mark::{self, Whose};
use crate::observe;
use crate::options::Options;
use crate::plan::decide::{finalizers, is_same};
use crate::record::{Entry, Record};
use crate::site::Site;
use crate::sources;
use crate::wave;

/// How long it is waited between two looks: at first, and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Kinds whose objects go only when what they made is gone too, so that nothing of them runs any more.
const OWNERS: [&str; 7] =
    ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "ReplicationController"];

/// Deletes all objects of a record.
pub(crate) async fn all(site: &Site, change: &Change, run: &Run) -> Applied {
    let Some(prior) = change.prior.clone() else { return Applied::gone() };
    let record = Record::of(&prior);
    let timeout = Options::of(&prior.attributes).map_or(Duration::from_secs(300), |options| options.timeout);
    let down = Down { site, run, id: Some(record.id.unwrap_or(change.mark.id)), deadline: Instant::now() + timeout };
    let (left, error) = down.take(record.entries.clone()).await;
    let Some(error) = error else { return Applied::gone() };
    let record = Record { entries: left, ..record };
    let object =
        observe::described(&change.type_name, &prior.attributes, record, &Found::new(), prior.captured.clone());
    // An object that could not even be asked for stays in the record as it was.
    let object = if error.kind == ErrorKind::Unreachable { prior } else { object };
    Applied { resumes: true, ..Applied::failed(Some(object), error) }
}

/// Taking objects down.
pub(crate) struct Down<'d> {
    pub site: &'d Site,
    pub run: &'d Run,
    /// The mark that they must bear.
    pub id: Option<ResourceId>,
    pub deadline: Instant,
}

/// An object on its way out.
struct Going {
    entry: Entry,
    kind: Kind,
    uid: String,
}

impl Down<'_> {
    /// Deletes objects, wave by wave, and waits until they are gone. Answers those that are still there, and why.
    pub(crate) async fn take(&self, entries: Vec<Entry>) -> (Vec<Entry>, Option<ProviderError>) {
        let mut waves: BTreeMap<u8, Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            waves.entry(wave::of(&entry.id.group, &entry.id.kind)).or_default().push(entry);
        }
        while let Some((number, entries)) = waves.pop_last() {
            let (mut left, error) = self.take_wave(number, entries).await;
            if let Some(error) = error {
                left.extend(waves.into_values().flatten());
                return (left, Some(error));
            }
        }
        (Vec::new(), None)
    }

    async fn take_wave(&self, number: u8, entries: Vec<Entry>) -> (Vec<Entry>, Option<ProviderError>) {
        if self.run.cancel.is_cancelled() {
            return (entries, Some(cancelled()));
        }
        let mut going = match self.ours(&entries).await {
            Ok(going) => going,
            Err(error) => return (entries, Some(error)),
        };
        if going.len() > 1 {
            self.run.progress.say(format!("{}: deleting {}", wave::name(number), going.len()));
        }
        let asked: Vec<_> = going.iter().map(|one| self.delete(one)).collect();
        let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
        let mut problems = Vec::new();
        while let Some(answer) = answers.next().await {
            problems.extend(answer.err());
        }
        drop(answers);
        if problems.is_empty() {
            problems.extend(self.until_gone(&mut going).await.err());
        } else if let Ok(still) = self.still_there(&going).await {
            going.retain(|one| still.contains_key(&one.entry.id));
        }
        let left = going.into_iter().map(|one| one.entry).collect();
        (left, (!problems.is_empty()).then(|| sources::first(problems)))
    }

    /// Those that are there and bear our mark. What does not is not touched: ours is gone.
    async fn ours(&self, entries: &[Entry]) -> Result<Vec<Going>, ProviderError> {
        let kinds = self.site.cluster.kinds().await?;
        let known: Vec<(&Entry, &Kind)> = entries
            .iter()
            .filter_map(|entry| {
                let kind = kinds.get(&entry.api_version, &entry.id.kind);
                // Where the kind is gone, so are its objects.
                Some((entry, kind.or_else(|| kinds.of_group(&entry.id.group, &entry.id.kind))?))
            })
            .collect();
        let targets = known.iter().map(|(entry, kind)| Target { id: &entry.id, kind }).collect();
        let selector = self.id.map(mark::selector);
        let found = look(&self.site.cluster, targets, selector.as_deref()).await?;
        let going = known.into_iter().filter_map(|(entry, kind)| {
            let live = found.get(&entry.id)?;
            let ours = mark::whose(live, self.site.lineage, self.id) == Whose::Ours;
            let uid = text(live, "/metadata/uid").to_owned();
            ours.then(|| Going { entry: entry.clone(), kind: kind.clone(), uid })
        });
        Ok(going.collect())
    }

    async fn delete(&self, one: &Going) -> Result<(), ProviderError> {
        if self.run.cancel.is_cancelled() {
            return Err(cancelled());
        }
        let id = &one.entry.id;
        let foreground = OWNERS.contains(&id.kind.as_str()) && matches!(id.group.as_str(), "" | "apps" | "batch");
        let cluster = &self.site.cluster;
        let deleted = cluster.patiently(|| cluster.delete(&one.kind, &id.namespace, &id.name, &one.uid, foreground));
        deleted.await.map_err(|error| explained(error, &format!("{id} cannot be deleted")))
    }

    async fn still_there(&self, going: &[Going]) -> Result<Found, ProviderError> {
        let targets = going.iter().map(|one| Target { id: &one.entry.id, kind: &one.kind }).collect();
        let selector = self.id.map(mark::selector);
        let mut found = look(&self.site.cluster, targets, selector.as_deref()).await?;
        let known: std::collections::HashMap<&Id, &str> =
            going.iter().map(|one| (&one.entry.id, one.uid.as_str())).collect();
        found.retain(|id, object| known.get(id).is_some_and(|uid| is_same(object, uid)));
        Ok(found)
    }

    async fn until_gone(&self, going: &mut Vec<Going>) -> Result<(), ProviderError> {
        let (mut pause, longest) = LOOK;
        let mut said = HashSet::new();
        while !going.is_empty() {
            let still = match self.still_there(going).await {
                Ok(still) => still,
                Err(error) if error.kind == ErrorKind::Unreachable && Instant::now() < self.deadline => {
                    tokio::time::sleep(longest).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            going.retain(|one| still.contains_key(&one.entry.id));
            if going.is_empty() {
                return Ok(());
            }
            if Instant::now() > self.deadline {
                return Err(hanging(&still));
            }
            if pause >= longest / 2 {
                for (id, object) in &still {
                    let line = format!("{id}: {}", why_there(object));
                    if said.insert(line.clone()) {
                        self.run.progress.say(line);
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.run.cancel.cancelled() => return Err(cancelled()),
            }
            pause = (pause * 3 / 2).min(longest);
        }
        Ok(())
    }
}

/// Why an object that was deleted is still there.
fn why_there(object: &Json) -> String {
    let conditions = object.pointer("/status/conditions").and_then(Json::as_array);
    let told = conditions.into_iter().flatten().filter(|one| {
        let kind = text(one, "/type");
        text(one, "/status") == "True"
            && (kind.ends_with("Remaining") || kind.ends_with("Failure") || kind == "Terminating")
    });
    let told: Vec<&str> = told.map(|one| text(one, "/message")).filter(|message| !message.is_empty()).collect();
    match (finalizers(object).as_slice(), told.as_slice()) {
        (_, [_, ..]) => told.join("; "),
        ([], []) => "its deletion takes its time".to_owned(),
        (names, []) => format!("waits for the finalizer {}", names.join(", ")),
    }
}

fn hanging(still: &Found) -> ProviderError {
    let mut lines: Vec<String> = still.iter().map(|(id, object)| format!("{id}: {}", why_there(object))).collect();
    lines.sort();
    let text = match lines.as_slice() {
        [only] => format!("is not gone in time: {only}"),
        lines => format!("{} objects are not gone in time", lines.len()),
    };
    let detail = if lines.len() > 1 { lines } else { Vec::new() };
    ProviderError::new(ErrorKind::Transient, text)
        .with_detail(detail)
        .with_hint("whoever put the finalizer there must take it away; a controller that is gone never will")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_holds_an_object_is_named() {
        let object = json!({"metadata": {"finalizers": ["shop.example/cleanup"]}});
        assert_eq!(why_there(&object), "waits for the finalizer shop.example/cleanup");
        let namespace = json!({"spec": {"finalizers": ["kubernetes"]}, "status": {"conditions": [
            {"type": "NamespaceFinalizersRemaining", "status": "True",
             "message": "Some content in the namespace has finalizers remaining: x in 1 resource instances"},
            {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "fine"}]}});
        assert!(why_there(&namespace).starts_with("Some content in the namespace has finalizers remaining: x"));
    }
}
