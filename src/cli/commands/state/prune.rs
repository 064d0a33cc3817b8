//! `deployctl state prune`: revisions that are past their time.

use serde::Serialize;

use deployctl_sdk::Object;

use super::Editing;
use crate::cli::Outcome;
use crate::cli::args::Locking;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::render::text::counted;
use crate::state::{ProviderRef, Pruned, State as Recorded};

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
    kept_by_providers: Vec<String>,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &Prune) -> Outcome {
    let retention = session.retention();
    let editing = Editing::begin(&session, "state prune", &arguments.locking).await?;
    let pruned = async {
        let pruned = editing.store.prune(&editing.lock, retention, !arguments.apply).await?;
        let let_go = let_go(&session, &editing, &pruned, !arguments.apply).await?;
        Ok::<_, Error>((pruned, let_go))
    };
    let pruned = pruned.await;
    editing.lock.release().await?;
    let (pruned, let_go) = pruned?;
    let output = session.output;
    if output.json {
        let Pruned { revisions, contents, .. } = pruned;
        let removed = arguments.apply;
        output.document(&Document { format_version: 1, removed, revisions, contents, kept_by_providers: let_go })?;
        return Ok(Exit::Done);
    }
    if pruned.is_nothing() && let_go.is_empty() {
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
    for what in &let_go {
        output.result(&format!("  {what}\n"));
    }
    Ok(Exit::Done)
}

/// Has the providers let go of what they kept for revisions that are not there any more.
async fn let_go(session: &Session<'_>, editing: &Editing, pruned: &Pruned, dry_run: bool) -> Result<Vec<String>> {
    // By provider and settings: what the state and the revisions that stay still have. Those that go are asked about too.
    let mut needed: Vec<(ProviderRef, Vec<Object>)> = Vec::new();
    needed.extend(pruned.providers.iter().map(|provider| (provider.clone(), Vec::new())));
    let mut add = |state: &Recorded| {
        for record in state.records.values() {
            let known = needed.iter().position(|(provider, _)| *provider == record.provider);
            let at = known.unwrap_or_else(|| {
                needed.push((record.provider.clone(), Vec::new()));
                needed.len() - 1
            });
            if let Some((_, objects)) = needed.get_mut(at) {
                objects.extend(record.object.iter().chain(record.deposed.iter().map(|old| &old.object)).cloned());
            }
        }
    };
    add(&editing.state);
    for revision in &pruned.kept {
        add(&editing.store.state_of(revision).await?);
    }
    let connections = session.connections(&editing.state, &editing.environment)?;
    let mut gone = Vec::new();
    for (provider, objects) in needed {
        let failed =
            |error| Error::of_provider(&format!("provider `{}` cannot let go of what it keeps", provider.name), error);
        let connection = connections.get(&provider).await.map_err(failed)?;
        gone.extend(connection.let_go(&objects, dry_run).await.map_err(failed)?);
    }
    Ok(gone)
}
