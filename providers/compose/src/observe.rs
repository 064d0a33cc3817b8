//! What there is of a recorded project, and what is written down of it.

use std::sync::Arc;

use deployctl_sdk::{
    ChildObject, Found, HealthReport, Lost, Map, Object, Observed, Operation, Ownership, ReadRequest, Value,
};

use crate::engine::{Check, Container, State, World};
use crate::settings::Settings;
use crate::store::mark_in;

/// What was seen of one recorded project.
pub(crate) fn observed(world: &World, request: &ReadRequest<'_>, lineage: &str) -> Observed {
    let Some(name) = request.recorded.attributes.get("project_name").and_then(Value::as_str) else {
        return Observed::Unreadable { reason: "its record has no project name".to_owned() };
    };
    let id = request.id.to_string();
    let ours = |container: &&Container| is_ours(container, lineage, &id);
    let any_ours = world.of(name).any(|container| ours(&container));
    let only_foreign = !any_ours && world.of(name).next().is_some();
    if !is_there(world, &request.recorded.attributes, name) || only_foreign {
        return Observed::Absent;
    }
    let seen = object(request.recorded.clone(), world, name);
    if seen == *request.recorded { Observed::AsRecorded } else { Observed::Present(seen) }
}

/// Whether there is anything of a project. Volumes count where they go with it: alone they are what a removal that was cut
/// short has not come to.
fn is_there(world: &World, attributes: &Value, project: &str) -> bool {
    world.has(project) || (Settings::new(attributes).remove_volumes() && world.has_volumes(project))
}

/// Whether a container may be taken for one of ours: one that another state's mark stands on is not. One without any mark was
/// made by hand in a project that is ours.
pub(crate) fn is_ours(container: &Container, lineage: &str, id: &str) -> bool {
    mark_in(&container.config_files).is_none_or(|mark| mark == (lineage, id))
}

/// The object with what is there now.
pub(crate) fn object(object: Object, world: &World, project: &str) -> Object {
    let services = world.by_service(project);
    let containers = services
        .iter()
        .map(|(service, containers)| (*service, Value::list(containers.iter().map(|container| container.value()))));
    let mut attributes: Map = object.attributes.as_map().cloned().unwrap_or_default();
    attributes.insert(Arc::from("containers"), Value::map(containers));
    let children = services.iter().map(|(service, containers)| child(service, containers)).collect();
    Object { attributes: Value::from(attributes), children, ..object }
}

fn child(service: &str, containers: &[&Container]) -> ChildObject {
    let mut states: Vec<(String, usize)> = Vec::new();
    for container in containers {
        let words = container.state.words();
        match states.iter_mut().find(|(state, _)| *state == words) {
            Some((_, count)) => *count += 1,
            None => states.push((words, 1)),
        }
    }
    let state = match states.as_slice() {
        [(state, 1)] => state.clone(),
        many => many.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", "),
    };
    ChildObject { kind: "service".to_owned(), name: service.to_owned(), state }
}

/// What became of a project whose creation, change or removal was interrupted.
pub(crate) fn found(world: &World, lost: &Lost) -> Found {
    let recorded =
        lost.prior.as_ref().and_then(|prior| prior.attributes.get("project_name")?.as_str().map(str::to_owned));
    let named = lost.identity.as_ref().and_then(|identity| identity.get("project_name")?.as_str()).map(str::to_owned);
    let Some(name) = named.or(recorded) else { return Found::Absent };
    let (lineage, id) = (lost.mark.lineage.to_string(), lost.mark.id.to_string());
    let mut containers = world.of(&name).peekable();
    if containers.peek().is_none() {
        // Its networks and volumes are made before its containers, and go after them.
        let attributes = lost.prior.as_ref().map(|prior| &prior.attributes).or(lost.identity.as_ref());
        let there = attributes.map_or(world.has(&name), |attributes| is_there(world, attributes, &name));
        return if there { half(world, lost, &name) } else { Found::Absent };
    }
    // What runs under that name and was not made by deployctl is ours only if it was ours before.
    let made_here = world.of(&name).any(|container| mark_in(&container.config_files) == Some((&lineage, &id)));
    let was_ours = lost.prior.is_some() && world.of(&name).all(|container| is_ours(container, &lineage, &id));
    if made_here || was_ours { half(world, lost, &name) } else { Found::Absent }
}

fn half(world: &World, lost: &Lost, name: &str) -> Found {
    let prior = lost.prior.clone().unwrap_or_else(|| Object::new(lost.identity.clone().unwrap_or_default()));
    // Compose brings a project that is half there to its end, so it need not be made anew: whatever is missing is planned.
    let complete = lost.operation != Operation::Delete;
    Found::Present { object: object(prior, world, name), complete }
}

/// Every project that bears the mark of a lineage.
pub(crate) fn marked(world: &World, lineage: &str) -> Vec<(String, String, Object)> {
    let mut found: Vec<(String, String, Object)> = Vec::new();
    for container in &world.containers {
        let Some((own, id)) = mark_in(&container.config_files) else { continue };
        if own != lineage || found.iter().any(|(_, project, _)| *project == container.project) {
            continue;
        }
        let name = container.project.as_str();
        let bare = Object::new(Value::map([("project_name", Value::from(name))]));
        found.push((id.to_owned(), name.to_owned(), object(bare, world, name)));
    }
    found
}

/// Whether the services of a project work. `completes` names those that may have ended well.
pub(crate) fn health(world: &World, project: &str) -> HealthReport {
    let mut waiting = None;
    let mut any = false;
    for container in world.of(project).filter(|container| !container.one_off) {
        any = true;
        let detail = || format!("{} is {}", container.name, container.state.words_with_health());
        match container.state {
            State::Running(None | Some(Check::Healthy)) | State::Exited(0) => {}
            State::Running(Some(Check::Starting)) | State::Created => waiting = waiting.or_else(|| Some(detail())),
            _ => return HealthReport::Unhealthy { detail: detail() },
        }
    }
    match (any, waiting) {
        (false, _) => HealthReport::Unhealthy { detail: "it has no containers".to_owned() },
        (true, Some(detail)) => HealthReport::Starting { detail },
        (true, None) => HealthReport::Healthy,
    }
}

/// A mark as paths have it.
pub(crate) fn mark_texts(mark: &Ownership) -> (String, String) {
    (mark.lineage.to_string(), mark.id.to_string())
}
