//! `deployctl state rm`: stop managing a resource.

use std::collections::BTreeSet;

use deployctl_sdk::Address;

use super::{Editing, covered, redirect};
use crate::cli::Outcome;
use crate::cli::args::Locking;
use crate::cli::commands::show::record;
use crate::cli::exit::Exit;
use crate::cli::session::Session;

/// Stop managing a resource, and leave the real thing alone.
///
/// While it is in the configuration, the next apply makes another one; take it out there too, or bring the real thing back
/// with `deployctl import`.
#[derive(Debug, clap::Args)]
pub struct Rm {
    /// Which; an address without a key means all its instances
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<Address>,
    /// Only show what would be forgotten
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    locking: Locking,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &Rm) -> Outcome {
    let named: Vec<String> = arguments.addresses.iter().map(ToString::to_string).collect();
    let command = format!("state rm {}", named.join(" "));
    let mut editing = Editing::begin(&session, &command, &arguments.locking).await?;
    let mut gone = BTreeSet::new();
    for target in &arguments.addresses {
        let found = covered(&editing.state, target);
        if found.is_empty()
            && let Err(error) = record(&editing.state, target).map(|_| ())
        {
            return editing.give_up(error).await;
        }
        gone.extend(found);
    }
    let word = if arguments.dry_run { "would be forgotten" } else { "is forgotten; the real thing stays" };
    if arguments.dry_run {
        editing.lock.release().await?;
    } else {
        editing.state.records.retain(|address, _| !gone.contains(address));
        let remaining: BTreeSet<Address> = editing.state.records.keys().map(Address::resource).collect();
        redirect(&mut editing.state, |address| {
            let kept = !gone.contains(address) && (address.key.is_some() || remaining.contains(address));
            kept.then(|| address.clone())
        });
        editing.finish(&command).await?;
    }
    for address in &gone {
        session.output.result(&format!("{address} {word}\n"));
    }
    Ok(Exit::Done)
}
