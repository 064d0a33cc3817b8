//! What is there now, and whether it works: for `status` and `health`.

use deployctl_sdk::{Address, HealthReport, Object, default_plan};
use jiff::Timestamp;
use serde::Serialize;

use crate::config::{HealthCheck, Probe};
use crate::error::Result;
use crate::health::{self, Patient};
use crate::model::Values;
use crate::plan::{Seen, observe, recorded_values};
use crate::project::{Current, Project};
use crate::state::{Record, Status};

/// What is known of one resource now.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceStatus {
    /// Where.
    pub address: Address,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its state in a word or two: `present`, `gone`, `tainted`, …
    pub state: String,
    /// Whether it works; `None` where nothing says how to tell.
    pub health: Option<HealthReport>,
    /// Since when it is as recorded.
    pub since: Timestamp,
    /// What is special: its parts, why it cannot be read.
    pub detail: String,
    /// How many attributes differ from what was recorded.
    pub drifted: usize,
}

/// Looks at everything recorded that `targets` covers (all without any), and asks about its health.
///
/// # Errors
/// A `count` or `for_each` that cannot be evaluated.
pub async fn examine(project: &Project, current: &Current, targets: &[Address]) -> Result<Vec<ResourceStatus>> {
    let wanted = |address: &Address| targets.is_empty() || targets.iter().any(|target| target.covers(address));
    let observation = observe(&current.state, &current.connections, &wanted, &|_| None, project.events()).await;
    let values = recorded_values(project, &current.state)?;
    let asked = current.state.records.iter().filter(|(address, _)| wanted(address)).map(|(address, record)| {
        let seen = observation.of(address);
        let values = &values;
        async move { status_of(project, current, values, address, record, seen).await }
    });
    Ok(futures_util::future::join_all(asked).await)
}

async fn status_of(
    project: &Project,
    current: &Current,
    values: &Values<'_>,
    address: &Address,
    record: &Record,
    seen: &Seen,
) -> ResourceStatus {
    let object = match seen {
        Seen::Present(object) => Some(object),
        Seen::AsRecorded => record.object.as_ref(),
        Seen::Absent | Seen::Unreadable { .. } => None,
    };
    let drifted = match (seen, &record.object) {
        (Seen::Present(seen), Some(recorded)) => default_plan::compare(&recorded.attributes, &seen.attributes).len(),
        _ => 0,
    };
    let health = match object {
        Some(object) => health_of(project, current, values, address, record, object).await,
        None => None,
    };
    ResourceStatus {
        address: address.clone(),
        type_name: record.type_name.to_string(),
        state: state_of(record, seen, object),
        health,
        since: record.updated,
        detail: detail_of(seen, object),
        drifted,
    }
}

fn state_of(record: &Record, seen: &Seen, object: Option<&Object>) -> String {
    let word = match (seen, record.status) {
        (Seen::Absent, _) => "gone",
        (Seen::Unreadable { elsewhere: true, .. }, _) => "elsewhere",
        (Seen::Unreadable { .. }, _) => "unreadable",
        (_, Status::Tainted) => "tainted",
        _ => match object.map(|object| object.children.as_slice()) {
            Some([child]) => &child.state,
            _ => "present",
        },
    };
    word.to_owned()
}

fn detail_of(seen: &Seen, object: Option<&Object>) -> String {
    if let Seen::Unreadable { reason, .. } = seen {
        return reason.clone();
    }
    let Some(object) = object else { return String::new() };
    let parts: Vec<String> = match object.children.as_slice() {
        [] => Vec::new(),
        [one] => vec![one.name.clone()],
        many => many.iter().map(|child| format!("{} {}", child.name, child.state)).collect(),
    };
    parts.join(", ")
}

/// What the configuration's own `health` block says, or else the engine.
async fn health_of(
    project: &Project,
    current: &Current,
    values: &Values<'_>,
    address: &Address,
    record: &Record,
    object: &Object,
) -> Option<HealthReport> {
    let connection = current.connections.get(&record.provider).await.ok()?;
    let patient = Patient { connection, type_name: record.type_name.clone(), object: object.clone() };
    if let Some((number, block)) =
        values.block_of(address).and_then(|number| project.config().resources.get(number).map(|block| (number, block)))
        && values.shape(number).is_some_and(|shape| shape.contains(address.key.as_ref()))
    {
        let scope = values.instance(number, address, Some(object.attributes.clone()));
        match health::check_of(block, &scope) {
            Ok(Some(check)) => return Some(health::probe(&check, &patient).await),
            Ok(None) => {}
            Err(found) => {
                let detail = found.first().map(|complaint| complaint.message.clone()).unwrap_or_default();
                return Some(HealthReport::Unhealthy { detail });
            }
        }
    }
    let (_, schema) = project.schemas().resource(&record.type_name)?;
    if !schema.has_health {
        return None;
    }
    let check = HealthCheck {
        probe: Probe::Engine,
        interval: std::time::Duration::from_secs(1),
        timeout: std::time::Duration::from_secs(5),
        retries: 1,
        start_period: std::time::Duration::ZERO,
        backoff: 1.0,
    };
    Some(health::probe(&check, &patient).await)
}
