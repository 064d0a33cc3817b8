//! Events as steady lines for people and as lines of JSON for programs.

use deployctl_sdk::{Address, Operation};
use jiff::Timestamp;
use serde::Serialize;

use super::text::{clean, counted, pad, width};
use super::time::duration;
use super::{Look, Paint, reason};
use crate::event::{EVENT_FORMAT_VERSION, Event, Ledger, Outcome};

/// How many lines of an engine's own words are shown.
const SHOWN_DETAIL: usize = 20;

/// How steps are lined up.
#[derive(Debug, Clone, Copy)]
pub struct Lines {
    /// How lines look.
    pub look: Look,
    /// How wide the addresses are.
    pub column: usize,
}

impl Lines {
    /// Lines for a run over these addresses.
    pub fn over<'a>(addresses: impl IntoIterator<Item = &'a Address>, look: Look) -> Self {
        let widest =
            addresses.into_iter().map(|address| width(&address.to_string())).filter(|width| *width <= 48).max();
        Self { look, column: widest.unwrap_or(0).max(24) }
    }

    /// The event's lines, each with its end; nothing for what is not worth a line.
    pub fn text(self, event: &Event) -> String {
        match event {
            Event::ReadStarted { .. }
            | Event::ReadFinished { .. }
            | Event::ApplyStarted { .. }
            | Event::StepStarted { .. }
            | Event::ApplyFinished { .. } => String::new(),
            Event::Recovered { lines } => {
                let lines = lines.iter().map(|line| format!("  {}\n", clean(line)));
                format!("An earlier run was interrupted; this was found\n{}", lines.collect::<String>())
            }
            Event::Notice { text } => format!("{} {}\n", self.look.paint(Paint::Yellow, "note:"), clean(text)),
            Event::StepProgress { address, text } => self.side("·", address, &clean(text)),
            Event::StepRetried { address, attempt, error, delay_millis } => {
                let wait = duration(*delay_millis);
                self.side("↻", address, &format!("try {attempt} in {wait}: {}", clean(error)))
            }
            Event::HealthWaiting { address, probe } => {
                self.side("…", address, &format!("waiting for {}", clean(probe)))
            }
            Event::PlannedLate { address, action } => {
                self.side("?", address, &format!("planned now: {}", clean(action)))
            }
            Event::StepFinished { address, operation, outcome, millis } => {
                self.finished(address, *operation, outcome, *millis)
            }
            Event::Stopping { running } => format!(
                "Interrupted: {} to the end, nothing more is started. Once more cancels what runs.\n",
                match running {
                    1 => "1 step runs".to_owned(),
                    running => format!("{running} steps run"),
                }
            ),
            Event::RollbackStarted { actions } => {
                format!("Undoing what this run did: {}\n", counted(*actions, "action"))
            }
        }
    }

    fn side(self, symbol: &str, address: &Address, text: &str) -> String {
        let symbol = self.look.paint(Paint::Cyan, symbol);
        format!("{symbol} {}  {}\n", pad(&clean(&address.to_string()), self.column), self.look.dim(text))
    }

    fn finished(self, address: &Address, operation: Operation, outcome: &Outcome, millis: u64) -> String {
        let (symbol, paint) = symbol(outcome);
        let word = match outcome {
            Outcome::Done => done(operation).to_owned(),
            Outcome::Failed { .. } => format!("not {}", done(operation)),
            Outcome::Unhealthy { .. } => "not healthy".to_owned(),
            Outcome::Cancelled => "cancelled".to_owned(),
            Outcome::NotStarted { why } => format!("not started: {}", clean(&reason::skip(why))),
        };
        let took = match outcome {
            Outcome::NotStarted { .. } => String::new(),
            _ => format!("  {}", self.look.dim(&duration(millis))),
        };
        let address = pad(&clean(&address.to_string()), self.column);
        let word = if took.is_empty() { word } else { pad(&word, 12) };
        format!("{} {address}  {word}{took}\n{}", self.look.paint(paint, symbol), self.why(outcome))
    }

    /// The lines under a step that did not work.
    fn why(self, outcome: &Outcome) -> String {
        let (error, detail, hint) = match outcome {
            Outcome::Failed { error, hint, detail } => (error, detail, hint.as_deref()),
            Outcome::Unhealthy { error, detail } => (error, detail, None),
            _ => return String::new(),
        };
        let mut out: String = error.lines().map(|line| format!("    {}\n", clean(line))).collect();
        let lines: Vec<&str> = detail.iter().flat_map(|entry| entry.lines()).collect();
        if lines.len() > SHOWN_DETAIL {
            out.push_str(&format!("      … {} lines before\n", lines.len() - SHOWN_DETAIL));
        }
        for line in lines.iter().skip(lines.len().saturating_sub(SHOWN_DETAIL)) {
            out.push_str(&format!("      │ {}\n", clean(line)));
        }
        if let Some(hint) = hint {
            out.push_str(&format!("    {} {}\n", self.look.paint(Paint::Cyan, "help:"), clean(hint)));
        }
        out
    }
}

fn symbol(outcome: &Outcome) -> (&'static str, Paint) {
    match outcome {
        Outcome::Done => ("✔", Paint::Green),
        Outcome::Failed { .. } | Outcome::Unhealthy { .. } => ("✖", Paint::Red),
        Outcome::Cancelled => ("✖", Paint::Yellow),
        Outcome::NotStarted { .. } => ("–", Paint::Dim),
    }
}

/// What an operation has done when it is done.
pub fn done(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "created",
        Operation::Update => "updated",
        Operation::Replace => "replaced",
        Operation::Delete => "deleted",
    }
}

/// What an operation is doing.
pub fn doing(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "creating",
        Operation::Update => "updating",
        Operation::Replace => "replacing",
        Operation::Delete => "deleting",
    }
}

/// What was done of each sort: `3 created, 1 deleted`.
pub fn done_in_words(ledger: &Ledger) -> String {
    let all = [Operation::Create, Operation::Update, Operation::Replace, Operation::Delete];
    let parts: Vec<String> = all
        .iter()
        .filter_map(|operation| {
            let is_done = |entry: &&crate::event::LedgerEntry| {
                entry.operation == *operation && matches!(entry.outcome, Outcome::Done)
            };
            let count = ledger.entries.iter().filter(is_done).count();
            (count > 0).then(|| format!("{count} {}", done(*operation)))
        })
        .collect();
    parts.join(", ")
}

/// An event as a line of JSON has it.
#[derive(Serialize)]
pub struct Document<'e> {
    format_version: u32,
    at: Timestamp,
    #[serde(flatten)]
    event: &'e Event,
}

/// The event as a line of JSON.
pub fn document(event: &Event, at: Timestamp) -> Document<'_> {
    Document { format_version: EVENT_FORMAT_VERSION, at, event }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Skip;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn finished(text: &str, operation: Operation, outcome: Outcome, millis: u64) -> Event {
        Event::StepFinished { address: address(text), operation, outcome, millis }
    }

    fn run() -> Vec<Event> {
        let error = "http://127.0.0.1:8080/healthz answered 503 in 30 of 30 tries".to_owned();
        let detail = vec!["could not connect to db:5432: \u{1b}[1mconnection refused".to_owned()];
        let failed = Outcome::Failed {
            error: "port 80 is taken".into(),
            hint: Some("choose another `port`".into()),
            detail: vec![],
        };
        let needs = |text: &str| Outcome::NotStarted { why: Skip::Needs { address: address(text) } };
        vec![
            Event::Notice { text: "took over the lock of process 7, which is gone".into() },
            Event::StepStarted { address: address("value.a"), operation: Operation::Create },
            Event::StepProgress { address: address("value.a"), text: "pulled 3 of 4 layers".into() },
            Event::StepRetried { address: address("value.a"), attempt: 2, error: "busy".into(), delay_millis: 1500 },
            finished("value.a", Operation::Create, Outcome::Done, 40),
            Event::HealthWaiting { address: address("docker_container.api"), probe: "http://127.0.0.1:8080".into() },
            finished("docker_container.api", Operation::Update, Outcome::Unhealthy { error, detail }, 31_000),
            finished("local_process.front", Operation::Create, failed, 12),
            finished("kubernetes_manifests.web", Operation::Create, needs("docker_container.api"), 0),
            Event::Stopping { running: 2 },
        ]
    }

    #[test]
    fn a_run_as_steady_lines() {
        let lines = Lines::over([&address("kubernetes_manifests.web")], Look::plain());
        let text: String = run().iter().map(|event| lines.text(event)).collect();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_run_as_lines_of_json() {
        let at: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let lines: Vec<String> =
            run().iter().map(|event| serde_json::to_string(&document(event, at)).unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
