//! What a step that ended means: its record, its value for others, its outcome, and the health gate in front of its dependents.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deployctl_sdk::{Connection, LogRequest, Object, Operation, default_plan};
use tokio_util::sync::CancellationToken;

use super::action::Finished;
use super::prepare::{complaints, failed, provider_failed};
use super::run::{Carrier, Durable, Happened};
use crate::config::HealthCheck;
use crate::event::{Event, Outcome};
use crate::health::{self, Patient};
use crate::plan::ResourceChange;
use crate::plan::steps::StepKind;
use crate::state::{Deposed, Entry, Record, Status};

/// How many last lines of a log a failed gate shows.
const LOG_LINES: usize = 10;

type Gate = Pin<Box<dyn Future<Output = Happened>>>;

impl Carrier<'_> {
    /// Takes a step's result in. Answers the gate to be waited for, where there is one.
    pub(super) fn conclude(
        &mut self,
        finished: &Finished,
        pending: &mut Vec<(Entry, Durable)>,
        gate_cancel: &CancellationToken,
    ) -> Option<Gate> {
        let step = finished.ready.step;
        let (index, kind) = self.schedule.step(step)?;
        let change = self.plan.changes.get(index)?;
        self.mark_changed();
        if !finished.answered {
            self.unanswered.push(finished.ready.before.clone());
            self.enter(step, failed("its provider did not come back after it was cancelled"), finished.took);
            self.fail_after(step);
            return None;
        }
        let error = finished.applied.error.as_ref().or(finished.not_cleaned.as_ref());
        let mut outcome = error.map_or(Outcome::Done, provider_failed);
        let mut record = match kind {
            StepKind::Do(Operation::Delete) => after_delete(finished),
            StepKind::RemoveDeposed => after_cleaning(finished),
            _ => after_make(finished),
        };
        let makes = !matches!(kind, StepKind::Do(Operation::Delete) | StepKind::RemoveDeposed);
        let object = record.as_ref().and_then(|record| record.object.clone());
        if let (true, Some(object)) = (makes, &object) {
            self.show_to_dependents(change, object);
            if outcome == Outcome::Done {
                outcome = self.verify(change, finished, object);
            }
        }
        let check = if makes && outcome == Outcome::Done { self.gate_of(change, object.as_ref()) } else { Ok(None) };
        let check = check.unwrap_or_else(|found| {
            outcome = found;
            None
        });
        if let (Some(_), Some(record)) = (&check, &mut record) {
            // Not verified yet. If this run is killed at the gate, the next plan asks again.
            record.status = Status::Unhealthy;
        }
        let record = record.map(Arc::new);
        match &record {
            Some(record) => self.records.insert(change.address.clone(), record.clone()),
            None => self.records.remove(&change.address),
        };
        let effect = match (&check, &outcome) {
            (Some(_), _) => Durable::Nothing,
            (None, Outcome::Done) => self.ended_well(step),
            (None, _) => Durable::Failed(step),
        };
        pending.push((after(change, finished, record.clone(), outcome.clone()), effect));
        match (check, record, object) {
            (Some(check), Some(record), Some(object)) => {
                Some(self.gate(step, change, check, record, object, finished, gate_cancel))
            }
            _ => {
                self.enter(step, outcome, finished.took);
                None
            }
        }
    }

    /// Its dependents may be announced, in the same write as its end at the earliest; so none of them runs before its end is
    /// durable.
    fn ended_well(&mut self, step: usize) -> Durable {
        self.schedule.finish(step);
        Durable::Nothing
    }

    fn show_to_dependents(&mut self, change: &ResourceChange, object: &Object) {
        if let Some(number) = self.values.block_of(&change.address) {
            self.values.set_instance(number, change.address.key.clone(), object.attributes.clone());
        }
    }

    /// Whether the provider kept its word, and the configuration's own conditions hold.
    fn verify(&self, change: &ResourceChange, finished: &Finished, object: &Object) -> Outcome {
        let planned = finished.ready.operations.last().map(|operation| &operation.planned);
        if let Some(path) = planned.and_then(|planned| default_plan::broken_promise(planned, &object.attributes)) {
            let provider = &change.provider.name;
            return failed(format!("the provider `{provider}` broke its word: `{path}` is not what the plan showed"));
        }
        let Some((number, block)) = self.block_of(change) else { return Outcome::Done };
        let scope = self.values.instance(number, &change.address, Some(object.attributes.clone()));
        let conditions = block.lifecycle.postconditions.iter();
        let broken = conditions
            .filter_map(|condition| crate::plan::check_condition(condition, &scope, "the postcondition").err())
            .next();
        broken.map_or(Outcome::Done, |found| complaints(&found))
    }

    fn gate_of(&self, change: &ResourceChange, object: Option<&Object>) -> Result<Option<HealthCheck>, Outcome> {
        let (Some((number, block)), Some(object)) = (self.block_of(change), object) else { return Ok(None) };
        let scope = self.values.instance(number, &change.address, Some(object.attributes.clone()));
        health::check_of(block, &scope).map_err(|found| complaints(&found))
    }

    #[allow(clippy::too_many_arguments)] // Everything the gate takes along; it outlives this call.
    fn gate(
        &self,
        step: usize,
        change: &ResourceChange,
        check: HealthCheck,
        record: Arc<Record>,
        object: Object,
        finished: &Finished,
        cancel: &CancellationToken,
    ) -> Gate {
        let probe = health::described(&check.probe);
        self.events.send(Event::HealthWaiting { address: change.address.clone(), probe });
        let connection = finished.ready.connection.clone();
        let patient = Patient { connection: connection.clone(), type_name: change.type_name.clone(), object };
        let (cancel, before) = (cancel.clone(), finished.took);
        let has_logs = self.project.schemas().resource(&change.type_name).is_some_and(|(_, schema)| schema.has_logs);
        Box::pin(async move {
            let started = tokio::time::Instant::now();
            let verdict = health::wait(&check, &patient, &cancel).await;
            let log = match (&verdict, has_logs) {
                (Err(_), true) => last_lines(&*connection, &patient).await,
                _ => Vec::new(),
            };
            Happened::Gated(Box::new(Gated { step, record, took: before + started.elapsed(), verdict, log }))
        })
    }

    /// A gate opened, or it did not.
    pub(super) fn pass_gate(&mut self, gated: Gated, pending: &mut Vec<(Entry, Durable)>) {
        let Some((change, operation)) = self.address_of(gated.step) else { return };
        let (status, outcome, effect) = match gated.verdict {
            Ok(()) => (Status::Ready, Outcome::Done, self.ended_well(gated.step)),
            Err(_) if self.is_stopping_on_request() => {
                (Status::Unhealthy, Outcome::Cancelled, Durable::Failed(gated.step))
            }
            Err(error) => {
                let outcome = Outcome::Unhealthy { error, detail: gated.log };
                (Status::Unhealthy, outcome, Durable::Failed(gated.step))
            }
        };
        let record = Arc::new(Record { status, ..(*gated.record).clone() });
        self.records.insert(change.address.clone(), record.clone());
        let entry = Entry::After {
            address: change.address.clone(),
            id: record.id,
            operation,
            record: Some(record),
            outcome: outcome.clone(),
            millis: u64::try_from(gated.took.as_millis()).unwrap_or(u64::MAX),
        };
        pending.push((entry, effect));
        self.enter(gated.step, outcome, gated.took);
    }
}

/// What a gate came to.
pub(super) struct Gated {
    pub(super) step: usize,
    pub(super) record: Arc<Record>,
    pub(super) took: Duration,
    pub(super) verdict: Result<(), String>,
    pub(super) log: Vec<String>,
}

fn after(change: &ResourceChange, finished: &Finished, record: Option<Arc<Record>>, outcome: Outcome) -> Entry {
    Entry::After {
        address: change.address.clone(),
        id: finished.ready.before.id,
        operation: finished.ready.before.operation,
        record,
        outcome,
        millis: u64::try_from(finished.took.as_millis()).unwrap_or(u64::MAX),
    }
}

fn still_deposed(finished: &Finished) -> Vec<Deposed> {
    finished.still_deposed.iter().map(|(id, object)| Deposed { id: *id, object: object.clone() }).collect()
}

fn after_delete(finished: &Finished) -> Option<Record> {
    let prior = finished.ready.before.prior.clone()?;
    let object = match (&finished.applied.error, finished.ready.operations.is_empty()) {
        (None, _) | (_, true) => None,
        (Some(_), false) => finished.applied.object.clone(),
    };
    let deposed = still_deposed(finished);
    if object.is_none() && deposed.is_empty() {
        return None;
    }
    let status = if finished.applied.tainted { Status::Tainted } else { prior.status };
    Some(Record { object, deposed, status, ..prior })
}

fn after_cleaning(finished: &Finished) -> Option<Record> {
    finished.ready.before.prior.clone().map(|prior| Record { deposed: still_deposed(finished), ..prior })
}

fn after_make(finished: &Finished) -> Option<Record> {
    let before = &finished.ready.before;
    let prior = before.prior.clone();
    let applied = &finished.applied;
    let failed = applied.error.is_some();
    let is_new = before.operation != Operation::Update;
    let replaces_prior = is_new && prior.as_ref().is_some_and(|prior| prior.id != before.id);
    let Some(object) = applied.object.clone() else {
        // Nothing new is there. What was there still is, unless it was deleted on the way.
        return prior.and_then(|prior| if finished.deleted { only_deposed(prior) } else { Some(prior) });
    };
    let made_by = before.planned.clone()?;
    let untouched = prior.as_ref().and_then(|prior| prior.object.as_ref()) == Some(&object);
    if failed && untouched && !applied.tainted && applied.deposed.is_empty() {
        return prior;
    }
    if failed && replaces_prior {
        // The old one still does its work; what was half made beside it is to be removed.
        let mut prior = prior?;
        prior.deposed.push(Deposed { id: before.id, object });
        return Some(prior);
    }
    let status = match (applied.tainted, failed, &prior) {
        (true, ..) => Status::Tainted,
        (false, true, _) if is_new && !applied.resumes => Status::Tainted,
        (false, true, Some(prior)) => prior.status,
        _ => Status::Ready,
    };
    let mut deposed = still_deposed(finished);
    if let (false, Some(prior)) = (finished.cleaned, &prior) {
        deposed.extend(prior.deposed.iter().cloned());
    }
    let old_id = prior.as_ref().map_or(before.id, |prior| prior.id);
    deposed.extend(applied.deposed.iter().map(|object| Deposed { id: old_id, object: object.clone() }));
    if let (true, Some(old), false) = (replaces_prior, prior.and_then(|prior| prior.object), hands_over(finished)) {
        deposed.push(Deposed { id: old_id, object: old });
    }
    Some(Record { object: Some(object), status, deposed, ..made_by })
}

/// The record of what is gone but for old ones beside it.
fn only_deposed(prior: Record) -> Option<Record> {
    if prior.deposed.is_empty() { None } else { Some(Record { object: None, status: Status::Ready, ..prior }) }
}

/// Whether the provider itself took care of the old object.
fn hands_over(finished: &Finished) -> bool {
    finished.ready.operations.iter().any(|change| change.operation == Operation::Replace)
}

async fn last_lines(connection: &dyn Connection, patient: &Patient) -> Vec<String> {
    let lines = Mutex::new(Vec::new());
    let sink = |line: deployctl_sdk::LogLine| {
        lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.text);
    };
    let request = LogRequest {
        type_name: &patient.type_name,
        object: &patient.object,
        tail: Some(LOG_LINES),
        follow: false,
        previous: false,
        cancel: CancellationToken::new(),
        sink: &sink,
    };
    // A log that cannot be had is no failure of its own.
    let _ = tokio::time::timeout(Duration::from_secs(5), connection.logs(request)).await;
    lines.into_inner().unwrap_or_else(PoisonError::into_inner)
}
