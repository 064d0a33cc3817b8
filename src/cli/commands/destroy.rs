//! `deployctl destroy`: removes everything that is managed.

use crate::cli::args::{Applying, Selection};
use crate::cli::carry_out::{Task, carry_out};
use crate::cli::environment::Settings;
use crate::cli::output::Output;
use crate::cli::session::{self, Session};
use crate::cli::{Outcome, prompt};
use crate::plan::{Mode, plan};

/// Remove everything that is managed.
///
/// In the reverse of the order in which it was made. Shows what goes and asks first. What other tools or people made is never
/// touched.
#[derive(Debug, clap::Args)]
pub struct Destroy {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    applying: Applying,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Destroy) -> Outcome {
    if !arguments.applying.auto_approve {
        prompt::must_be_possible(output, "destroy")?;
    }
    session::run(settings, output, true, |session| destroy(session, arguments))
}

async fn destroy(session: Session<'_>, arguments: &Destroy) -> Outcome {
    let project = session.project().await?;
    let timeout = session.lock_timeout(arguments.applying.lock_timeout)?;
    let held = session.unless_interrupted(project.lock("destroy", timeout, None)).await?;
    let request = arguments.selection.request(Mode::Destroy);
    let planned = match session.unless_interrupted(plan(project, &held.current, &request)).await {
        Ok(planned) => planned,
        Err(error) => {
            held.lock.release().await?;
            return Err(error);
        }
    };
    let question = "Remove all of this?";
    let task = Task { project, held, planned, agreed: false, question, again: "deployctl destroy" };
    carry_out(&session, task, &arguments.applying).await
}
