//! `deployctl apply`: makes everything as it is configured, or carries out a saved plan.

use std::path::{Path, PathBuf};

use clap::ValueHint;

use super::plan::mode;
use crate::cli::args::{Applying, Selection};
use crate::cli::carry_out::{Task, carry_out};
use crate::cli::environment::Settings;
use crate::cli::output::Output;
use crate::cli::session::{self, Session, providers, to_the_end};
use crate::cli::{Outcome, prompt};
use crate::error::{Error, Result};
use crate::plan::{Mode, plan, reopen};
use crate::project::Project;

/// Make everything as it is configured.
///
/// Shows the plan and asks before it acts. With FILE it carries out exactly that saved plan, or refuses if it does not fit
/// any more; a checkout is not needed then.
#[derive(Debug, clap::Args)]
pub struct Apply {
    /// A plan saved with `deployctl plan --out FILE`
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Remove everything
    #[arg(long, conflicts_with = "refresh_only")]
    destroy: bool,
    /// Only bring the state up to what is really there
    #[arg(long)]
    refresh_only: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    applying: Applying,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Apply) -> Outcome {
    match &arguments.file {
        Some(file) => {
            fits_file(settings, arguments)?;
            session::run(settings, output, true, |session| apply_saved(session, file, arguments))
        }
        None => {
            if !arguments.applying.auto_approve {
                prompt::must_be_possible(output, "apply")?;
            }
            session::run(settings, output, true, |session| apply_configured(session, arguments))
        }
    }
}

/// A saved plan is already decided; flags that would have decided otherwise are a mistake.
fn fits_file(settings: &Settings, arguments: &Apply) -> Result<()> {
    let given = [
        (!settings.variables.is_empty(), "--var"),
        (!settings.variable_files.is_empty(), "--var-file"),
        (settings.environment_from_flag, "--env"),
        (!arguments.selection.target.is_empty(), "--target"),
        (arguments.selection.is_given(), "--exclude, --replace and --refresh"),
        (arguments.destroy, "--destroy"),
        (arguments.refresh_only, "--refresh-only"),
    ];
    match given.iter().find(|(given, _)| *given) {
        Some((_, flag)) => Err(Error::usage(format!("a saved plan is applied as it is, so {flag} has no place here"))
            .with_hint("give it to `deployctl plan --out FILE` instead")),
        None => Ok(()),
    }
}

async fn apply_configured(session: Session<'_>, arguments: &Apply) -> Outcome {
    let project = session.project().await?;
    let timeout = session.lock_timeout(arguments.applying.lock_timeout)?;
    let mode = mode(arguments.destroy, arguments.refresh_only);
    let (question, request) = (question(&mode), arguments.selection.request(mode));
    let held = session.unless_interrupted(project.lock("apply", timeout, None)).await?;
    let planned = match session.unless_interrupted(plan(project, &held.current, &request)).await {
        Ok(planned) => planned,
        Err(error) => {
            held.lock.release().await?;
            return Err(error);
        }
    };
    let task = Task { project, held, planned, agreed: false, question, again: "deployctl apply" };
    carry_out(&session, task, &arguments.applying).await
}

fn question(mode: &Mode) -> &'static str {
    match mode {
        Mode::Destroy => "Remove all of this?",
        Mode::RefreshOnly => "Record this?",
        _ => "Apply this plan?",
    }
}

async fn apply_saved(session: Session<'_>, file: &Path, arguments: &Apply) -> Outcome {
    let opened = Project::open_saved(&session.settings.dir, file, providers()?, session.watcher.events());
    let (project, plan) = session.unless_interrupted(opened).await?;
    let project = to_the_end(project);
    let timeout = session.lock_timeout(arguments.applying.lock_timeout)?;
    let command = format!("apply plan {}", crate::render::plan::short_digest(&plan.digest));
    let held = session.unless_interrupted(project.lock(&command, timeout, Some(plan.lineage))).await?;
    let planned = match session.unless_interrupted(reopen(project, &held.current, plan)).await {
        Ok(planned) => planned,
        Err(error) => {
            held.lock.release().await?;
            return Err(error);
        }
    };
    let task = Task { project, held, planned, agreed: true, question: "", again: "deployctl apply" };
    carry_out(&session, task, &arguments.applying).await
}
