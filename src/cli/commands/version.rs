//! `deployctl version`: which version this is.

use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::exit::Exit;
use crate::cli::output::Output;

/// Print the version.
#[derive(Debug, clap::Args)]
pub struct Version {}

#[derive(Serialize)]
struct Document {
    format_version: u32,
    version: &'static str,
    plan_format_version: u32,
    event_format_version: u32,
}

/// Runs it.
pub fn run(output: &Output) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    if output.json {
        output.document(&Document {
            format_version: 1,
            version,
            plan_format_version: crate::render::plan::json::PLAN_FORMAT_VERSION,
            event_format_version: crate::event::EVENT_FORMAT_VERSION,
        })?;
    } else {
        output.result(&format!("deployctl {version}\n"));
    }
    Ok(Exit::Done)
}
