//! `deployctl state list`: the addresses of what is managed, for scripts.

use deployctl_sdk::Address;
use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::exit::Exit;
use crate::cli::session::Session;

/// Print the addresses of what is managed.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only these, with all their instances
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<Address>,
}

#[derive(Serialize)]
struct Document<'s> {
    format_version: u32,
    addresses: Vec<&'s Address>,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &List) -> Outcome {
    let state = session.state().await?;
    let wanted = |address: &&Address| {
        arguments.addresses.is_empty() || arguments.addresses.iter().any(|target| target.covers(address))
    };
    let addresses = state.records.keys().filter(wanted);
    if session.output.json {
        session.output.document(&Document { format_version: 1, addresses: addresses.collect() })?;
    } else {
        session.output.result(&addresses.map(|address| format!("{address}\n")).collect::<String>());
    }
    Ok(Exit::Done)
}
