//! `deployctl rollback`: makes everything as an earlier revision had it.

use crate::cli::args::{Applying, Selection};
use crate::cli::carry_out::{Task, carry_out};
use crate::cli::environment::Settings;
use crate::cli::output::Output;
use crate::cli::session::{self, Session, to_the_end};
use crate::cli::{Outcome, prompt};
use crate::plan::{Mode, plan};

/// Go back to an earlier revision.
///
/// Takes the configuration, variables and files that an earlier run was made from, plans towards them, shows that plan and
/// asks. Without `--to` it goes to the newest earlier successful revision that was made from something else. Data in volumes
/// and databases, and what commands did, it cannot bring back.
#[derive(Debug, clap::Args)]
pub struct Rollback {
    /// Go back to the revision of this serial; `deployctl history` shows them
    #[arg(long, value_name = "SERIAL")]
    to: Option<u64>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    applying: Applying,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Rollback) -> Outcome {
    if !arguments.applying.auto_approve {
        prompt::must_be_possible(output, "rollback")?;
    }
    session::run(settings, output, true, |session| rollback(session, arguments))
}

async fn rollback(session: Session<'_>, arguments: &Rollback) -> Outcome {
    let present = session.project_or_last().await?;
    let timeout = session.lock_timeout(arguments.applying.lock_timeout)?;
    let revision = session.unless_interrupted(present.rollback_target(arguments.to)).await?;
    let project = to_the_end(session.unless_interrupted(present.at_revision(&revision)).await?);
    let command = format!("rollback to {}", revision.serial);
    let held = session.unless_interrupted(project.lock(&command, timeout, None)).await?;
    let request = arguments.selection.request(Mode::Rollback { to: revision.serial });
    let planned = match session.unless_interrupted(plan(project, &held.current, &request)).await {
        Ok(planned) => planned,
        Err(error) => {
            held.lock.release().await?;
            return Err(error);
        }
    };
    let question = format!("Go back to serial {}?", revision.serial);
    let again = format!("deployctl rollback --to {}", revision.serial);
    let task = Task { project, held, planned, agreed: false, question: &question, again: &again };
    carry_out(&session, task, &arguments.applying).await
}
