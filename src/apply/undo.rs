//! Takes a failed run back: `rollback_on_failure`.
//!
//! It undoes what this run did and nothing else, and never deletes what holds data.

use std::collections::BTreeSet;

use deployctl_sdk::{Action, Address};

use super::{Applied, ApplyOptions, Interrupt, apply};
use crate::error::{ErrorKind, Result};
use crate::event::{Event, Outcome};
use crate::plan::{Mode, PlanRequest, Planned, plan};
use crate::project::{Project, Session};
use crate::state::Revision;

/// Whether a run of that mode that ended like this is to be taken back. A destroy that failed half-way is not: whoever asked
/// for it wants the rest gone too.
pub fn wanted(project: &Project, mode: &Mode, applied: &Applied) -> bool {
    project.config().deployment.rollback_on_failure
        && *mode != Mode::Destroy
        && matches!(applied.failure(), Some(ErrorKind::Failed | ErrorKind::Refused))
        && !touched(applied).is_empty()
}

/// Undoes what a run did: back to the revision before it, or to nothing where there was none.
///
/// # Errors
/// When the earlier revision cannot be planned or the undoing cannot be recorded.
pub async fn undo(
    project: &Project,
    session: Session,
    applied: &Applied,
    options: &ApplyOptions,
    interrupt: &Interrupt,
) -> Result<(Applied, Session)> {
    let touched = touched(applied);
    project.events().send(Event::RollbackStarted { actions: touched.len() });
    let earlier = match applied.base_serial {
        0 => None,
        serial => match revision_at(project, serial).await? {
            Some(revision) => Some(revision),
            // What was there before the run cannot be told from what it made.
            None => {
                let text = "what the run did was not undone: the revision before it is not kept any more".to_owned();
                return Ok((Applied { late_failure: Some(text), ..Applied::default() }, session));
            }
        },
    };
    let request = |mode| PlanRequest { mode, exactly: Some(touched.clone()), ..PlanRequest::default() };
    let options = ApplyOptions { approve_deferred: true, ..options.clone() };
    let command = format!("{} (rollback_on_failure)", session.command);
    let session = Session { command, ..session };
    let (undone, session) = match earlier {
        Some(revision) => {
            let earlier = project.at_revision(&revision).await?;
            let planned = plan(&earlier, &session.current, &request(Mode::Rollback { to: revision.serial })).await?;
            run(&earlier, session, sparing_data(&earlier, planned), &options, interrupt).await?
        }
        None => {
            let planned = plan(project, &session.current, &request(Mode::Destroy)).await?;
            run(project, session, sparing_data(project, planned), &options, interrupt).await?
        }
    };
    Ok((undone, session))
}

/// The revision that stood at a serial. State that was edited in between has none of its own.
async fn revision_at(project: &Project, serial: u64) -> Result<Option<Revision>> {
    let known = project.store().revisions().await?;
    Ok(known.into_iter().rev().find(|revision| revision.serial <= serial))
}

async fn run(
    project: &Project,
    session: Session,
    planned: Planned,
    options: &ApplyOptions,
    interrupt: &Interrupt,
) -> Result<(Applied, Session)> {
    let (applied, _, session) = apply(project, session, &planned, options, interrupt).await?;
    Ok((applied, session))
}

/// What the run changed, or may have: done, failed, unhealthy or cancelled.
fn touched(applied: &Applied) -> BTreeSet<Address> {
    let entries = applied.ledger.entries.iter();
    entries
        .filter(|entry| !matches!(entry.outcome, Outcome::NotStarted { .. }))
        .map(|entry| entry.address.clone())
        .collect()
}

/// The plan without the deletion of anything that holds data.
fn sparing_data(project: &Project, mut planned: Planned) -> Planned {
    planned.plan.changes.retain(|change| {
        let schema = project.schemas().resource(&change.type_name).map(|(_, schema)| schema);
        let loses_data = change.risks.iter().any(|risk| risk.kind == deployctl_sdk::RiskKind::DataLoss);
        let holds_data = schema.is_some_and(|schema| schema.holds_data) || loses_data;
        !(holds_data && matches!(change.action, Action::Delete | Action::Replace(_)))
    });
    planned
}
