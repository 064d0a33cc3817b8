//! `deployctl state push`: another document in the place of the state's.

use std::io::Read as _;
use std::path::PathBuf;

use clap::ValueHint;

use super::Editing;
use crate::cli::Outcome;
use crate::cli::args::Locking;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::render::text::counted;
use crate::state::{LockInfo, State, is_unpushed};

/// Replace the state by a document.
///
/// One printed by `deployctl state pull`. It must be of the same lineage and not older than the state; `--force` lifts both. Also
/// takes what a run kept on this machine because it could not reach the state any more, and adds it to the run's record.
#[derive(Debug, clap::Args)]
pub struct Push {
    /// The document; `-` reads standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Also another lineage, or an older serial
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    locking: Locking,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &Push) -> Outcome {
    let bytes = bytes(arguments)?;
    if is_unpushed(&bytes) {
        return rest(&session, arguments, &bytes).await;
    }
    let mut editing = Editing::begin(&session, "state push", &arguments.locking).await?;
    let pushed = match editing.store.read_document(&bytes, &arguments.file.to_string_lossy()).await {
        Ok(pushed) => pushed,
        Err(error) => return editing.give_up(error).await,
    };
    if let (false, Err(error)) = (arguments.force, fits(&editing.state, &pushed)) {
        return editing.give_up(error).await;
    }
    let count = counted(pushed.records.len(), "resource");
    // Serials only ever grow, so that every plan and revision knows which state it belongs to.
    editing.state = State { serial: editing.state.serial.max(pushed.serial), ..pushed };
    let saved = editing.finish("state push").await?;
    session.output.result(&format!("The state now has {count} (serial {}).\n", saved.serial));
    Ok(Exit::Done)
}

/// Adds the rest of a run to its record; the file has done its work then.
async fn rest(session: &Session<'_>, arguments: &Push, bytes: &[u8]) -> Outcome {
    let store = session.store().await?;
    let (shown, info) = (arguments.file.display().to_string(), LockInfo::of_this_process("state push"));
    let timeout = session.lock_timeout(arguments.locking.lock_timeout)?;
    let events = session.watcher.events();
    let added = session.unless_interrupted(store.push_rest(bytes, &shown, info, timeout, &events)).await?;
    if arguments.file.as_os_str() != "-" {
        deployctl_sdk::fs::remove_file(&arguments.file).map_err(|error| Error::failed(error.to_string()))?;
    }
    let added = counted(added, "entry");
    session.output.result(&format!("Added {added} to the run's record; `deployctl apply` goes on from there.\n"));
    Ok(Exit::Done)
}

fn bytes(arguments: &Push) -> Result<Vec<u8>> {
    if arguments.file.as_os_str() != "-" {
        return deployctl_sdk::fs::read(&arguments.file).map_err(|error| Error::failed(error.to_string()));
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut bytes);
    read.map_err(|error| Error::failed(format!("cannot read standard input: {error}")))?;
    Ok(bytes)
}

fn fits(present: &State, pushed: &State) -> Result<()> {
    let empty = present.serial == 0 && present.records.is_empty();
    let refused =
        |why: String| Err(Error::new(ErrorKind::Refused, why).with_hint("`--force` replaces the state all the same"));
    if !empty && present.lineage != pushed.lineage {
        return refused("the document is of another state: their lineages differ".to_owned());
    }
    if pushed.serial < present.serial {
        return refused(format!(
            "the document is older (serial {}) than the state ({})",
            pushed.serial, present.serial
        ));
    }
    Ok(())
}
