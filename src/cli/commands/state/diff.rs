//! `deployctl state diff`: what differs between two revisions.

use crate::cli::Outcome;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::render::state;
use crate::state::{State, Store};

/// Show what differs between two revisions.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// The serial of the earlier one
    #[arg(value_name = "FROM")]
    from: u64,
    /// The serial of the later one; without it the state as it is now
    #[arg(value_name = "TO")]
    to: Option<u64>,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &Diff) -> Outcome {
    let store = session.store().await?;
    let before = revision(&store, arguments.from).await?;
    let after = match arguments.to {
        Some(serial) => revision(&store, serial).await?,
        None => session.state().await?,
    };
    let output = session.output;
    if output.json {
        output.document(&state::differences(&before, &after))?;
        return Ok(Exit::Done);
    }
    let shown = state::diff(&before, &after, output.out);
    if shown.is_empty() {
        output.say("They are the same.\n");
    }
    output.result(&shown);
    Ok(Exit::Done)
}

async fn revision(store: &Store, serial: u64) -> Result<State> {
    match store.revision(serial).await? {
        Some(revision) => store.state_of(&revision).await,
        None => {
            let kept: Vec<String> = store.revisions().await?.iter().map(|head| head.serial.to_string()).collect();
            Err(Error::usage(format!("there is no revision {serial}")).with_hint(match kept.as_slice() {
                [] => "no run has changed anything yet".to_owned(),
                _ => format!("the revisions kept are {}", kept.join(", ")),
            }))
        }
    }
}
