//! What happens during a run, as data. The terminal, `--json` and whatever else watches are subscribers of one stream.

use std::sync::Arc;

use deployctl_sdk::{Address, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::plan::Summary;

/// The version of the event format; it moves when a subscriber would have to change.
pub const EVENT_FORMAT_VERSION: u32 = 1;

/// One thing that happened. Texts hold nothing sensitive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The state is being read, with what is really there.
    ReadStarted {
        /// How many resources are asked for.
        resources: usize,
    },
    /// Everything asked for was answered.
    ReadFinished {
        /// How many resources.
        resources: usize,
        /// In milliseconds.
        millis: u64,
    },
    /// An unfinished run of earlier was found and brought to its truth.
    Recovered {
        /// What was found out, a line for each action that had been interrupted.
        lines: Vec<String>,
    },
    /// The lock of a process that is gone was taken over, or some other thing worth a line.
    Notice {
        /// In words.
        text: String,
    },
    /// Applying begins.
    ApplyStarted {
        /// The plan's digest.
        digest: String,
        /// How many steps there are.
        steps: usize,
        /// What the plan counted.
        summary: Summary,
    },
    /// A step begins.
    StepStarted {
        /// Where.
        address: Address,
        /// What.
        operation: Operation,
    },
    /// A step says how far it is.
    StepProgress {
        /// Where.
        address: Address,
        /// In words.
        text: String,
    },
    /// A step did not work and is tried again.
    StepRetried {
        /// Where.
        address: Address,
        /// Which try comes next, from 2.
        attempt: u32,
        /// Why the last one failed.
        error: String,
        /// How long until then, in milliseconds.
        delay_millis: u64,
    },
    /// A step is done with the engine, and its health is being watched.
    HealthWaiting {
        /// Where.
        address: Address,
        /// What is asked for: the URL, the port, the command, or the engine.
        probe: String,
    },
    /// A deferred resource was planned in the middle of the apply.
    PlannedLate {
        /// Where.
        address: Address,
        /// What will be done: `create`, `no-op`, …
        action: String,
    },
    /// A step ended.
    StepFinished {
        /// Where.
        address: Address,
        /// What was to be done.
        operation: Operation,
        /// How it ended.
        #[serde(flatten)]
        outcome: Outcome,
        /// In milliseconds.
        millis: u64,
    },
    /// The first interrupt was heard: what runs is finished, nothing more is started.
    Stopping {
        /// How many steps still run.
        running: usize,
    },
    /// Applying ended, one way or another; the whole of it.
    ApplyFinished {
        /// Everything that was to be done, with how it ended.
        ledger: Ledger,
    },
    /// What this run had done is being undone (`rollback_on_failure`).
    RollbackStarted {
        /// How many actions.
        actions: usize,
    },
}

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done, and is healthy where that was asked for.
    Done,
    /// It failed.
    Failed {
        /// Why.
        error: String,
        /// What to do next.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// The engine's own words, last lines of a log.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        detail: Vec<String>,
    },
    /// It was done, and did not become healthy.
    Unhealthy {
        /// What the probe saw.
        error: String,
        /// Last lines of its log, where it has one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        detail: Vec<String>,
    },
    /// It was cancelled while it ran.
    Cancelled,
    /// It was never started.
    NotStarted {
        /// Why.
        why: Skip,
    },
}

/// Why a step was never started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Skip {
    /// What it needs failed or was skipped.
    Needs {
        /// The one that failed.
        address: Address,
    },
    /// The run was interrupted first.
    Interrupted,
    /// Something else failed, and the run was to stop at the first failure.
    FailFast,
    /// The run's time was up.
    TimedOut,
    /// The lock was lost.
    LockLost,
    /// The state could not be reached any more.
    CutOff,
    /// Planned late, it turned out to need an approval.
    NeedsApproval {
        /// What it would do.
        action: String,
        /// What would have allowed it, where that is not `--approve-deferred`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        flag: Option<String>,
    },
    /// The engine's own plan, made when ours was, does not fit any more.
    Stale {
        /// In what way.
        error: String,
    },
}

/// What became of everything that was to be done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// In the order in which they ended. Shared, because the journal, the audit record, an event and the answer each hold it
    /// at the end of a run.
    pub entries: Arc<Vec<LedgerEntry>>,
    /// The state's serial afterwards.
    pub serial: u64,
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Where.
    pub address: Address,
    /// The record.
    pub id: ResourceId,
    /// What was to be done.
    pub operation: Operation,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// In milliseconds; 0 for what was never started.
    pub millis: u64,
}

impl Ledger {
    /// Adds what became of one more step.
    pub fn push(&mut self, entry: LedgerEntry) {
        Arc::make_mut(&mut self.entries).push(entry);
    }

    /// How many ended done, failed in any way, and never started.
    pub fn counts(&self) -> (usize, usize, usize) {
        self.entries.iter().fold((0, 0, 0), |(done, failed, skipped), entry| match entry.outcome {
            Outcome::Done => (done + 1, failed, skipped),
            Outcome::NotStarted { .. } => (done, failed, skipped + 1),
            _ => (done, failed + 1, skipped),
        })
    }
}

/// Where events go.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Events that go to `sink`.
    pub fn to(sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Events that nobody watches.
    pub fn ignored() -> Self {
        Self::to(|_| {})
    }

    /// Says that it happened.
    pub fn send(&self, event: Event) {
        (self.0)(event);
    }
}
