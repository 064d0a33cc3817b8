//! How things are: what is there, and whether it works. `status` and `health` differ in what they show of it.

use std::sync::Arc;

use deployctl_sdk::{Address, ChildObject, HealthReport, Object, ResourceSchema, Value};
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use super::session::Session;
use crate::config::HealthCheck;
use crate::error::{Error, Result};
use crate::health::{self, Patient};
use crate::plan::{Seen, observe, recorded_values};
use crate::project::{Current, Project};
use crate::render::history::{Condition, NO_HEALTH};
use crate::render::text::{counted, plural};
use crate::render::value;
use crate::state::{Record, State, Status};

/// How many are asked at one time.
const AT_ONCE: usize = 16;

/// How everything is that `wanted` names, in the order of the addresses.
///
/// # Errors
/// A state that cannot be read, or a `health` block that cannot be evaluated.
pub async fn conditions(
    session: &Session<'_>,
    project: &Project,
    current: &Current,
    wanted: &dyn Fn(&Address) -> bool,
) -> Result<Vec<Condition>> {
    let state = &current.state;
    let seen = async { Ok(observe(state, &current.connections, wanted, &|_| None, None, project.events()).await) };
    let mut seen = session.unless_interrupted(seen).await?;
    let checks = checks(project, state, wanted)?;
    let mut rows = Vec::new();
    for ((address, record), check) in state.records.iter().filter(|(address, _)| wanted(address)).zip(checks) {
        rows.push((address, record, seen.take(address), check));
    }
    let asked = rows.into_iter().map(|(address, record, seen, check)| {
        let schema = project.schemas().resource(&record.type_name).map(|(_, schema)| schema);
        async move {
            let object = match &seen {
                Seen::Present(object) => Some(object.clone()),
                Seen::AsRecorded => record.object.clone(),
                Seen::Absent | Seen::Unreadable { .. } => None,
            };
            let health = match object {
                Some(object) => Some((ask(current, record, schema, check, object.clone()).await, object)),
                None => None,
            };
            condition(address, record, schema, &seen, health)
        }
    });
    let all = async { Ok(stream::iter(asked).buffered(AT_ONCE).collect().await) };
    session.unless_interrupted(all).await
}

/// What each `health` block asks for, evaluated with the recorded values.
fn checks(project: &Project, state: &State, wanted: &dyn Fn(&Address) -> bool) -> Result<Vec<Option<HealthCheck>>> {
    let values = recorded_values(project, state)?;
    let mut checks = Vec::new();
    for (address, record) in state.records.iter().filter(|(address, _)| wanted(address)) {
        let block = values.block_of(address).and_then(|index| Some((index, project.config().resources.get(index)?)));
        checks.push(match (block, &record.object) {
            (Some((index, block)), Some(object)) => {
                let scope = values.instance(index, address, Some(object.attributes.clone()));
                health::check_of(block, &scope)
                    .map_err(|found| Error::invalid(project.config().sources.clone(), found))?
            }
            _ => None,
        });
    }
    Ok(checks)
}

/// Asks once: what the `health` block names, or the engine where it has a notion of its own.
async fn ask(
    current: &Current,
    record: &Record,
    schema: Option<&ResourceSchema>,
    check: Option<HealthCheck>,
    object: Object,
) -> HealthReport {
    let has_own = schema.is_some_and(|schema| schema.has_health);
    if check.is_none() && !has_own {
        return HealthReport::Unknown;
    }
    let connection = match current.connections.get(&record.provider).await {
        Ok(connection) => connection,
        Err(error) => return HealthReport::Unhealthy { detail: error.message },
    };
    match check {
        Some(check) => {
            health::probe(&check, &Patient { connection, type_name: record.type_name.clone(), object }).await
        }
        None => connection.health(&record.type_name, &object).await,
    }
}

fn condition(
    address: &Address,
    record: &Arc<Record>,
    schema: Option<&ResourceSchema>,
    seen: &Seen,
    health: Option<(HealthReport, Object)>,
) -> Condition {
    let (report, object) = health.unzip();
    let (word, trouble) = match report {
        None | Some(HealthReport::Unknown) => (NO_HEALTH, None),
        Some(HealthReport::Healthy) => ("healthy", None),
        Some(HealthReport::Starting { detail }) => ("starting", Some(detail)),
        Some(HealthReport::Unhealthy { detail }) => ("unhealthy", Some(detail)),
    };
    let healthy = !matches!(word, "unhealthy");
    let (state, there, why) = match seen {
        Seen::Absent => ("gone".to_owned(), false, Some("the next apply makes it again".to_owned())),
        Seen::Unreadable { reason, elsewhere: true } => ("elsewhere".to_owned(), true, Some(reason.clone())),
        Seen::Unreadable { reason, .. } => ("unreadable".to_owned(), false, Some(reason.clone())),
        _ if record.status == Status::Tainted => ("half made".to_owned(), false, None),
        Seen::Present(_) | Seen::AsRecorded => (object.as_ref().map(shape).unwrap_or_default(), true, None),
    };
    let facts = object.as_ref().map(|object| facts(object, schema)).unwrap_or_default();
    let gone = object.as_ref().map(|object| gone(record, object)).unwrap_or_default();
    let lost = (!gone.is_empty()).then(|| format!("{} gone", counted(gone.len(), "part")));
    let detail: Vec<String> = trouble.into_iter().chain(why).chain(lost).chain(facts).collect();
    let since = object.as_ref().and_then(started).unwrap_or(record.updated);
    let running = !matches!(state.as_str(), "stopped" | "exited" | "failed");
    Condition {
        address: address.to_string(),
        state,
        health: word.to_owned(),
        since: Some(since),
        detail: detail.join(", "),
        ok: there && healthy && running && gone.is_empty(),
        parts: object.map(|object| object.children).unwrap_or_default().into_iter().chain(gone).collect(),
    }
}

/// The parts that were recorded and are not there any more.
fn gone(record: &Record, seen: &Object) -> Vec<ChildObject> {
    let recorded = record.object.iter().flat_map(|object| &object.children);
    let is = |one: &ChildObject, other: &ChildObject| one.kind == other.kind && one.name == other.name;
    let missing = recorded.filter(|part| !seen.children.iter().any(|other| is(part, other)));
    missing.map(|part| ChildObject { state: "gone".to_owned(), ..part.clone() }).collect()
}

/// In a word or two: what it says of itself, how many parts it has, or only that it is there.
fn shape(object: &Object) -> String {
    if let Some(Value::String(status)) = object.attributes.get("status") {
        return status.to_string();
    }
    match object.children.as_slice() {
        [] => "present".to_owned(),
        [first, rest @ ..] if rest.iter().all(|child| child.kind == first.kind) => {
            format!("{} {}", object.children.len(), plural(object.children.len(), &first.kind))
        }
        children => counted(children.len(), "object"),
    }
}

fn started(object: &Object) -> Option<Timestamp> {
    object.attributes.get("started_at")?.as_str()?.parse().ok()
}

/// The first few of what only the engine knows: `pid 4121, restarts 0`.
fn facts(object: &Object, schema: Option<&ResourceSchema>) -> Vec<String> {
    let Some(schema) = schema else { return Vec::new() };
    let told = schema.attributes.iter().filter(|attribute| attribute.read_only && !attribute.sensitive).filter_map(
        |attribute| {
            let name = attribute.name.as_str();
            let value = object.attributes.get(name).filter(|_| name != "status" && !name.ends_with("_at"))?;
            match value {
                Value::String(text) if text.is_empty() || text.contains('\n') => None,
                Value::String(text) => Some(match value::short_digest(text) {
                    Some(short) => format!("{name} {short}…"),
                    None => format!("{name} {}", crate::render::text::cut_end(text, 40)),
                }),
                Value::Number(_) | Value::Bool(_) => Some(format!("{name} {}", value::inline(value, 24))),
                _ => None,
            }
        },
    );
    told.take(3).collect()
}
