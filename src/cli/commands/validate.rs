//! `deployctl validate`: whether the configuration is in order.

use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session;
use crate::error::{Error, ErrorKind, Report};
use crate::model::Graph;
use crate::render::report;
use crate::render::text::counted;

/// Check the configuration.
///
/// Syntax, blocks, attributes, types and references, against what the providers offer. It needs neither engines nor
/// variables, and exits with 65 where something is wrong.
#[derive(Debug, clap::Args)]
pub struct Validate {}

#[derive(Serialize)]
struct Document<'r> {
    format_version: u32,
    valid: bool,
    diagnostics: Vec<report::Complaint<'r>>,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output) -> Outcome {
    let checked = session::configuration(&settings.dir).and_then(|(_, config, _, warnings)| {
        Graph::build(&config).map_err(|found| Error::invalid(config.sources.clone(), found))?;
        Ok((config, warnings))
    });
    match checked {
        Ok((config, warnings)) => {
            let report = Report { sources: config.sources.clone(), diagnostics: warnings };
            if output.json {
                let diagnostics = report::complaints(&report);
                output.document(&Document { format_version: 1, valid: true, diagnostics })?;
            } else {
                output.say(&report::diagnostics(&report, output.err));
                output.result(&format!("Valid: {}.\n", counted(config.resources.len(), "resource block")));
            }
            Ok(Exit::Done)
        }
        Err(error) if output.json && error.kind == ErrorKind::Invalid => {
            let diagnostics = error.report.as_ref().map(report::complaints).unwrap_or_default();
            output.document(&Document { format_version: 1, valid: false, diagnostics })?;
            Ok(Exit::from(&error))
        }
        Err(error) => Err(error),
    }
}
