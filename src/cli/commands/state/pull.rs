//! `deployctl state pull`: the state's document as it rests.

use crate::cli::Outcome;
use crate::cli::exit::Exit;
use crate::cli::session::Session;

/// Print the state's document.
///
/// As it rests: sensitive values are ciphertext in it. For backups, and for `deployctl state push`.
#[derive(Debug, clap::Args)]
pub struct Pull {}

/// Runs it.
pub async fn run(session: Session<'_>) -> Outcome {
    let store = session.store().await?;
    match store.export().await? {
        Some(bytes) => session.output.bytes(&bytes),
        None => session.output.say("There is no state yet.\n"),
    }
    Ok(Exit::Done)
}
