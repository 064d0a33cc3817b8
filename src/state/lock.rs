//! The lock: held by whoever writes, from before the state is read until it is written.

use deployctl_sdk::source;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::backend::{Acquired, Backend, HeldLock};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Events};

/// How long to wait between two tries for a lock that another holds.
const RETRY: Duration = Duration::from_millis(200);

/// Who holds a lock, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockInfo {
    /// The lock's own identity.
    pub id: Uuid,
    /// The user.
    pub who: String,
    /// The host.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// What it runs.
    pub command: String,
    /// Since when.
    pub at: Timestamp,
    /// When its holder last gave a sign of life.
    pub heartbeat: Timestamp,
}

impl LockInfo {
    /// A lock of this process for a command.
    pub fn of_this_process(command: &str) -> Self {
        let now = source::now();
        let (who, host) = (user(), host_name());
        Self {
            id: source::uuid(),
            who,
            host,
            pid: std::process::id(),
            command: command.to_owned(),
            at: now,
            heartbeat: now,
        }
    }
}

/// The name of the user that this process runs as.
pub fn user() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// This host's name.
pub fn host_name() -> String {
    sysinfo::System::host_name().unwrap_or_else(|_| "localhost".to_owned())
}

/// A lock that this process holds. Dropping it gives it back.
pub struct Lock {
    info: LockInfo,
    held: Box<dyn HeldLock>,
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lock").field(&self.info).finish()
    }
}

impl Lock {
    /// Takes the lock, waiting for as long as `timeout` for whoever holds it.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] naming the holder, or what keeps the backend from answering.
    pub(crate) async fn take(
        backend: &Arc<dyn Backend>,
        info: LockInfo,
        timeout: Duration,
        events: &Events,
    ) -> Result<Self> {
        let deadline = tokio::time::Instant::now() + timeout;
        let mut told = false;
        loop {
            match backend.acquire(&info).await? {
                Acquired::Held { held, previous } => {
                    if let Some(previous) = previous {
                        let text = format!(
                            "took over the lock of `{}` by {}@{} (process {}), which is gone",
                            previous.command, previous.who, previous.host, previous.pid
                        );
                        events.send(Event::Notice { text });
                    }
                    return Ok(Self { info, held });
                }
                Acquired::Taken(holder) if tokio::time::Instant::now() + RETRY > deadline => {
                    return Err(locked(&holder));
                }
                Acquired::Taken(holder) => {
                    if !told {
                        let text =
                            format!("waiting for the lock of `{}` by {}@{}", holder.command, holder.who, holder.host);
                        events.send(Event::Notice { text });
                        told = true;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// What the lock says of its holder.
    pub fn info(&self) -> &LockInfo {
        &self.info
    }

    /// Checks that the lock is still held.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when somebody broke it.
    pub async fn check(&self) -> Result<()> {
        if self.held.is_held().await? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Locked, "the lock was broken by somebody else in the middle of the run")
            .with_hint("what was done is in the journal; the next command completes the record"))
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// When the backend cannot be told.
    pub async fn release(self) -> Result<()> {
        self.held.release().await
    }
}

fn locked(holder: &LockInfo) -> Error {
    let since = holder.at.strftime("%Y-%m-%d %H:%M:%S UTC");
    Error::new(ErrorKind::Locked, format!("the state is locked by {}@{}", holder.who, holder.host))
        .with_detail([
            format!("`{}` as process {} since {since}", holder.command, holder.pid),
            format!("lock {}", holder.id),
        ])
        .with_hint(format!(
            "wait for it (`--lock-timeout 5m`), or break it with `deployctl state unlock {}` if nothing runs there",
            holder.id
        ))
}
