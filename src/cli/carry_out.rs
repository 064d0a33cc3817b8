//! From a plan to its end: show it, ask, carry it out, say what became of it. `apply`, `destroy` and `rollback` differ in
//! what they plan, and in nothing that stands here.

use deployctl_sdk::{Address, source};
use serde::Serialize;

use super::args::Applying;
use super::exit::Exit;
use super::session::{Session, frame};
use super::{Outcome, prompt};
use crate::apply::{Applied, ApplyOptions, apply, undo, undo_wanted};
use crate::error::Result;
use crate::plan::{Plan, Planned};
use crate::project::{self, Project, refuse_protected};
use crate::render::conclusion::{self, Ending};
use crate::render::value;
use crate::render::{plan as show, text};

/// What is to be carried out.
pub struct Task<'t> {
    /// The configuration that it belongs to.
    pub project: &'t Project,
    /// The lock and the state.
    pub held: project::Session,
    /// The plan.
    pub planned: Planned,
    /// Whether it was agreed to before: a plan that was saved, and looked at then.
    pub agreed: bool,
    /// What is asked.
    pub question: &'t str,
    /// The command that goes on from where a failed run stopped.
    pub again: &'t str,
}

#[derive(Serialize)]
struct PlannedEvent<'p> {
    format_version: u32,
    at: jiff::Timestamp,
    event: &'static str,
    plan: show::json::Document<'p>,
}

/// Shows a plan that is about to be carried out.
pub fn announce(session: &Session<'_>, project: &Project, plan: &Plan) -> Result<()> {
    session.watcher.clear();
    session.watcher.expect(plan.changes.iter().map(|change| &change.address));
    if session.output.json {
        return session.output.document(&PlannedEvent {
            format_version: crate::event::EVENT_FORMAT_VERSION,
            at: source::now(),
            event: "planned",
            plan: show::json::document(plan),
        });
    }
    session.output.result(&show::text(plan, frame(project, None), session.output.out));
    Ok(())
}

/// Shows the plan, asks, carries it out.
///
/// # Errors
/// What stops a run as a whole. What happens to single resources is told, and is in the exit code.
pub async fn carry_out(session: &Session<'_>, task: Task<'_>, applying: &Applying) -> Outcome {
    let Task { project, held, planned, agreed, question, again } = task;
    announce(session, project, &planned.plan)?;
    if planned.plan.is_empty() && planned.refreshed.is_empty() {
        // A run that was killed after its last action has no line in the history yet, and no run follows that would write it.
        project.store().settle_ended(&held.lock).await?;
        held.lock.release().await?;
        return Ok(Exit::Done);
    }
    if let Err(error) = refuse_protected(&planned.plan) {
        held.lock.release().await?;
        return Err(error);
    }
    if !(agreed || applying.auto_approve || planned.plan.is_empty()) {
        let approved = prompt::approve(session.output, &planned.plan, question, &session.interrupt).await;
        if let Err(error) = approved {
            held.lock.release().await?;
            return Err(error);
        }
    }
    if !session.output.json {
        session.output.say("\n");
    }
    let options = ApplyOptions {
        parallelism: applying.parallelism.or(session.settings.parallelism).unwrap_or(10),
        fail_fast: applying.fail_fast,
        approve_deferred: applying.approve_deferred,
        auto_approve: applying.auto_approve,
    };
    let quiet = planned.plan.is_empty();
    let (mut applied, _, mut held) = apply(project, held, &planned, &options, &session.interrupt).await?;
    if undo_wanted(project, &planned.plan.mode, &applied) {
        let (undone, after) = undo(project, held, &applied, &options, &session.interrupt).await?;
        applied.undone = Some(Box::new(undone));
        held = after;
    }
    session.watcher.clear();
    if !quiet {
        tell(session, project, &applied, again);
    }
    held.lock.release().await?;
    Ok(applied.failure().map_or(Exit::Done, Exit::from))
}

/// Says what became of it.
fn tell(session: &Session<'_>, project: &Project, applied: &Applied, again: &str) {
    let output = session.output;
    if output.json {
        return;
    }
    if let Some(failure) = &applied.late_failure {
        output.say(&format!("{} {}\n", output.err.paint(crate::render::Paint::Red, "error:"), text::clean(failure)));
    }
    let failure = applied.failure();
    let ending = Ending {
        ledger: &applied.ledger,
        base_serial: applied.base_serial,
        failure,
        timed_out: applied.timed_out,
        again,
        logs_of: conclusion::first_failed(&applied.ledger).filter(|address| has_logs(project, address)),
    };
    if failure.is_some() {
        output.say(&conclusion::conclusion(&ending, output.err));
    } else {
        output.result(&conclusion::conclusion(&ending, output.out));
        let column = applied.outputs.keys().map(|name| text::width(name)).filter(|width| *width <= 40).max();
        for (name, value) in &applied.outputs {
            let room = output.out.width.saturating_sub(column.unwrap_or(0) + 5);
            let shown = value::lines(value, room).join("\n  ");
            output.result(&format!("  {} = {shown}\n", text::pad(name, column.unwrap_or(0))));
        }
    }
    if let Some(undone) = &applied.undone {
        output.say(&conclusion::undone(&undone.ledger, undone.is_success()));
    }
}

fn has_logs(project: &Project, address: &Address) -> bool {
    project.schemas().resource(&address.type_name).is_some_and(|(_, schema)| schema.has_logs)
}
