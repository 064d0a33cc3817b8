//! A saved plan, looked at again before it is applied: it must still fit the state and what is really there.

use std::collections::{HashMap, HashSet};

use deployctl_sdk::{Action, Address, AttrPath, Object, Reason, default_plan, patch};

use super::{Plan, PlanRequest, Planned, ResourceChange, Seen, digest, engines, observe};
use crate::error::{Error, ErrorKind, Result};
use crate::project::{Current, Project};

/// Makes a saved plan ready to be applied to the present state.
///
/// # Errors
/// [`ErrorKind::Stale`] when the state is another or has moved on, or what is to be changed is not as the plan saw it.
pub async fn reopen(project: &Project, current: &Current, mut plan: Plan) -> Result<Planned> {
    fits_state(&plan, current)?;
    project.same_secrets(&current.seal).await?;
    plan_unkept(project, current, &mut plan).await?;
    let wanted: HashSet<&Address> = plan.changes.iter().map(|change| &change.address).collect();
    let mut observation = observe(
        &current.state,
        &current.connections,
        &|address| wanted.contains(address),
        &|recorded| plan.present_settings(recorded).cloned(),
        None,
        project.events(),
    )
    .await;
    let mut observed = HashMap::new();
    for change in &plan.changes {
        match observation.take(&change.address) {
            Seen::AsRecorded => {}
            Seen::Present(object) => {
                let moved = moved_since(project, current, change, &object);
                if let (Some(path), true) = (moved, change.action != Action::Delete) {
                    return Err(stale(&format!("`{path}` of {} was changed since", change.address)));
                }
                observed.insert(change.address.clone(), Some(object));
            }
            Seen::Absent => {
                if matches!(change.action, Action::Update | Action::Replace(_)) {
                    return Err(stale(&format!("{} is gone since", change.address)));
                }
                observed.insert(change.address.clone(), None);
            }
            Seen::Unreadable { reason, .. } => {
                return Err(Error::failed(format!("{} cannot be read: {reason}", change.address))
                    .with_hint("nothing was changed; apply the plan when it can be read"));
            }
        }
    }
    let here = current.connections.engines().await;
    plan.warnings.extend(engines::differing("the plan was made", &plan.engines, &here));
    plan.engines.extend(here);
    Ok(Planned { plan, refreshed: Vec::new(), observed })
}

/// The first attribute that is not as the plan saw it. What only the engine decides counts where the plan shows it.
fn moved_since(project: &Project, current: &Current, change: &ResourceChange, now: &Object) -> Option<AttrPath> {
    let recorded = current.state.records.get(&change.address)?.object.as_ref()?;
    let then = patch(&recorded.attributes, &change.drift);
    let schema = project.schemas().resource(&change.type_name).map(|(_, schema)| schema);
    let shown = |path: &AttrPath| change.diffs.iter().any(|diff| diff.path.attribute() == path.attribute());
    let settable = |path: &AttrPath| {
        let attribute = path.attribute().and_then(|name| schema?.attribute(name));
        attribute.is_none_or(|attribute| !attribute.read_only)
    };
    let moved = default_plan::compare(&then, &now.attributes).into_iter().map(|diff| diff.path);
    moved.into_iter().find(|path| shown(path) || settable(path))
}

/// An engine's own plan that holds a secret is not kept. It is made again, and must come to what was shown.
async fn plan_unkept(project: &Project, current: &Current, plan: &mut Plan) -> Result<()> {
    if plan.unkept.is_empty() {
        return Ok(());
    }
    let requested = plan.changes.iter().filter(|change| change.reason == Reason::Requested);
    let request = PlanRequest {
        mode: plan.mode.clone(),
        targets: plan.targets.clone(),
        excludes: plan.excludes.clone(),
        replaces: requested.map(|change| change.address.clone()).collect(),
        ..PlanRequest::default()
    };
    let again = super::plan(project, current, &request).await?.plan;
    for change in plan.changes.iter_mut().filter(|change| plan.unkept.contains(&change.address)) {
        let shown = digest::action(change, &current.seal);
        let same = again
            .changes
            .iter()
            .find(|again| again.address == change.address && digest::action(again, &current.seal) == shown);
        let Some(same) = same else {
            return Err(stale(&format!("what is to be done with {} would be something else by now", change.address)));
        };
        change.artefact.clone_from(&same.artefact);
    }
    Ok(())
}

fn fits_state(plan: &Plan, current: &Current) -> Result<()> {
    let state = &current.state;
    if plan.serial == 0 {
        return match current.exists && (state.serial > 0 || state.lineage != plan.lineage) {
            true => Err(stale("there was no state when it was made, and there is one now")),
            false => Ok(()),
        };
    }
    if !current.exists || state.lineage != plan.lineage {
        return Err(stale("it was made for another state"));
    }
    if state.serial != plan.serial {
        return Err(stale(&format!("it was made at serial {}, and the state is at {} now", plan.serial, state.serial)));
    }
    Ok(())
}

fn stale(why: &str) -> Error {
    Error::new(ErrorKind::Stale, format!("the saved plan does not fit any more: {why}"))
        .with_hint("make the plan again, and look at it again; nothing was changed")
}
