//! `deployctl state mv`: another address for a resource.

use deployctl_sdk::Address;

use super::{Editing, covered, redirect};
use crate::cli::Outcome;
use crate::cli::args::Locking;
use crate::cli::commands::show::record;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::error::Error;
use crate::state::State;

/// Give a resource another address.
///
/// Rename it in the configuration too. Nothing real is touched: what marks the real thing as ours does not hold the address.
/// An address without a key moves all its instances.
#[derive(Debug, clap::Args)]
pub struct Mv {
    /// Its address now
    #[arg(value_name = "FROM")]
    from: Address,
    /// Its address then
    #[arg(value_name = "TO")]
    to: Address,
    #[command(flatten)]
    locking: Locking,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &Mv) -> Outcome {
    let Mv { from, to, locking } = arguments;
    let command = format!("state mv {from} {to}");
    let mut editing = Editing::begin(&session, &command, locking).await?;
    let moves = match moves(&editing.state, from, to) {
        Ok(moves) => moves,
        Err(error) => return editing.give_up(error).await,
    };
    for (from, to) in &moves {
        if let Some(record) = editing.state.records.remove(from) {
            editing.state.records.insert(to.clone(), record);
        }
    }
    redirect(&mut editing.state, |address| {
        let moved = moves.iter().find(|(from, _)| from == address).map(|(_, to)| to.clone());
        // What depends on all instances names the resource without a key.
        let whole = (address == &from.resource() && from.key.is_none()).then(|| to.resource());
        Some(moved.or(whole).unwrap_or_else(|| address.clone()))
    });
    editing.finish(&command).await?;
    for (from, to) in &moves {
        session.output.result(&format!("{from} is now {to}\n"));
    }
    Ok(Exit::Done)
}

/// Which record goes where.
fn moves(state: &State, from: &Address, to: &Address) -> Result<Vec<(Address, Address)>, Error> {
    if from.type_name != to.type_name {
        return Err(Error::usage(format!("a {} cannot become a {}", from.type_name, to.type_name))
            .with_hint("the type is what it really is; only the name and the key can change"));
    }
    let moves: Vec<(Address, Address)> = match state.records.contains_key(from) {
        true => vec![(from.clone(), to.clone())],
        false => covered(state, from)
            .into_iter()
            .map(|address| (address.clone(), to.with_key(address.key.clone())))
            .collect(),
    };
    if moves.is_empty() || (to.key.is_some() && moves.len() > 1) {
        record(state, from)?;
    }
    match moves.iter().find(|(_, to)| state.records.contains_key(to)) {
        Some((_, taken)) => Err(Error::usage(format!("there is a {taken} already"))
            .with_hint("choose another address, or move that one away first")),
        None => Ok(moves),
    }
}
