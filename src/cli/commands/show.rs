//! `deployctl show`: the state, one resource of it, or a saved plan.

use std::path::{Path, PathBuf};

use deployctl_sdk::{Address, source};

use crate::cli::Outcome;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::{self, Session, frame, providers};
use crate::error::{Error, Result};
use crate::project::Project;
use crate::render::{plan as show, state};
use crate::state::State;

/// Show the state, or a saved plan.
///
/// Without an argument the whole state, with an address one resource, with a file the plan that was saved in it.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// A resource's address, or a file saved with `deployctl plan --out FILE`
    #[arg(value_name = "ADDRESS|FILE")]
    what: Option<String>,
    /// Print the plan as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Show) -> Outcome {
    session::run(settings, output, false, |session| async move {
        let Some(what) = &arguments.what else { return show_state(&session).await };
        let path = PathBuf::from(what);
        match what.parse::<Address>() {
            Ok(address) if !path.exists() => show_resource(&session, &address).await,
            _ => show_plan(&session, &path, arguments.markdown).await,
        }
    })
}

async fn show_state(session: &Session<'_>) -> Outcome {
    let state = session.state().await?;
    if session.output.json {
        session.output.document(&state::document(&state))?;
    } else if state.records.is_empty() && state.outputs.is_empty() {
        session.output.result("Nothing is managed here yet.\n");
    } else {
        session.output.result(&state::show(&state, session.output.out, source::now()));
    }
    Ok(Exit::Done)
}

/// Shows one resource of the state.
///
/// # Errors
/// When there is none.
pub async fn show_resource(session: &Session<'_>, address: &Address) -> Outcome {
    let state = session.state().await?;
    let record = record(&state, address)?;
    if session.output.json {
        session.output.document(&state::one(address, record))?;
    } else {
        session.output.result(&state::record(address, record, session.output.out, source::now()));
    }
    Ok(Exit::Done)
}

/// The record at an address.
///
/// # Errors
/// When there is none, with what there is.
pub fn record<'s>(state: &'s State, address: &Address) -> Result<&'s crate::state::Record> {
    if let Some(record) = state.records.get(address) {
        return Ok(record);
    }
    let instances: Vec<String> =
        state.records.keys().filter(|other| address.covers(other)).take(5).map(ToString::to_string).collect();
    let error = Error::usage(format!("there is no {address} in the state"));
    if !instances.is_empty() {
        return Err(error.with_hint(format!("it has instances: {}", instances.join(", "))));
    }
    let names: Vec<String> = state.records.keys().map(ToString::to_string).collect();
    let close = crate::diagnostic::did_you_mean(&address.to_string(), names.iter().map(String::as_str));
    Err(match close {
        Some(close) => error.with_hint(format!("did you mean `{close}`?")),
        None => error.with_hint("`deployctl list` shows what there is"),
    })
}

async fn show_plan(session: &Session<'_>, path: &Path, markdown: bool) -> Outcome {
    let opened = Project::open_saved(&session.settings.dir, path, providers()?, session.watcher.events());
    let (project, plan) = session.unless_interrupted(opened).await?;
    let output = session.output;
    let saved = path.to_string_lossy();
    let frame = frame(&project, Some(&saved));
    if output.json {
        output.document(&show::json::document(&plan))?;
    } else if markdown {
        output.result(&show::markdown::markdown(&plan, frame));
    } else {
        output.result(&show::text(&plan, frame, output.out));
    }
    Ok(Exit::Done)
}
