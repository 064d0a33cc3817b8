//! The one loop that carries a plan out.
//!
//! It starts what may run, records before and after each action, holds dependents back until what they need is there, recorded
//! and healthy, and hears interrupts. While a journal write is on its way everything that ends meanwhile gathers for the next
//! one, so that one fdatasync covers many actions. What a step that ended made possible is announced in the write that records
//! its end, so that a chain takes one write for each link: nothing starts before that write is durable.

use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::{Address, Object, Value};
use futures_util::stream::{self, FuturesUnordered, StreamExt as _, TryStreamExt as _};
use tokio_util::sync::CancellationToken;

use super::Interrupt;
use super::account;
use super::action::{Finished, Setting, carry_out};
use super::conclude::Gated;
use super::outcome::{Applied, ApplyOptions};
use super::prepare::{Preparation, Ready, failed};
use super::queue::{Busy, Runnable};
use super::schedule::Schedule;
use crate::config::Strategy;
use crate::error::{Error, Result};
use crate::event::{Event, Events, Ledger, Outcome, Skip};
use crate::model::Values;
use crate::plan::steps::{Recorded, StepKind, Steps};
use crate::plan::{Mode, Plan, Planned, restore};
use crate::project::{Project, Session, refuse_protected};
use crate::providers::Connections;
use crate::state::{Entry, Interrupted, Journal, KeptInputs, Lock, Record, RunHeader, RunOutcome, State};

/// How many steps may be announced in the journal ahead of running: enough for one write to cover a wide graph.
const ANNOUNCED_AHEAD: usize = 4096;

/// How many of the files that a run is made from are kept at one time.
const KEPT_AT_ONCE: usize = 16;

/// Carries a plan out and records what became of it. The lock is given back at the end.
///
/// # Errors
/// A plan that removes something protected, and what stops a run as a whole: a journal or state that cannot be written. What
/// happens to single steps is in the answer, not an error.
pub async fn apply(
    project: &Project,
    session: Session,
    planned: &Planned,
    options: &ApplyOptions,
    interrupt: &Interrupt,
) -> Result<(Applied, State, Session)> {
    refuse_protected(&planned.plan)?;
    let Session { lock, current, command } = session;
    let known = project.inputs();
    let kept = keep_inputs(project, &planned.plan).await?;
    let (lineage, digest) = (current.state.lineage, planned.plan.digest);
    let engines = planned.plan.engines.clone();
    let header = RunHeader { engines, ..RunHeader::new(&command, lineage, current.state.serial, digest, kept) };
    let journal = project.store().begin(&lock, header, &current.state).await?;
    let mut carrier = Carrier::new(project, &current.state, &current.connections, planned, options)?;
    carrier.examine_unchanged().await;
    let summary = planned.plan.summary();
    let steps = carrier.schedule_size;
    let digest = planned.plan.digest.to_string();
    project.events().send(Event::ApplyStarted { digest, steps, summary });
    let mut journal = carrier.run(journal, &lock, interrupt).await?;
    carrier.look_for_unanswered(&mut journal).await?;
    let mut applied = carrier.applied(current.state.serial);
    let (outputs, problem) = carrier.outputs();
    applied.late_failure = problem;
    let refreshes = planned.plan.mode == Mode::RefreshOnly && !planned.refreshed.is_empty();
    let changed = carrier.changed || refreshes || !planned.plan.outputs.is_empty();
    // Its copies of the records and values go before the state's document is written, which takes as much room.
    drop(carrier);
    let mut last = vec![Entry::Outputs(outputs.clone())];
    if project.inputs() != known {
        // What was planned in the middle of the run may have read files that nothing had asked for before.
        last.push(Entry::Inputs(keep_inputs(project, &planned.plan).await?));
    }
    if !planned.refreshed.is_empty() {
        last.push(Entry::Refreshed(planned.refreshed.clone()));
    }
    journal.append(last).await?;
    let outcome = RunOutcome {
        result: applied.result(),
        ok: applied.is_success(),
        ledger: applied.ledger.clone(),
        summary,
        changed,
    };
    let state = project.store().commit(&lock, journal, outcome).await?;
    applied.outputs = outputs;
    applied.ledger.serial = state.serial;
    project.events().send(Event::ApplyFinished { ledger: applied.ledger.clone() });
    let current = crate::project::Current {
        state: state.clone(),
        exists: true,
        connections: current.connections,
        seal: current.seal,
    };
    Ok((applied, state, Session { lock, current, command }))
}

/// Puts what the run is made from where revisions find it. All of it is sealed: a variable's file or the configuration's own
/// text may hold a secret as well as any.
async fn keep_inputs(project: &Project, plan: &Plan) -> Result<KeptInputs> {
    if plan.is_empty() {
        return Ok(KeptInputs::default());
    }
    let mut inputs = project.recorded_inputs(project.store().keys().ready().await?);
    inputs.removed |= plan.mode == Mode::Destroy && plan.targets.is_empty();
    let contents = project.contents();
    let blobs = project.store().blobs();
    let mut kept = KeptInputs::default();
    let files = inputs.files.iter().filter_map(|(path, file)| Some((path, contents.get(&file.digest)?)));
    let files = stream::iter(files).map(|(path, bytes)| async move {
        let digest = blobs.put(bytes, true).await?;
        Ok::<_, Error>((path.clone(), digest))
    });
    let bytes = inputs.to_bytes().map_err(Error::failed)?;
    let files = files.buffer_unordered(KEPT_AT_ONCE).try_collect();
    let (files, inputs) = tokio::try_join!(files, blobs.put(&bytes, true))?;
    (kept.files, kept.inputs) = (files, Some(inputs));
    Ok(kept)
}

/// A run in progress.
pub(super) struct Carrier<'p> {
    pub(super) project: &'p Project,
    pub(super) plan: &'p Plan,
    pub(super) options: &'p ApplyOptions,
    pub(super) connections: Arc<Connections>,
    pub(super) events: Events,
    pub(super) schedule: Schedule,
    pub(super) values: Values<'p>,
    pub(super) records: BTreeMap<Address, Arc<Record>>,
    /// What was seen of what is to be changed, where it differs from the records.
    pub(super) observed: HashMap<Address, Option<Object>>,
    /// Unchanged dependencies that do not work.
    pub(super) sick: Vec<Address>,
    /// What `ignore_changes` goes by: what was there before the run.
    pub(super) originals: HashMap<Address, Object>,
    /// Actions whose provider did not come back.
    pub(super) unanswered: Vec<Interrupted>,
    pub(super) prior_outputs: BTreeMap<Arc<str>, Value>,
    schedule_size: usize,
    changed: bool,
    pub(super) ledger: Ledger,
    pub(super) interrupted: bool,
    pub(super) timed_out: bool,
    pub(super) lock_lost: bool,
    /// Whether the state could not be reached any more, and the rest of the journal is kept here.
    cut_off: bool,
    stopping: Option<Skip>,
}

/// What the loop waits for.
pub(super) enum Happened {
    Acted(Box<Finished>),
    Gated(Box<Gated>),
}

/// A journal write on its way; it gives the journal back.
type Write = Pin<Box<dyn Future<Output = (Journal, Result<()>)>>>;

type Waiting<'f> = FuturesUnordered<Pin<Box<dyn Future<Output = Happened> + 'f>>>;

/// What becomes true once a batch of entries is durable.
pub(super) enum Durable {
    /// The step may start.
    Start(Box<Ready>),
    /// The step has ended badly.
    Failed(usize),
    /// Nothing hangs on it.
    Nothing,
}

impl<'p> Carrier<'p> {
    fn new(
        project: &'p Project,
        state: &State,
        connections: &Arc<Connections>,
        planned: &'p Planned,
        options: &'p ApplyOptions,
    ) -> Result<Self> {
        let plan = &planned.plan;
        let recorded: HashMap<&Address, &Record> =
            state.records.iter().map(|(address, record)| (address, &**record)).collect();
        let steps = Steps::new(&plan.changes, &|address| {
            recorded.get(address).map(|record| Recorded::of(record)).unwrap_or_default()
        });
        let strategy = project.config().deployment.strategy;
        let schedule_size = steps.real;
        let mut records = state.records.clone();
        for (address, record) in &planned.refreshed {
            match record {
                Some(record) => records.insert(address.clone(), record.clone()),
                None => records.remove(address),
            };
        }
        let mut carrier = Self {
            project,
            plan,
            options,
            connections: connections.clone(),
            events: project.events().clone(),
            schedule: Schedule::new(steps, strategy == Strategy::Hybrid),
            values: Values::new(project.config(), project.variables(), project.outside()),
            records,
            observed: planned.observed.clone(),
            sick: Vec::new(),
            originals: account::originals(project, planned, state),
            unanswered: Vec::new(),
            prior_outputs: state.outputs.clone(),
            schedule_size,
            changed: false,
            ledger: Ledger::default(),
            interrupted: false,
            timed_out: false,
            lock_lost: false,
            cut_off: false,
            stopping: None,
        };
        if plan.mode != Mode::Destroy {
            let changes = plan.by_address();
            let records = &carrier.records;
            carrier.values = restore(project, |address| match changes.get(address) {
                Some(change) => change.planned.clone(),
                None => {
                    let object = records.get(address).and_then(|record| record.object.as_ref());
                    object.map_or(Value::Unknown, |object| object.attributes.clone())
                }
            })?;
        }
        Ok(carrier)
    }

    fn is_sequential(&self) -> bool {
        self.project.config().deployment.strategy == Strategy::Sequential
    }

    fn limit(&self) -> usize {
        let deployment = &self.project.config().deployment;
        match deployment.strategy {
            Strategy::Sequential => 1,
            _ => deployment.max_parallel.unwrap_or(usize::MAX).min(self.options.parallelism).max(1),
        }
    }

    /// Runs until everything has ended.
    ///
    /// # Errors
    /// When the journal cannot be written; what runs is cancelled then, and the next run looks what became of it.
    async fn run(&mut self, journal: Journal, lock: &Lock, interrupt: &Interrupt) -> Result<Journal> {
        let setting = Setting {
            events: self.events.clone(),
            files: self.project.shared_files(),
            cancel: interrupt.cancel.child_token(),
        };
        let gate_cancel = interrupt.stop.child_token();
        let deadline = self.project.config().deployment.timeout.map(|timeout| tokio::time::Instant::now() + timeout);
        let mut work: Waiting<'_> = FuturesUnordered::new();
        let mut runnable: BinaryHeap<Runnable> = BinaryHeap::new();
        let mut busy = Busy::default();
        let mut pending: Vec<(Entry, Durable)> = Vec::new();
        let mut writing: Option<Write> = None;
        let mut on_durable: Vec<Durable> = Vec::new();
        let mut idle_journal = Some(journal);
        let mut failure = None;
        loop {
            self.announce(&mut pending, &runnable).await;
            if writing.is_none() && !pending.is_empty() && failure.is_none() {
                if let Err(error) = lock.check().await {
                    self.lock_lost = true;
                    self.stop(Skip::LockLost);
                    self.events.send(Event::Notice { text: error.message });
                }
                if let Some(mut journal) = idle_journal.take() {
                    let (entries, effects): (Vec<_>, Vec<_>) = std::mem::take(&mut pending).into_iter().unzip();
                    on_durable = effects;
                    writing = Some(Box::pin(async move {
                        let written = journal.append(merged(entries)).await;
                        (journal, written)
                    }));
                }
            }
            self.start(&mut runnable, &mut busy, &mut work, &mut pending, &setting);
            if writing.is_none() && !pending.is_empty() && failure.is_none() {
                // Steps were taken back, and nothing may be left to wait for but the record of that.
                continue;
            }
            if writing.is_none() && work.is_empty() && (pending.is_empty() || failure.is_some()) {
                break;
            }
            tokio::select! {
                biased;
                (journal, written) = durable(&mut writing), if writing.is_some() => {
                    writing = None;
                    if let (Some(error), false) = (journal.cut_off(), self.cut_off) {
                        self.cut_off = true;
                        self.stop(Skip::CutOff);
                        self.events.send(Event::Notice { text: error.message });
                    }
                    idle_journal = Some(journal);
                    let effects = std::mem::take(&mut on_durable);
                    if let Err(error) = written {
                        failure.get_or_insert(error);
                        self.stop(Skip::Interrupted);
                        setting.cancel.cancel();
                    } else {
                        self.settle(effects, &mut runnable);
                    }
                }
                Some(happened) = work.next(), if !work.is_empty() => {
                    self.hear(happened, &mut busy, &mut work, &mut pending, &gate_cancel);
                }
                () = interrupt.stop.cancelled(), if !self.interrupted => {
                    self.interrupted = true;
                    self.events.send(Event::Stopping { running: busy.total });
                    self.stop(Skip::Interrupted);
                }
                () = until(deadline), if deadline.is_some() && !self.timed_out => {
                    self.timed_out = true;
                    self.stop(Skip::TimedOut);
                    setting.cancel.cancel();
                    gate_cancel.cancel();
                }
            }
        }
        drop(work);
        for step in self.schedule.give_up() {
            // Steps that wait for each other: a mistake of ours, which must not pass for success.
            let outcome = failed("it was never its turn; please report this plan");
            self.enter(step, outcome, Duration::ZERO);
        }
        match (idle_journal, failure) {
            (Some(journal), None) => Ok(journal),
            (_, Some(error)) => Err(error),
            (None, None) => Err(Error::failed("the journal was not given back after its last write")),
        }
    }

    /// Prepares what is ready, so that the next journal write announces it.
    async fn announce(&mut self, pending: &mut Vec<(Entry, Durable)>, runnable: &BinaryHeap<Runnable>) {
        if let Some(why) = self.stopping.clone() {
            for step in self.schedule.give_up() {
                self.record_skip(step, why.clone());
            }
            while let Some(step) = self.schedule.take_ready() {
                self.schedule.fail(step);
                self.record_skip(step, why.clone());
            }
            return;
        }
        while runnable.len() + pending.len() < ANNOUNCED_AHEAD {
            let Some(step) = self.schedule.take_ready() else { break };
            if let Some((index, StepKind::Forget)) = self.schedule.step(step) {
                self.forget(step, index, pending);
                continue;
            }
            match self.prepare(step).await {
                Preparation::Ready(ready) => {
                    pending.push((Entry::Before(vec![ready.before.clone()]), Durable::Start(ready)));
                }
                Preparation::Nothing => self.schedule.finish(step),
                Preparation::Not(outcome) => self.fail_unstarted(step, outcome),
            }
        }
    }

    fn forget(&mut self, step: usize, index: usize, pending: &mut Vec<(Entry, Durable)>) {
        let Some(change) = self.plan.changes.get(index) else { return };
        self.records.remove(&change.address);
        self.changed = true;
        let entry = Entry::Refreshed(vec![(change.address.clone(), None)]);
        pending.push((entry, Durable::Nothing));
        self.schedule.finish(step);
    }

    /// Starts what was announced, as far as the limits allow.
    fn start<'f>(
        &mut self,
        runnable: &mut BinaryHeap<Runnable>,
        busy: &mut Busy,
        work: &mut Waiting<'f>,
        pending: &mut Vec<(Entry, Durable)>,
        setting: &Setting,
    ) {
        let limit = self.limit();
        let mut blocked = Vec::new();
        while busy.total < limit || self.stopping.is_some() {
            let Some(next) = runnable.pop() else { break };
            if let Some(why) = self.stopping.clone() {
                self.take_back(&next.ready, why, pending);
                continue;
            }
            let most = self.project.schemas().provider(&next.ready.provider).and_then(|schema| schema.max_parallel);
            if most.is_some_and(|most| busy.of(&next.ready.provider) >= most.max(1)) {
                blocked.push(next);
                continue;
            }
            busy.begin(&next.ready.provider);
            let operation = next.ready.before.operation;
            self.events.send(Event::StepStarted { address: next.ready.before.address.clone(), operation });
            let setting = setting.clone();
            work.push(Box::pin(async move { Happened::Acted(Box::new(carry_out(*next.ready, setting).await)) }));
        }
        runnable.extend(blocked);
    }

    /// A step that was announced and will not run: the journal must not count it as interrupted.
    fn take_back(&mut self, ready: &Ready, why: Skip, pending: &mut Vec<(Entry, Durable)>) {
        let outcome = Outcome::NotStarted { why: why.clone() };
        let record = self.records.get(&ready.before.address).cloned();
        let entry = Entry::After {
            address: ready.before.address.clone(),
            id: ready.before.id,
            operation: ready.before.operation,
            record,
            outcome,
            millis: 0,
        };
        pending.push((entry, Durable::Nothing));
        for step in self.schedule.fail(ready.step) {
            self.record_skip(step, why.clone());
        }
        self.record_skip(ready.step, why);
    }

    fn settle(&mut self, effects: Vec<Durable>, runnable: &mut BinaryHeap<Runnable>) {
        for effect in effects {
            match effect {
                Durable::Start(ready) => {
                    let height = self.schedule.height(ready.step);
                    runnable.push(Runnable { height, order: std::cmp::Reverse(ready.step), ready });
                }
                Durable::Failed(step) => self.fail_after(step),
                Durable::Nothing => {}
            }
        }
    }

    fn hear<'f>(
        &mut self,
        happened: Happened,
        busy: &mut Busy,
        work: &mut Waiting<'f>,
        pending: &mut Vec<(Entry, Durable)>,
        gate_cancel: &CancellationToken,
    ) {
        match happened {
            Happened::Acted(finished) => {
                let gate = self.conclude(&finished, pending, gate_cancel);
                // One after the other means that the next one waits for the gate as well.
                if gate.is_none() || !self.is_sequential() {
                    busy.end(&finished.ready.provider);
                }
                work.extend(gate);
            }
            Happened::Gated(gated) => {
                if let (true, Some((change, _))) = (self.is_sequential(), self.address_of(gated.step)) {
                    busy.end(&change.provider.name);
                }
                self.pass_gate(*gated, pending);
            }
        }
    }

    pub(super) fn stop(&mut self, why: Skip) {
        self.stopping.get_or_insert(why);
    }

    /// Whether somebody asked the run to stop, or its time was up.
    pub(super) fn is_stopping_on_request(&self) -> bool {
        self.interrupted || self.timed_out
    }

    pub(super) fn mark_changed(&mut self) {
        self.changed = true;
    }
}

/// Entries that announce steps become one.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let mut before = Vec::new();
    let mut others = Vec::new();
    for entry in entries {
        match entry {
            Entry::Before(actions) => before.extend(actions),
            other => others.push(other),
        }
    }
    if !before.is_empty() {
        others.push(Entry::Before(before));
    }
    others
}

async fn durable(writing: &mut Option<Write>) -> (Journal, Result<()>) {
    match writing {
        Some(writing) => writing.await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
