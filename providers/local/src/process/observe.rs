//! What a process's replicas really are, told in the type's attributes.

use std::path::Path;

use deployctl_sdk::{
    ErrorKind, Found, HealthReport, Lost, Map, Object, Observed, Operation, Ownership, Place, ProviderError,
    ResourceId, ResourceSchema, Value,
};

use super::converge::RESTARTING;
use super::identity::environment;
use super::record::{self, Spec};
use super::replica::{Doing, Replica};
use crate::attributes::{refused, revealed_texts, settled, with};
use crate::claim;

/// Attributes that a specification keeps besides those whose change restarts.
const SOFT: &[&str] = &["start_seconds", "log", "restart", "stop"];

/// All replicas of a record that have a folder.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn replicas(record: &Path) -> Result<Vec<Replica>, ProviderError> {
    let folders = record::replicas(record).map_err(refused)?;
    folders.into_iter().map(|(_, folder)| Replica::look(folder).map_err(refused)).collect()
}

/// The object that these replicas are, under that configuration.
pub(crate) fn describe(
    schema: &ResourceSchema,
    place: &Place,
    id: ResourceId,
    config: &Value,
    replicas: &[Replica],
) -> Object {
    let attributes = settled(schema, config, computed(place, replicas));
    Object { private: Value::map([("id", Value::from(id.to_string()))]), ..Object::new(attributes) }
}

/// What the machine decides.
fn computed(place: &Place, replicas: &[Replica]) -> Vec<(&'static str, Value)> {
    let pid = |replica: &Replica| replica.pid().map_or(Value::Null, |pid| Value::from(i64::from(pid)));
    let status = |doing: Doing| replicas.iter().any(|replica| replica.doing == doing);
    let status = match (status(Doing::Stopped), status(Doing::Restarting)) {
        (true, _) => "stopped",
        (false, true) => "restarting",
        (false, false) => "running",
    };
    let first = replicas.first();
    let started = first.and_then(|replica| replica.status.as_ref()?.started_at.clone());
    let restarts = replicas.iter().filter_map(|replica| replica.status.as_ref()).map(|status| status.restarts);
    let specs = || replicas.iter().filter_map(|replica| replica.spec.as_ref());
    vec![
        ("pid", first.map_or(Value::Null, pid)),
        ("pids", Value::list(replicas.iter().map(pid))),
        ("status", Value::from(status)),
        ("started_at", started.map_or(Value::Null, Value::from)),
        ("restarts", Value::Number(restarts.sum::<u64>().into())),
        ("ports", ports(specs())),
        ("log_paths", Value::list(specs().map(|spec| Value::from(shown(&spec.log, place))))),
    ]
}

fn ports<'s>(specs: impl Iterator<Item = &'s Spec>) -> Value {
    let mut by_name: std::collections::BTreeMap<&str, Vec<Value>> = std::collections::BTreeMap::new();
    for port in specs.flat_map(|spec| &spec.ports) {
        by_name.entry(&port.name).or_default().push(Value::from(i64::from(port.number)));
    }
    Value::map(by_name.into_iter().map(|(name, numbers)| (name, Value::from(numbers))))
}

/// A path as records keep it: relative to the configuration's folder where it lies below it.
fn shown(path: &Path, place: &Place) -> String {
    path.strip_prefix(&place.root).unwrap_or(path).to_string_lossy().into_owned()
}

/// Compares what was recorded with what is running.
pub(crate) fn read(place: &Place, id: ResourceId, recorded: &Object) -> Observed {
    match replicas(&claim::folder(&place.data, id)) {
        Err(error) => Observed::Unreadable { reason: error.message },
        Ok(replicas) if replicas.is_empty() => Observed::Absent,
        Ok(replicas) => {
            let attributes = compare(place, recorded, &replicas);
            if attributes == recorded.attributes {
                return Observed::AsRecorded;
            }
            Observed::Present(Object { attributes, ..recorded.clone() })
        }
    }
}

fn compare(place: &Place, recorded: &Object, replicas: &[Replica]) -> Value {
    let before = &recorded.attributes;
    let mut members = computed(place, replicas);
    let count = i64::try_from(replicas.len()).unwrap_or(i64::MAX);
    if before.get("replicas").and_then(Value::as_i64) != Some(count) {
        members.push(("replicas", Value::from(count)));
    }
    for name in RESTARTING.iter().chain(SOFT) {
        let old = before.get(name).cloned().unwrap_or_default();
        let specs = replicas.iter().filter_map(|replica| replica.spec.as_ref());
        let mut values = specs.map(|spec| spec.config.get(name).cloned().unwrap_or_default());
        if let Some(other) = values.find(|value| !value.same(&old)) {
            members.push((name, other));
        }
    }
    let env = revealed_texts(before, "env");
    let differs = |replica: &&Replica| replica.spec.as_ref().is_some_and(|spec| !spec.has_environment(&env));
    if let Some(replica) = replicas.iter().find(differs) {
        members.push(("env", running_environment(replica)));
    }
    with(before, members)
}

/// The configured environment of a replica, got back from its running service; null if that cannot be.
fn running_environment(replica: &Replica) -> Value {
    let (Some(spec), Some(pid)) = (&replica.spec, replica.pid()) else { return Value::Null };
    if spec.env.is_empty() {
        return Value::Null;
    }
    let running = environment(pid);
    let mut env = Map::new();
    for variable in &spec.env {
        if let Some((name, value)) = running.iter().find(|(name, _)| *name == variable.name) {
            env.insert(name.as_str().into(), Value::from(value.as_str()).with_mark(variable.sensitive));
        }
    }
    Value::from(env)
}

/// Looks for a process that an interrupted run may have started.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn find(place: &Place, schema: &ResourceSchema, lost: &Lost) -> Result<Found, ProviderError> {
    if let (Some(prior), true) = (&lost.prior, lost.operation != Operation::Create) {
        return match read(place, lost.mark.id, prior) {
            Observed::AsRecorded => Ok(Found::Present { object: prior.clone(), complete: true }),
            Observed::Present(object) => Ok(Found::Present { object, complete: true }),
            Observed::Absent => Ok(Found::Absent),
            Observed::Unreadable { reason } => Err(ProviderError::new(ErrorKind::Refused, reason)),
        };
    }
    let replicas = replicas(&claim::folder(&place.data, lost.mark.id))?;
    // A folder without a specification was made just before the crash: nothing can have been started in it.
    Ok(recover(place, schema, &replicas)
        .map_or(Found::Absent, |(_, object, complete)| Found::Present { object, complete }))
}

/// All processes of which there is a folder.
///
/// # Errors
/// When the folders cannot be read.
pub(crate) fn find_all(place: &Place, schema: &ResourceSchema) -> Result<Vec<(Ownership, Object)>, ProviderError> {
    let mut found = Vec::new();
    for record in claim::records(&place.data).map_err(refused)? {
        let replicas = replicas(&record)?;
        found.extend(recover(place, schema, &replicas).map(|(mark, object, _)| (mark, object)));
    }
    Ok(found)
}

/// A process put together again from what is on disk and what runs: whose it is, what it is, and whether it is whole.
fn recover(place: &Place, schema: &ResourceSchema, replicas: &[Replica]) -> Option<(Ownership, Object, bool)> {
    let spec = replicas.iter().find_map(|replica| replica.spec.as_ref())?;
    let env = replicas.first().map(running_environment).unwrap_or_default();
    let config = with(&spec.config, vec![("env", env)]);
    let whole = config.get("replicas").and_then(Value::as_i64) == i64::try_from(replicas.len()).ok();
    let running = replicas.iter().all(|replica| matches!(replica.doing, Doing::Running(_)));
    let mut specs = replicas.iter().filter_map(|replica| replica.spec.as_ref());
    let same_env = specs.all(|spec| spec.has_environment(&revealed_texts(&config, "env")));
    let object = describe(schema, place, spec.mark.id, &config, replicas);
    Some((spec.mark.clone(), object, whole && running && same_env))
}

/// Whether all replicas run.
pub(crate) fn health(place: &Place, object: &Object) -> HealthReport {
    let Some(id) = record_id(object) else { return HealthReport::Unknown };
    let replicas = match replicas(&claim::folder(&place.data, id)) {
        Ok(replicas) => replicas,
        Err(error) => return HealthReport::Unhealthy { detail: error.message },
    };
    if replicas.is_empty() {
        return HealthReport::Unhealthy { detail: "it is not running".to_owned() };
    }
    let mut starting = None;
    for (number, replica) in replicas.iter().enumerate() {
        let status = replica.status.as_ref();
        let end = status.and_then(|status| status.last_end.as_deref()).unwrap_or("is not running");
        let restarts = status.map_or(0, |status| status.restarts);
        match replica.doing {
            Doing::Running(_) => {}
            Doing::Stopped => {
                return HealthReport::Unhealthy {
                    detail: format!("replica {number} {end}, after {restarts} restarts"),
                };
            }
            Doing::Restarting => {
                starting = Some(format!("replica {number} {end} and is started again, after {restarts} restarts"));
            }
        }
    }
    starting.map_or(HealthReport::Healthy, |detail| HealthReport::Starting { detail })
}

/// The id of the record that an object belongs to.
pub(crate) fn record_id(object: &Object) -> Option<ResourceId> {
    object.private.get("id")?.as_str()?.parse().ok().map(ResourceId)
}
