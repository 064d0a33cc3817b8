//! What a run is told beforehand, and what it answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployctl_sdk::Value;

use crate::error::{Error, ErrorKind};
use crate::event::{Ledger, Outcome, Skip};

/// How a run is to go about it.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// The most operations at one time, unless the configuration says fewer.
    pub parallelism: usize,
    /// Whether to start nothing more after the first failure.
    pub fail_fast: bool,
    /// Whether what is planned in the middle of the run may delete, replace and put data at risk.
    pub approve_deferred: bool,
    /// Whether the run was agreed to before it was planned, with everything that it turns out to do short of deleting.
    pub auto_approve: bool,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self { parallelism: 10, fail_fast: false, approve_deferred: false, auto_approve: false }
    }
}

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// What became of every step.
    pub ledger: Ledger,
    /// The outputs afterwards.
    pub outputs: BTreeMap<Arc<str>, Value>,
    /// The state's serial before the run.
    pub base_serial: u64,
    /// Whether the run was interrupted on request.
    pub interrupted: bool,
    /// Whether the run's time was up.
    pub timed_out: bool,
    /// Whether the lock was lost in the middle.
    pub lock_lost: bool,
    /// What could not be done after the last step, outputs for example.
    pub late_failure: Option<String>,
    /// What the undoing of a failed run did, if that was asked for.
    pub undone: Option<Box<Applied>>,
}

impl Applied {
    /// Whether everything was done.
    pub fn is_success(&self) -> bool {
        self.failure().is_none()
    }

    /// The kind of failure, for the exit code; `None` when everything was done.
    pub fn failure(&self) -> Option<ErrorKind> {
        let entries = &self.ledger.entries;
        let refused = entries
            .iter()
            .any(|entry| matches!(entry.outcome, Outcome::NotStarted { why: Skip::NeedsApproval { .. } }));
        let stale =
            entries.iter().any(|entry| matches!(entry.outcome, Outcome::NotStarted { why: Skip::Stale { .. } }));
        let failed = entries.iter().any(|entry| is_failure(&entry.outcome));
        // What is needed was there before the run and does not work.
        let held_back =
            entries.iter().any(|entry| matches!(entry.outcome, Outcome::NotStarted { why: Skip::Needs { .. } }));
        if self.lock_lost {
            Some(ErrorKind::Locked)
        } else if self.interrupted {
            Some(ErrorKind::Interrupted)
        } else if failed || self.timed_out || self.late_failure.is_some() {
            Some(ErrorKind::Failed)
        } else if stale {
            Some(ErrorKind::Stale)
        } else if refused {
            Some(ErrorKind::Refused)
        } else if held_back {
            Some(ErrorKind::Failed)
        } else {
            None
        }
    }

    /// The run's result in a few words, for the record.
    pub fn result(&self) -> String {
        if self.lock_lost {
            return "stopped: the lock was lost".to_owned();
        }
        if self.interrupted {
            return "interrupted".to_owned();
        }
        let failed: Vec<String> = self
            .ledger
            .entries
            .iter()
            .filter(|entry| !matches!(entry.outcome, Outcome::Done | Outcome::NotStarted { .. }))
            .map(|entry| entry.address.to_string())
            .collect();
        match (failed.is_empty(), self.timed_out) {
            (false, _) => format!("failed: {}", failed.join(", ")),
            (true, true) => "failed: time was up".to_owned(),
            (true, false) if self.failure() == Some(ErrorKind::Refused) => "refused: needs approval".to_owned(),
            (true, false) if self.failure() == Some(ErrorKind::Stale) => {
                "not applied: a nested plan is stale".to_owned()
            }
            (true, false) if self.failure().is_some() => self.held_back(),
            (true, false) => "ok".to_owned(),
        }
    }

    /// The result where nothing failed and something was not started all the same.
    fn held_back(&self) -> String {
        let needed = self.ledger.entries.iter().find_map(|entry| match &entry.outcome {
            Outcome::NotStarted { why: Skip::Needs { address } } => Some(address),
            _ => None,
        });
        match (needed, &self.late_failure) {
            (_, Some(failure)) => format!("failed: {failure}"),
            (Some(address), None) => format!("failed: {address} does not work"),
            (None, None) => "failed".to_owned(),
        }
    }

    /// The failure as an error, where a caller has nothing better to say.
    pub fn error(&self) -> Option<Error> {
        self.failure().map(|kind| Error::new(kind, self.result()))
    }
}

/// Whether a step that ended like this did not do what it was to do.
pub(super) fn is_failure(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed { .. } | Outcome::Unhealthy { .. } | Outcome::Cancelled)
}
