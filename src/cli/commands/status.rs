//! `deployctl status`: what runs, and how it is.

use deployctl_sdk::{Address, source};
use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::condition::conditions;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::{self, Session};
use crate::render::history::{self, Condition};

/// Show what runs, and how it is.
///
/// Looks at what is really there and asks each health check once. Parts of a resource (a service, an object of a cluster) are
/// listed below it, of one with many the first few unless it is named. It exits with 0 also where something is wrong;
/// `deployctl health` does not.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// Only these resources
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<Address>,
}

/// Conditions as a document.
#[derive(Serialize)]
pub struct Document<'c> {
    format_version: u32,
    resources: &'c [Condition],
}

/// Conditions as a document.
pub fn document(resources: &[Condition]) -> Document<'_> {
    Document { format_version: 1, resources }
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Status) -> Outcome {
    session::run(settings, output, false, |session| status(session, arguments))
}

async fn status(session: Session<'_>, arguments: &Status) -> Outcome {
    let project = session.project().await?;
    let current = session.unless_interrupted(project.current()).await?;
    let wanted = |address: &Address| {
        arguments.addresses.is_empty() || arguments.addresses.iter().any(|target| target.covers(address))
    };
    let all = conditions(&session, project, &current, &wanted).await?;
    session.watcher.clear();
    let output = session.output;
    if output.json {
        output.document(&document(&all))?;
    } else if all.is_empty() {
        output.say("Nothing is managed here yet.\n");
    } else {
        let named = !arguments.addresses.is_empty();
        output.result(&history::conditions(&all, named, output.out, source::now()));
    }
    Ok(Exit::Done)
}
