//! `deployctl logs`: what a resource has written.

use deployctl_sdk::{Address, LogLine};
use futures_util::future;

use super::show::record;
use crate::cli::Outcome;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::{self, Session};
use crate::error::Result;
use crate::logs::{self, LogOptions};
use crate::project::{Current, Project};
use crate::render::text::clean;

/// Show the logs of a resource.
#[derive(Debug, clap::Args)]
pub struct Logs {
    /// The resource; without a key all its instances
    #[arg(value_name = "ADDRESS")]
    address: Address,
    /// Go on with new lines as they come
    #[arg(short, long)]
    follow: bool,
    /// Only the last so many lines
    #[arg(short = 'n', long, value_name = "LINES")]
    tail: Option<usize>,
    /// What was written before the last restart (Kubernetes)
    #[arg(short, long, conflicts_with = "follow")]
    previous: bool,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Logs) -> Outcome {
    session::run(settings, output, false, |session| logs(session, arguments))
}

async fn logs(session: Session<'_>, arguments: &Logs) -> Outcome {
    let project = session.project().await?;
    let current = session.unless_interrupted(project.current()).await?;
    let covered = current.state.records.keys().filter(|address| arguments.address.covers(address));
    let wanted: Vec<&Address> = covered.collect();
    if wanted.is_empty() {
        record(&current.state, &arguments.address)?;
    }
    let options = LogOptions { tail: arguments.tail, follow: arguments.follow, previous: arguments.previous };
    let several = wanted.len() > 1;
    let all = wanted.iter().map(|address| one(&session, project, &current, address, several, &options));
    if arguments.follow {
        for result in future::join_all(all).await {
            result?;
        }
    } else {
        for result in all {
            result.await?;
        }
    }
    Ok(Exit::Done)
}

async fn one(
    session: &Session<'_>,
    project: &Project,
    current: &Current,
    address: &Address,
    several: bool,
    options: &LogOptions,
) -> Result<()> {
    let output = *session.output;
    let sink = |line: LogLine| {
        let lead = if several { format!("{address} ") } else { String::new() };
        let source = if line.source.is_empty() { String::new() } else { format!("{} │ ", clean(&line.source)) };
        output.result(&format!("{lead}{source}{}\n", clean(&line.text)));
    };
    logs::logs(project, current, address, options, &session.interrupt.stop, &sink).await
}
