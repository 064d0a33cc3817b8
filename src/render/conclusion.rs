//! What a run comes to, in a sentence or two, with what to do next where there is something to do.

use deployctl_sdk::Address;

use super::event::done_in_words;
use super::text::counted;
use super::{Look, Paint};
use crate::error::ErrorKind;
use crate::event::{Ledger, Outcome};

/// What is known at the end of a run.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'e> {
    /// What became of every step.
    pub ledger: &'e Ledger,
    /// The state's serial before the run.
    pub base_serial: u64,
    /// In which way the run did not do everything, if so.
    pub failure: Option<ErrorKind>,
    /// Whether the run's time was up.
    pub timed_out: bool,
    /// The command that goes on from here: `deployctl apply`.
    pub again: &'e str,
    /// A resource that failed and has logs.
    pub logs_of: Option<&'e Address>,
}

/// The end of a run.
pub fn conclusion(ending: &Ending<'_>, look: Look) -> String {
    let (done, failed, skipped) = ending.ledger.counts();
    let serial = ending.ledger.serial;
    let Some(kind) = ending.failure else {
        let words = done_in_words(ending.ledger);
        let words = if words.is_empty() { "nothing had to be done".to_owned() } else { words };
        return format!("{} (serial {serial})\n", look.paint(Paint::Green, &format!("Done: {words}")));
    };
    let why = match kind {
        ErrorKind::Locked => "The lock was lost, so nothing more was started. ",
        ErrorKind::Interrupted => "Interrupted. ",
        ErrorKind::Refused => "A change that only showed on the way needs approval: --approve-deferred gives it. ",
        _ if ending.timed_out => "The run's time was up. ",
        _ => "",
    };
    let counts = look.paint(Paint::Red, &format!("Applied {done}, failed {failed}, not started {skipped}."));
    let recorded = if serial > ending.base_serial {
        format!("What was done is recorded (serial {serial}); ")
    } else {
        "Nothing was changed; ".to_owned()
    };
    let mut ways = vec![format!("`{}` goes on from here", ending.again)];
    if serial > ending.base_serial && ending.base_serial > 0 {
        ways.push(format!("`deployctl rollback` goes back to serial {}", ending.base_serial));
    }
    if let Some(address) = ending.logs_of {
        ways.push(format!("`deployctl logs {address}` shows more"));
    }
    format!("\n{why}{counts} {recorded}{}.\n", ways.join(",\n"))
}

/// The first resource of a run that failed.
pub fn first_failed(ledger: &Ledger) -> Option<&Address> {
    ledger
        .entries
        .iter()
        .find(|entry| matches!(entry.outcome, Outcome::Failed { .. } | Outcome::Unhealthy { .. }))
        .map(|entry| &entry.address)
}

/// What the undoing of a failed run came to.
pub fn undone(ledger: &Ledger, complete: bool) -> String {
    let (done, failed, _) = ledger.counts();
    match complete {
        true => format!("What this run did was undone: {}.\n", counted(done, "action")),
        false => format!("Not all that this run did could be undone: {done} undone, {failed} failed.\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use deployctl_sdk::{Operation, ResourceId};

    use super::*;
    use crate::event::{LedgerEntry, Skip};

    fn entry(text: &str, operation: Operation, outcome: Outcome) -> LedgerEntry {
        LedgerEntry { address: text.parse().unwrap(), id: ResourceId(uuid::Uuid::nil()), operation, outcome, millis: 5 }
    }

    #[test]
    fn runs_end_in_a_sentence() {
        let unhealthy = Outcome::Unhealthy { error: "503".into(), detail: vec![] };
        let why = Skip::Needs { address: "docker_container.api".parse().unwrap() };
        let mut ledger = Ledger {
            entries: Arc::new(vec![
                entry("local_file.a", Operation::Create, Outcome::Done),
                entry("local_file.b", Operation::Update, Outcome::Done),
            ]),
            serial: 13,
        };
        let ending = |ledger: &Ledger, failure| {
            let logs_of = first_failed(ledger);
            let ending =
                Ending { ledger, base_serial: 12, failure, timed_out: false, again: "deployctl apply", logs_of };
            conclusion(&ending, Look::plain())
        };
        insta::assert_snapshot!(ending(&ledger, None), @"Done: 1 created, 1 updated (serial 13)");
        ledger.push(entry("docker_container.api", Operation::Replace, unhealthy));
        ledger.push(entry("value.web", Operation::Create, Outcome::NotStarted { why }));
        insta::assert_snapshot!(ending(&ledger, Some(ErrorKind::Failed)));
        ledger.serial = 12;
        insta::assert_snapshot!(ending(&ledger, Some(ErrorKind::Interrupted)));
    }
}
