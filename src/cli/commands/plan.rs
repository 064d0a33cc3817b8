//! `deployctl plan`: what apply would do.

use std::path::PathBuf;

use clap::ValueHint;

use crate::cli::Outcome;
use crate::cli::args::Selection;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::{self, Session, frame};
use crate::plan::{Mode, SavedPlan, plan};
use crate::render::plan as show;

/// Show what apply would do.
///
/// Reads what is really there, compares it with the state and the configuration, and changes nothing. With `--out` the plan
/// is saved with everything that applying it needs: the configuration, variables and files as they are now.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// Save the plan to this file, for `deployctl apply FILE`
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
    /// Plan to remove everything
    #[arg(long, conflicts_with = "refresh_only")]
    destroy: bool,
    /// Plan only to bring the state up to what is really there
    #[arg(long)]
    refresh_only: bool,
    /// Exit with 2 where there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// Print Markdown, for a comment under a pull request
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    #[command(flatten)]
    selection: Selection,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Plan) -> Outcome {
    session::run(settings, output, false, |session| plan_only(session, arguments))
}

/// The mode that two flags ask for.
pub fn mode(destroy: bool, refresh_only: bool) -> Mode {
    match (destroy, refresh_only) {
        (true, _) => Mode::Destroy,
        (_, true) => Mode::RefreshOnly,
        _ => Mode::Normal,
    }
}

async fn plan_only(session: Session<'_>, arguments: &Plan) -> Outcome {
    let project = session.project().await?;
    let request = arguments.selection.request(mode(arguments.destroy, arguments.refresh_only));
    let planned = session
        .unless_interrupted(async {
            if arguments.out.is_some() {
                // A plan that is kept is sealed and bound to a key that is kept too.
                project.store().keys().ready().await?;
            }
            let current = project.current().await?;
            plan(project, &current, &request).await
        })
        .await?;
    let plan = &planned.plan;
    if let Some(path) = &arguments.out {
        let inputs = project.recorded_inputs(project.store().keys().ready().await?);
        let saved = SavedPlan { plan: plan.clone(), inputs, contents: project.contents() };
        saved.write(path, &project.store().keys().ready_for_plans().await?)?;
    }
    session.watcher.clear();
    let output = session.output;
    let saved = arguments.out.as_ref().map(|path| path.to_string_lossy());
    let frame = frame(project, saved.as_deref());
    if output.json {
        output.document(&show::json::document(plan))?;
    } else if arguments.markdown {
        output.result(&show::markdown::markdown(plan, frame));
    } else {
        output.result(&show::text(plan, frame, output.out));
    }
    let changes = !plan.is_empty();
    Ok(if changes && arguments.detailed_exitcode { Exit::Changes } else { Exit::Done })
}
