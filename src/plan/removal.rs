//! The walk over what goes away: what is recorded and not wanted any more, or everything.

use std::collections::HashSet;
use std::sync::Arc;

use deployctl_sdk::{Address, Reason};
use futures_util::{StreamExt as _, stream};

use super::question::{DeletionAnswer, DeletionQuestion};
use super::walk::{ASKED_AT_ONCE, GATHERED, Walk, captured_of};
use super::{Mode, Seen, orphans, recorded_values, risks};
use crate::error::Result;
use crate::state::Record;

fn holds_withheld(record: &Record) -> bool {
    record.object.as_ref().is_some_and(|object| object.attributes.contains_withheld())
}

impl<'p> Walk<'p> {
    pub(super) async fn destroy(&mut self) -> Result<()> {
        let records = self.state().records.iter();
        let (gone, kept): (Vec<_>, Vec<_>) = records.partition(|(address, _)| self.selection.has_record(address));
        self.unchanged += kept.len();
        self.remove_all(&gone, |_| Reason::Destroy).await?;
        if self.unchanged > 0 {
            self.outputs.clone_from(&self.state().outputs);
        }
        Ok(())
    }

    pub(super) async fn orphans(&mut self) -> Result<()> {
        let mut gone = Vec::new();
        for (address, record) in &self.state().records {
            if self.visited.contains(address) {
                continue;
            }
            let selected = self.selection.has_record(address);
            if selected && self.request.mode != Mode::RefreshOnly {
                gone.push((address, record));
                continue;
            }
            self.unchanged += 1;
            if selected {
                self.refresh(address, record);
            }
        }
        let configured: HashSet<&Address> =
            gone.iter().map(|(address, _)| *address).filter(|at| self.values.block_of(at).is_some()).collect();
        self.remove_all(&gone, |address| orphans::why_unwanted(configured.contains(address))).await
    }

    /// Removes these, asking first what that does to the parts of each.
    async fn remove_all(
        &mut self,
        gone: &[(&'p Address, &'p Arc<Record>)],
        reason: impl Fn(&Address) -> Reason,
    ) -> Result<()> {
        self.project.lend(gone.iter().flat_map(|(_, record)| captured_of(record))).await?;
        if gone.iter().any(|(_, record)| holds_withheld(record)) {
            // What was made from secrets is made again, so that an engine that needs it for its own plan can be handed it. What
            // cannot be evaluated any more is not needed more than that.
            recorded_values(self.project, self.state()).ok();
        }
        for gone in gone.chunks(GATHERED) {
            let questions: Vec<_> = gone
                .iter()
                .map(|(address, record)| DeletionQuestion {
                    address,
                    record,
                    provider: self.known_settings(&record.provider).unwrap_or_else(|| record.provider.clone()),
                    seen: self.observation.of(address).clone(),
                })
                .collect();
            let (project, connections) = (self.project, &self.current.connections);
            let answers = stream::iter(questions.iter().map(|question| question.ask(project, connections)));
            let answers: Vec<DeletionAnswer> = answers.buffered(ASKED_AT_ONCE).collect().await;
            for ((address, record), answer) in gone.iter().zip(answers) {
                self.remove(address, record, reason(address), answer);
            }
        }
        Ok(())
    }

    fn remove(&mut self, address: &Address, record: &Record, reason: Reason, answer: DeletionAnswer) {
        if let Seen::Unreadable { reason, elsewhere: true } = self.observation.of(address) {
            let error = deployctl_sdk::ProviderError::new(deployctl_sdk::ErrorKind::Refused, reason.clone())
                .with_hint(format!("run this on that host, or drop it with `deployctl state rm '{address}'`"));
            self.failures.push((address.clone(), error));
            return;
        }
        let seen = self.observation.take(address);
        match seen {
            Seen::Present(object) => {
                self.observed.insert(address.clone(), Some(object));
            }
            Seen::Absent => {
                self.observed.insert(address.clone(), None);
            }
            Seen::AsRecorded | Seen::Unreadable { .. } => {}
        }
        let mut change = orphans::removal(address, record, reason);
        // A token or an address may have changed since it was made; it was looked at with the present ones.
        if let Some(present) = self.known_settings(&record.provider) {
            change.provider = present;
        }
        if let (Some(provider), Some(object)) = (self.project.providers().get(&record.provider.name), &record.object) {
            orphans::describe(&mut change, provider.removal(&record.type_name, object), record);
        }
        match answer {
            Ok(Some(planned)) => orphans::add(&mut change, planned),
            Ok(None) => {}
            Err(error) => {
                self.failures.push((address.clone(), error));
                return;
            }
        }
        let schema = self.project.schemas().resource(&record.type_name).map(|(_, schema)| schema);
        risks::assess(&mut change, schema, record.prevent_destroy);
        self.changes.push(change);
    }
}
