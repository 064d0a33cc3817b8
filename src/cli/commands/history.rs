//! `deployctl history`: the runs that changed something.

use deployctl_sdk::source;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::{self, Session};
use crate::event::{Ledger, Outcome as Ending};
use crate::render::event::{done, done_in_words};
use crate::render::history::{Run, runs};
use crate::render::plan::short_digest;
use crate::render::reason;
use crate::render::text::clean;
use crate::state::AuditEntry;

/// Show the runs that changed something.
///
/// The latest first. With SERIAL, what became of each resource in that run.
#[derive(Debug, clap::Args)]
pub struct History {
    /// Only the run with this serial, in full
    #[arg(value_name = "SERIAL")]
    serial: Option<u64>,
    /// Only the latest so many
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

#[derive(Serialize)]
struct Document<'h> {
    format_version: u32,
    runs: Vec<&'h AuditEntry>,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &History) -> Outcome {
    session::run(settings, output, false, |session| history(session, arguments))
}

async fn history(session: Session<'_>, arguments: &History) -> Outcome {
    let store = session.store().await?;
    let entries = session.unless_interrupted(store.history()).await?;
    let wanted = entries.iter().rev().filter(|entry| arguments.serial.is_none_or(|serial| entry.serial == serial));
    let wanted: Vec<&AuditEntry> = wanted.take(arguments.limit).collect();
    let output = session.output;
    if output.json {
        output.document(&Document { format_version: 1, runs: wanted })?;
        return Ok(Exit::Done);
    }
    if wanted.is_empty() {
        output.say("No run has changed anything yet.\n");
        return Ok(Exit::Done);
    }
    let rows: Vec<Run> = wanted.iter().map(|entry| row(entry)).collect();
    output.result(&runs(&rows, output.out, source::now(), &TimeZone::system()));
    if arguments.serial.is_some() {
        output.result(&wanted.iter().map(|entry| actions(entry)).collect::<String>());
    } else if entries.len() > wanted.len() {
        output.say(&format!("{} earlier; `--limit` shows more\n", entries.len() - wanted.len()));
    }
    Ok(Exit::Done)
}

fn row(entry: &AuditEntry) -> Run {
    Run {
        serial: entry.serial,
        at: entry.at,
        who: format!("{}@{}", entry.who, entry.host),
        what: what(entry),
        result: result(entry),
    }
}

/// The command, with the plan that it carried out.
fn what(entry: &AuditEntry) -> String {
    let digest = entry.plan_digest.as_deref().and_then(|text| text.parse().ok());
    match digest {
        Some(digest) if entry.command == "apply" => format!("apply plan {}", short_digest(&digest)),
        _ => entry.command.clone(),
    }
}

/// The result, with what was done where all went well.
fn result(entry: &AuditEntry) -> String {
    let done = done_in_words(&Ledger { entries: entry.actions.clone(), serial: entry.serial });
    if entry.result == "ok" && !done.is_empty() { format!("ok, {done}") } else { entry.result.clone() }
}

fn actions(entry: &AuditEntry) -> String {
    let mut out = String::new();
    for action in entry.actions.iter() {
        let word = match &action.outcome {
            Ending::Done => done(action.operation).to_owned(),
            Ending::Failed { error, .. } => format!("failed: {}", clean(error.lines().next().unwrap_or_default())),
            Ending::Unhealthy { error, .. } => {
                format!("not healthy: {}", clean(error.lines().next().unwrap_or_default()))
            }
            Ending::Cancelled => "cancelled".to_owned(),
            Ending::NotStarted { why } => format!("not started: {}", clean(&reason::skip(why))),
        };
        out.push_str(&format!("  {}  {word}\n", action.address));
    }
    out
}
