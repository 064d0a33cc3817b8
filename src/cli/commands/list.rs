//! `deployctl list`: what is managed.

use deployctl_sdk::source;
use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::{self, Session};
use crate::render::state::{status_paint, status_word};
use crate::render::table::{Cell, table};
use crate::render::time::since;
use crate::state::State;

/// List what is managed.
#[derive(Debug, clap::Args)]
pub struct List {}

#[derive(Serialize)]
struct Document {
    format_version: u32,
    resources: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    address: String,
    #[serde(rename = "type")]
    type_name: String,
    status: crate::state::Status,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output) -> Outcome {
    session::run(settings, output, false, |session| list(session))
}

async fn list(session: Session<'_>) -> Outcome {
    let state = session.state().await?;
    let output = session.output;
    if output.json {
        let line = |(address, record): (&deployctl_sdk::Address, &std::sync::Arc<crate::state::Record>)| Line {
            address: address.to_string(),
            type_name: record.type_name.to_string(),
            status: record.status,
        };
        output.document(&Document { format_version: 1, resources: state.records.iter().map(line).collect() })?;
    } else if state.records.is_empty() {
        output.say("Nothing is managed here yet.\n");
    } else {
        output.result(&lines(&state, output));
    }
    Ok(Exit::Done)
}

fn lines(state: &State, output: &Output) -> String {
    let now = source::now();
    let rows: Vec<[Cell; 3]> = state
        .records
        .iter()
        .map(|(address, record)| {
            let status = Cell::painted(status_word(record.status), status_paint(record.status));
            [address.to_string().into(), status, format!("{} ago", since(record.updated, now)).into()]
        })
        .collect();
    table(["RESOURCE", "STATUS", "CHANGED"], &rows, output.out)
}
