//! `deployctl logs`: what a resource has written.

use deployctl_sdk::{Address, LogLine, LogRequest};
use futures_util::future;

use super::show::record;
use crate::cli::Outcome;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::{self, Session, provider_failure};
use crate::error::{Error, Result};
use crate::project::Current;
use crate::render::text::clean;
use crate::state::Record;

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
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Logs) -> Outcome {
    session::run(settings, output, false, |session| logs(session, arguments))
}

async fn logs(session: Session<'_>, arguments: &Logs) -> Outcome {
    let project = session.project().await?;
    let current = session.unless_interrupted(project.current()).await?;
    let covered = current.state.records.iter().filter(|(address, _)| arguments.address.covers(address));
    let wanted: Vec<(&Address, &Record)> = covered.map(|(address, record)| (address, &**record)).collect();
    if wanted.is_empty() {
        record(&current.state, &arguments.address)?;
    }
    let several = wanted.len() > 1;
    let all = wanted.iter().map(|(address, record)| one(&session, &current, address, record, several, arguments));
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
    current: &Current,
    address: &Address,
    record: &Record,
    several: bool,
    arguments: &Logs,
) -> Result<()> {
    let failed = |error| provider_failure(&format!("the logs of {address} cannot be had"), error);
    let Some(object) = &record.object else {
        return Err(Error::failed(format!("{address} is not there, so it has no logs")));
    };
    let connection = current.connections.get(&record.provider).await.map_err(failed)?;
    let output = *session.output;
    let sink = |line: LogLine| {
        let lead = if several { format!("{address} ") } else { String::new() };
        let source = if line.source.is_empty() { String::new() } else { format!("{} │ ", clean(&line.source)) };
        output.result(&format!("{lead}{source}{}\n", clean(&line.text)));
    };
    let cancel = session.interrupt.stop.clone();
    let request = LogRequest {
        type_name: &record.type_name,
        object,
        tail: arguments.tail,
        follow: arguments.follow,
        cancel,
        sink: &sink,
    };
    connection.logs(request).await.map_err(failed)
}
