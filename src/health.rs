//! Whether something works: one probe, and the wait until a probe succeeds.
//!
//! It knows addresses and ports, commands and the engine's own notion; it does not know plans or states.

use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::{Connection, HealthReport, Object};
use tokio_util::sync::CancellationToken;

use crate::config::{Health, HealthCheck, Probe, ResourceBlock};
use crate::diagnostic::Diagnostic;
use crate::http;
use crate::lang::Scope;

/// What is asked, in words: for messages.
pub fn described(probe: &Probe) -> String {
    match probe {
        Probe::Http { url, .. } => url.clone(),
        Probe::Tcp(address) => format!("tcp {address}"),
        Probe::Command(command) => format!("command {}", command.first().map_or("", String::as_str)),
        Probe::Engine => "its own health".to_owned(),
    }
}

/// The check that a resource's `health` block asks for, if it has one. `scope` knows `self`.
///
/// # Errors
/// Complaints about the block's expressions.
pub fn check_of(block: &ResourceBlock, scope: &dyn Scope) -> Result<Option<HealthCheck>, Vec<Diagnostic>> {
    let Some(health) = &block.health else { return Ok(None) };
    let value = health.body.evaluate(&Health::attributes(), scope, "health")?;
    HealthCheck::from_value(&value).map(Some).map_err(|bad| {
        let path = bad.attribute.map(deployctl_sdk::AttrPath::of);
        let span = path.and_then(|path| health.body.span_of(&path)).unwrap_or(health.span);
        vec![Diagnostic::error(span, bad.message, "")]
    })
}

/// What is probed: the object, and who made it.
#[derive(Clone)]
pub struct Patient {
    /// The connection of its provider.
    pub connection: Arc<dyn Connection>,
    /// Its type.
    pub type_name: Arc<str>,
    /// The object.
    pub object: Object,
}

/// Asks once.
pub async fn probe(check: &HealthCheck, patient: &Patient) -> HealthReport {
    let asked = async {
        match &check.probe {
            Probe::Http { url, expect_status } => http(url.clone(), *expect_status, check.timeout).await,
            Probe::Tcp(address) => tcp(address).await,
            Probe::Command(command) => run(command).await,
            Probe::Engine => match patient.connection.health(&patient.type_name, &patient.object).await {
                HealthReport::Healthy | HealthReport::Unknown => Ok(()),
                HealthReport::Starting { detail } | HealthReport::Unhealthy { detail } => Err(detail),
            },
        }
    };
    match tokio::time::timeout(check.timeout, asked).await {
        Ok(Ok(())) => HealthReport::Healthy,
        Ok(Err(detail)) => HealthReport::Unhealthy { detail },
        Err(_) => HealthReport::Unhealthy { detail: format!("no answer within {:?}", check.timeout) },
    }
}

/// Asks until it answers well, the tries are used up, or `cancel` is cancelled.
///
/// # Errors
/// What the last try saw, with how many tries there were.
pub async fn wait(check: &HealthCheck, patient: &Patient, cancel: &CancellationToken) -> Result<(), String> {
    let started = tokio::time::Instant::now();
    let mut interval = check.interval;
    let mut tries = 0;
    loop {
        let detail = match probe(check, patient).await {
            HealthReport::Healthy | HealthReport::Unknown => return Ok(()),
            HealthReport::Starting { detail } | HealthReport::Unhealthy { detail } => detail,
        };
        // What fails while it is still starting does not count.
        if started.elapsed() >= check.start_period {
            tries += 1;
        }
        if tries >= check.retries.max(1) {
            return Err(format!("{}: {detail} in {tries} of {tries} tries", described(&check.probe)));
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = cancel.cancelled() => return Err(format!("{}: {detail}; cancelled", described(&check.probe))),
        }
        interval = next_interval(interval, check.backoff);
    }
}

/// The longest pause between two tries, however large the backoff.
const MAX_INTERVAL: Duration = Duration::from_secs(60);

fn next_interval(interval: Duration, backoff: f64) -> Duration {
    let seconds = interval.as_secs_f64() * backoff.clamp(1.0, 10.0);
    Duration::try_from_secs_f64(seconds).unwrap_or(MAX_INTERVAL).min(MAX_INTERVAL.max(interval))
}

async fn http(url: String, expected: Option<u16>, timeout: Duration) -> Result<(), String> {
    let asked = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(5)
            .build()
            .into();
        agent.get(&url).call().map(|answer| answer.status().as_u16()).map_err(|error| http::plain(&error))
    });
    let status = asked.await.map_err(|_| "the probe did not finish".to_owned())??;
    match expected {
        Some(expected) if status == expected => Ok(()),
        None if (200..400).contains(&status) => Ok(()),
        _ => Err(format!("answered {status}")),
    }
}

async fn tcp(address: &str) -> Result<(), String> {
    tokio::net::TcpStream::connect(address).await.map(|_| ()).map_err(|error| error.to_string())
}

async fn run(command: &[String]) -> Result<(), String> {
    let Some((program, args)) = command.split_first() else { return Err("the command is empty".to_owned()) };
    let mut child = tokio::process::Command::new(program);
    child.args(args).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    let output = child.stderr(std::process::Stdio::null()).kill_on_drop(true).status().await;
    match output {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("ended with {status}")),
        Err(error) => Err(error.to_string()),
    }
}
