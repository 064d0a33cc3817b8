//! Starting a replica: the supervisor is started, handed the environment, and watched until its service has stayed alive
//! for a while.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use deployctl_sdk::{ErrorKind, ProviderError};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::logs;
use super::record::{Folder, Phase, Spec, Status};
use crate::attributes::refused;

/// How often the status is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// How long a supervisor may take to start anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many of the last lines of the log an error shows.
const SHOWN_LINES: usize = 20;

/// Starts the replica whose specification is in the folder, and waits until it has stayed alive for `window`.
///
/// # Errors
/// When it does not; with how it ended and the last lines of its log. The supervisor may then still be there.
pub(crate) async fn start(
    supervisor: &Path,
    folder: &Folder,
    spec: &Spec,
    env: &[(String, String)],
    window: Duration,
    cancel: &CancellationToken,
) -> Result<(), ProviderError> {
    let mut command = Command::new(supervisor);
    command.arg("__supervise").arg(folder.spec_path()).env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| {
        let message = format!("cannot start the supervisor {}: {error}", supervisor.display());
        ProviderError::new(ErrorKind::Internal, message)
    })?;
    let started = match hand_over(&mut child, spec, env).await {
        Ok(()) => wait(&mut child, folder, spec, window, cancel).await,
        Err(error) => Err(error),
    };
    if started.is_err() && folder.holder().map(|holder| holder.pid) != child.id() {
        // It has not come so far that it could be found by its lock, and must not get there later.
        let _ = child.kill().await;
    }
    started
}

/// Hands over the environment, and which specification it belongs to. The end of the pipe tells the supervisor that it has
/// all of it.
async fn hand_over(child: &mut Child, spec: &Spec, env: &[(String, String)]) -> Result<(), ProviderError> {
    let bytes = serde_json::to_vec(&(&spec.salt, env)).map_err(refused)?;
    if let Some(mut pipe) = child.stdin.take() {
        // A supervisor that ended early is noticed, with its exit code, when it is waited for.
        let _ = pipe.write_all(&bytes).await;
        let _ = pipe.shutdown().await;
    }
    Ok(())
}

async fn wait(
    child: &mut Child,
    folder: &Folder,
    spec: &Spec,
    window: Duration,
    cancel: &CancellationToken,
) -> Result<(), ProviderError> {
    let begun = Instant::now();
    let mut alive_since: Option<Instant> = None;
    loop {
        let status = folder.status().map_err(refused)?.filter(|status| Some(status.supervisor.pid) == child.id());
        match &status {
            Some(status) if fell(status) => return Err(failed(status, spec, window)),
            Some(status) if status.phase == Phase::Running => {
                let since = *alive_since.get_or_insert_with(Instant::now);
                let alive = status.service.as_ref().is_some_and(|service| service.is_alive());
                if alive && since.elapsed() >= window {
                    return Ok(());
                }
            }
            _ => {}
        }
        if let Ok(Some(end)) = child.try_wait() {
            return match folder.status().map_err(refused)? {
                Some(status) if fell(&status) => Err(failed(&status, spec, window)),
                _ => Err(ProviderError::new(ErrorKind::Internal, format!("the supervisor ended early ({end})"))),
            };
        }
        if begun.elapsed() > PATIENCE + window {
            return Err(ProviderError::new(ErrorKind::Transient, "the supervisor has started nothing within 30 s"));
        }
        tokio::select! {
            () = cancel.cancelled() => return Err(ProviderError::new(ErrorKind::Cancelled, "cancelled while it was starting")),
            () = tokio::time::sleep(GLANCE) => {}
        }
    }
}

/// Whether the service has ended since the supervisor was started.
fn fell(status: &Status) -> bool {
    status.last_end.is_some() || matches!(status.phase, Phase::Waiting | Phase::Ended)
}

fn failed(status: &Status, spec: &Spec, window: Duration) -> ProviderError {
    let how = status.last_end.as_deref().unwrap_or("was ended");
    let message = format!("replica {} {how} within {} s of its start", spec.replica, window.as_secs_f64());
    let error = ProviderError::new(ErrorKind::Refused, message);
    error.with_detail(logs::last_lines(&spec.log, SHOWN_LINES))
}
