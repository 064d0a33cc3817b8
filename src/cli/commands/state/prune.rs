//! `deployctl state prune`: revisions that are past their time.

use serde::Serialize;

use super::Editing;
use crate::cli::Outcome;
use crate::cli::args::Locking;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::render::text::counted;
use crate::state::Pruned;

/// Remove revisions that are past their time.
///
/// The last 50 and everything of the last 30 days stay, or what the configuration's `retention` says. Without `--apply` it
/// only shows what would go.
#[derive(Debug, clap::Args)]
pub struct Prune {
    /// Really remove it
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    locking: Locking,
}

#[derive(Serialize)]
struct Document {
    format_version: u32,
    removed: bool,
    revisions: Vec<u64>,
    contents: usize,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &Prune) -> Outcome {
    let retention = session.retention();
    let editing = Editing::begin(&session, "state prune", &arguments.locking).await?;
    let pruned = editing.store.prune(&editing.lock, retention, !arguments.apply).await;
    editing.lock.release().await?;
    let pruned = pruned?;
    let output = session.output;
    if output.json {
        let Pruned { revisions, contents } = pruned;
        output.document(&Document { format_version: 1, removed: arguments.apply, revisions, contents })?;
        return Ok(Exit::Done);
    }
    if pruned.revisions.is_empty() && pruned.contents == 0 {
        output.result("Nothing is past its time.\n");
        return Ok(Exit::Done);
    }
    let serials: Vec<String> = pruned.revisions.iter().map(ToString::to_string).collect();
    let named = if serials.is_empty() { String::new() } else { format!(" ({})", serials.join(", ")) };
    let revisions = counted(pruned.revisions.len(), "revision");
    let what = format!("{revisions}{named} and {}", counted(pruned.contents, "captured file"));
    output.result(&match arguments.apply {
        true => format!("Removed {what}.\n"),
        false => format!("Would remove {what}. `--apply` does it.\n"),
    });
    Ok(Exit::Done)
}
