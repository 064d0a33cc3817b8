//! Stopping a replica, with nothing of it left behind.

use std::time::{Duration, Instant};

use deployctl_sdk::fs::{self, FsResult};
use deployctl_sdk::{ErrorKind, ProviderError};
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use super::config::{Config, Stop};
use super::identity::Identity;
use super::mark;
use super::record::{Folder, Spec};
use super::supervisor::numbered_log;
use crate::attributes::refused;
use crate::file::remove_empty_folders;

/// How often what is being stopped is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// How long a supervisor may take beyond the grace period of its service.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a killed process may take to be gone.
const KILLED: Duration = Duration::from_secs(10);

/// Stops the replica in the folder: its supervisor, its service and all that these started. One that does not run is
/// stopped already. When cancelled, it is killed at once.
///
/// # Errors
/// When something of it is still there in the end.
pub(crate) async fn stop(folder: &Folder, mark: &str, cancel: &CancellationToken) -> Result<(), ProviderError> {
    let stop = how(folder);
    if let Some(supervisor) = holder(folder).await {
        supervisor.signal(Signal::TERM);
        let patience = stop.grace.saturating_add(MARGIN);
        gone(patience, cancel, || !supervisor.is_alive()).await;
        supervisor.signal(Signal::KILL);
        gone(KILLED, &CancellationToken::new(), || !supervisor.is_alive()).await;
    }
    // What is still there has lost its supervisor: it gets the same chance to end well.
    let service = folder.status().map_err(refused)?.and_then(|status| status.service);
    let left = || {
        let mut left = mark::bearers(mark);
        left.extend(
            service.iter().filter(|service| service.is_alive() && !left.contains(service)).cloned().collect::<Vec<_>>(),
        );
        left
    };
    let remaining = left();
    if remaining.is_empty() {
        return Ok(());
    }
    signal_all(&remaining, stop.signal);
    gone(stop.grace, cancel, || left().is_empty()).await;
    signal_all(&left(), Signal::KILL);
    if gone(KILLED, &CancellationToken::new(), || left().is_empty()).await {
        return Ok(());
    }
    let pids: Vec<String> = left().iter().map(|process| process.pid.to_string()).collect();
    let message = format!("pid {} is still there after it was killed", pids.join(", "));
    Err(ProviderError::new(ErrorKind::Transient, message))
}

fn signal_all(processes: &[Identity], signal: Signal) {
    for process in processes {
        process.signal_group(signal);
        process.signal(signal);
    }
}

/// How the replica is to be stopped, as it was started; the schema's defaults if that cannot be told any more.
fn how(folder: &Folder) -> Stop {
    let spec = folder.spec().ok().flatten();
    let config = spec.and_then(|spec| Config::read(&spec.config).ok());
    config.map_or(Stop { signal: Signal::TERM, grace: Duration::from_secs(10) }, |config| config.stop)
}

/// The supervisor that holds the folder's lock; one that has only just taken it says a moment later who it is.
async fn holder(folder: &Folder) -> Option<Identity> {
    let until = Instant::now() + MARGIN;
    loop {
        let holder = folder.holder();
        if holder.is_some() || !folder.is_locked() || Instant::now() > until {
            return holder;
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// Waits until something is so, and answers whether it is.
async fn gone(patience: Duration, cancel: &CancellationToken, is_so: impl Fn() -> bool) -> bool {
    let until = Instant::now().checked_add(patience);
    loop {
        if is_so() {
            return true;
        }
        if until.is_some_and(|until| Instant::now() > until) {
            return false;
        }
        tokio::select! {
            () = cancel.cancelled() => return is_so(),
            () = tokio::time::sleep(GLANCE) => {}
        }
    }
}

/// Removes what a stopped replica has on disk, its logs included.
pub(crate) fn remove(folder: &Folder) -> FsResult<()> {
    if let Some(spec) = folder.spec()? {
        remove_log(&spec)?;
    }
    fs::remove_dir_all(&folder.0)
}

/// Removes a replica's log with its older files and the folders that were made for it.
pub(crate) fn remove_log(spec: &Spec) -> FsResult<()> {
    fs::remove_file(&spec.log)?;
    let files = Config::read(&spec.config).map_or(1, |config| config.log.max_files);
    // A supervisor that died may not have got round to removing what is too much under its latest bounds.
    for number in 1..=1000 {
        let older = numbered_log(&spec.log, number);
        if number >= files && !older.exists() {
            break;
        }
        fs::remove_file(&older)?;
    }
    remove_empty_folders(&spec.log_folders);
    Ok(())
}
