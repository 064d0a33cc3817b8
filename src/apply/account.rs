//! What a run has to show for itself: how each step ended, what was skipped because of it, and the outputs afterwards.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::{Address, Object, Operation, Value};

use super::outcome::{Applied, is_failure};
use super::recover;
use super::run::Carrier;
use crate::config::IgnoreChanges;
use crate::error::Result;
use crate::event::{Event, LedgerEntry, Outcome, Skip};
use crate::plan::steps::StepKind;
use crate::plan::{Mode, Planned, ResourceChange};
use crate::project::Project;
use crate::state::{Entry, Journal, State};

impl<'p> Carrier<'p> {
    pub(super) fn address_of(&self, step: usize) -> Option<(&'p ResourceChange, Operation)> {
        let (index, kind) = self.schedule.step(step)?;
        let operation = match kind {
            StepKind::Do(operation) => operation,
            StepKind::RemoveDeposed | StepKind::Forget => Operation::Delete,
            StepKind::PlanLate | StepKind::Join => Operation::Create,
        };
        self.plan.changes.get(index).map(|change| (change, operation))
    }

    pub(super) fn enter(&mut self, step: usize, outcome: Outcome, took: Duration) {
        let Some((change, operation)) = self.address_of(step) else { return };
        if self.options.fail_fast && is_failure(&outcome) {
            self.stop(Skip::FailFast);
        }
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (address, id) = (change.address.clone(), change.id);
        self.events.send(Event::StepFinished { address: address.clone(), operation, outcome: outcome.clone(), millis });
        self.ledger.push(LedgerEntry { address, id, operation, outcome, millis });
    }

    pub(super) fn record_skip(&mut self, step: usize, why: Skip) {
        self.enter(step, Outcome::NotStarted { why }, Duration::ZERO);
    }

    pub(super) fn fail_unstarted(&mut self, step: usize, outcome: Outcome) {
        self.enter(step, outcome, Duration::ZERO);
        self.fail_after(step);
    }

    /// What waited for a step that did not end well is not started.
    pub(super) fn fail_after(&mut self, step: usize) {
        let culprit = self.address_of(step).map(|(change, _)| change.address.clone());
        for skipped in self.schedule.fail(step) {
            if let Some(address) = culprit.clone() {
                self.record_skip(skipped, Skip::Needs { address });
            }
        }
    }

    pub(super) fn applied(&mut self, base_serial: u64) -> Applied {
        Applied {
            ledger: std::mem::take(&mut self.ledger),
            base_serial,
            interrupted: self.interrupted,
            timed_out: self.timed_out,
            lock_lost: self.lock_lost,
            ..Applied::default()
        }
    }

    /// Finds out what became of the actions whose provider did not come back. What cannot be found out now stays open in
    /// the journal, and the next run looks again.
    ///
    /// # Errors
    /// When an engine cannot be asked, or the journal cannot be written.
    pub(super) async fn look_for_unanswered(&mut self, journal: &mut Journal) -> Result<()> {
        if self.unanswered.is_empty() {
            return Ok(());
        }
        let (found, lines) = recover::look_for(&self.unanswered, self.plan.lineage, &self.connections).await?;
        let mut entries = Vec::new();
        for (address, record) in found {
            let Some(open) = self.unanswered.iter().find(|open| open.address == address) else { continue };
            let record = record.map(Arc::new);
            match &record {
                Some(record) => self.records.insert(address.clone(), record.clone()),
                None => self.records.remove(&address),
            };
            let (id, operation, outcome) = (open.id, open.operation, Outcome::Cancelled);
            entries.push(Entry::After { address, id, operation, record, outcome, millis: 0 });
        }
        journal.append(entries).await?;
        self.events.send(Event::Recovered { lines });
        Ok(())
    }

    /// The outputs as they are now, and why one of them could not be had.
    pub(super) fn outputs(&self) -> (BTreeMap<Arc<str>, Value>, Option<String>) {
        if self.plan.mode == Mode::Destroy || self.project.inputs().removed {
            let left = if self.records.is_empty() { BTreeMap::new() } else { self.prior_outputs.clone() };
            return (left, None);
        }
        let mut outputs = BTreeMap::new();
        let mut problem = None;
        for (name, output) in &self.project.config().outputs {
            match crate::lang::evaluate(&output.value, &self.values.top()) {
                // What a failed step left unknown keeps the value it had.
                Ok(value) if value.contains_unknown() => {
                    outputs.extend(self.prior_outputs.get(name).map(|value| (name.clone(), value.clone())));
                }
                Ok(value) => {
                    outputs.insert(name.clone(), value.with_mark(output.sensitive));
                }
                Err(found) => {
                    let text = found.first().map(|complaint| complaint.message.clone()).unwrap_or_default();
                    problem.get_or_insert(format!("the output `{name}` has no value: {text}"));
                }
            }
        }
        (outputs, problem)
    }
}

/// What is there before the run of everything some of whose changes are to be ignored.
pub(super) fn originals(project: &Project, planned: &Planned, state: &State) -> HashMap<Address, Object> {
    let config = project.config();
    let ignores = |change: &&ResourceChange| {
        let block = config.resource(&change.address.type_name, &change.address.name);
        let block = block.and_then(|index| config.resources.get(index));
        block.is_some_and(|block| block.lifecycle.ignore_changes != IgnoreChanges::None)
    };
    let original = |change: &ResourceChange| {
        let object = match planned.observed.get(&change.address) {
            Some(seen) => seen.clone(),
            None => state.records.get(&change.address).and_then(|record| record.object.clone()),
        };
        object.map(|object| (change.address.clone(), object))
    };
    planned.plan.changes.iter().filter(ignores).filter_map(original).collect()
}
