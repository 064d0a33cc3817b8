//! `deployctl health`: whether what runs works.

use deployctl_sdk::{Address, source};

use super::status::document;
use crate::cli::Outcome;
use crate::cli::condition::conditions;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::{self, Session};
use crate::render::history::{self, Condition};
use crate::render::text::counted;

/// Check the health of what runs.
///
/// Asks each health check once, and exits with 1 where something is not as it should be.
#[derive(Debug, clap::Args)]
pub struct Health {
    /// Only these resources
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<Address>,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Health) -> Outcome {
    session::run(settings, output, false, |session| health(session, arguments))
}

async fn health(session: Session<'_>, arguments: &Health) -> Outcome {
    let project = session.project().await?;
    let current = session.unless_interrupted(project.current()).await?;
    let wanted = |address: &Address| {
        arguments.addresses.is_empty() || arguments.addresses.iter().any(|target| target.covers(address))
    };
    let all = conditions(&session, project, &current, &wanted).await?;
    session.watcher.clear();
    let output = session.output;
    let sick: Vec<Condition> = all.iter().filter(|condition| !condition.ok).cloned().collect();
    if output.json {
        output.document(&document(&all))?;
    } else if sick.is_empty() {
        output.result(&format!("All is well: {}.\n", counted(all.len(), "resource")));
    } else {
        output.result(&history::conditions(&sick, !arguments.addresses.is_empty(), output.out, source::now()));
    }
    Ok(if sick.is_empty() { Exit::Done } else { Exit::Failed })
}
