//! Whether containers work: by the engine's health check where there is one, and by whether they run.

use std::time::Duration;

use bollard::models::HealthStatusEnum;
use deployctl_sdk::{ErrorKind, HealthReport, Mask, Object, ProviderError};
use tokio_util::sync::CancellationToken;

use super::inspected::{self, Inspected};
use super::{logs, observe, record};
use crate::attributes::truth;
use crate::provider::Site;

/// How often a container is looked at while it is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How long a container without a health check must run to count as up, where another one waits to be replaced by it.
const PROBATION: Duration = Duration::from_millis(500);

/// What the engine says of all of a record's containers: the worst.
pub(crate) async fn health(site: &Site, object: &Object) -> HealthReport {
    let ids: Vec<String> = record::containers(object).into_iter().map(|container| container.id).collect();
    let all = match observe::inspect_all(site, &ids).await {
        Ok(all) => all,
        Err(error) => return HealthReport::Unhealthy { detail: error.to_string() },
    };
    if all.len() < ids.len() || all.is_empty() {
        return HealthReport::Unhealthy { detail: "it is not there any more".to_owned() };
    }
    let mask = Mask::of([&object.attributes]);
    let must_run = truth(&object.attributes, "must_run");
    let mut starting = None;
    for one in &all {
        match report(one, must_run) {
            HealthReport::Unhealthy { detail } => return HealthReport::Unhealthy { detail: mask.apply(&detail) },
            HealthReport::Starting { detail } => starting = Some(mask.apply(&detail)),
            HealthReport::Healthy | HealthReport::Unknown => {}
        }
    }
    starting.map_or(HealthReport::Healthy, |detail| HealthReport::Starting { detail })
}

/// What the engine says of one container.
fn report(one: &Inspected, must_run: bool) -> HealthReport {
    let name = inspected::name(one);
    let code = inspected::exit_code(one).unwrap_or_default();
    match inspected::status(one).as_str() {
        "running" => {}
        "exited" if !must_run && code == 0 => return HealthReport::Healthy,
        "exited" | "dead" => {
            return HealthReport::Unhealthy { detail: format!("{name} ended with code {code}{}", memory(one)) };
        }
        "restarting" => {
            let times = one.restart_count.unwrap_or_default();
            let detail = format!("{name} ended with code {code} and is started again, the {times}. time");
            return HealthReport::Unhealthy { detail };
        }
        "created" => return HealthReport::Starting { detail: format!("{name} was not started yet") },
        other => return HealthReport::Unhealthy { detail: format!("{name} is {other}") },
    }
    match inspected::health(one) {
        None | Some(HealthStatusEnum::HEALTHY) => HealthReport::Healthy,
        Some(HealthStatusEnum::UNHEALTHY) => {
            HealthReport::Unhealthy { detail: format!("the health check of {name} fails{}", last_check(one)) }
        }
        Some(_) => HealthReport::Starting {
            detail: format!("the health check of {name} has not passed yet{}", last_check(one)),
        },
    }
}

fn memory(one: &Inspected) -> &'static str {
    let killed = one.state.as_ref().and_then(|state| state.oom_killed).unwrap_or(false);
    if killed { ", out of memory" } else { "" }
}

/// What the last check said.
fn last_check(one: &Inspected) -> String {
    let log = one.state.as_ref().and_then(|state| state.health.as_ref()?.log.as_ref()?.last());
    let output = log.and_then(|check| check.output.as_deref()).unwrap_or_default().trim();
    output.lines().last().map(|line| format!(": {line}")).unwrap_or_default()
}

/// Waits until a container that was just started is up: healthy where the engine checks that, and otherwise running for a
/// moment.
///
/// # Errors
/// When it does not come up, with the last lines of its log; or the wait is cancelled.
pub(crate) async fn wait(site: &Site, id: &str, cancel: &CancellationToken) -> Result<Inspected, ProviderError> {
    let started = tokio::time::Instant::now();
    loop {
        let seen =
            inspected::inspect(site, id).await.map_err(|error| error.doing("cannot look at the new container"))?;
        let Some(seen) = seen else {
            return Err(ProviderError::new(ErrorKind::Refused, "the new container is gone"));
        };
        match report(&seen, true) {
            HealthReport::Healthy if inspected::health(&seen).is_some() || started.elapsed() >= PROBATION => {
                return Ok(seen);
            }
            HealthReport::Unhealthy { detail } => return Err(failed(site, &seen, detail).await),
            _ => {}
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = cancel.cancelled() => {
                return Err(ProviderError::new(ErrorKind::Cancelled, "cancelled while waiting for the new container"));
            }
        }
    }
}

/// The error for a container that does not come up, with the last lines of its log.
async fn failed(site: &Site, one: &Inspected, detail: String) -> ProviderError {
    let lines = logs::last_lines(site, inspected::id(one), inspected::name(one)).await;
    ProviderError::new(ErrorKind::Refused, detail).with_detail(lines)
}

/// Complains about a container that does not run right after its start.
///
/// # Errors
/// With the last lines of its log.
pub(crate) async fn check_started(site: &Site, one: &Inspected, must_run: bool) -> Result<(), ProviderError> {
    if !must_run || inspected::is_running(one) {
        return Ok(());
    }
    match report(one, must_run) {
        HealthReport::Unhealthy { detail } => Err(failed(site, one, detail).await),
        _ => Ok(()),
    }
}
