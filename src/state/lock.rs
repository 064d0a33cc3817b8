//! The lock: held by whoever writes, from before the state is read until it is written.

use deployctl_sdk::source;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::backend::{Acquired, Backend, HeldLock};
use super::job;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Events};

/// How long to wait between the first two tries for a lock that another holds.
const RETRY: Duration = Duration::from_millis(200);

/// How long that may become while it is held on.
const SLOWEST_RETRY: Duration = Duration::from_secs(2);

/// How often a holder gives a sign of life where others can see it.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(10);

/// After how long without a sign of life a holder is taken to be gone.
pub const MISSED: Duration = Duration::from_secs(60);

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
    /// Where the job that it runs in can be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
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
            job: job::url(&|name| std::env::var(name).ok().filter(|value| !value.is_empty())),
        }
    }

    /// A lock that is held by somebody who has not said yet who it is.
    #[cfg(feature = "postgres")]
    pub(super) fn unknown() -> Self {
        let (now, unknown) = (source::now(), || "unknown".to_owned());
        Self {
            id: Uuid::nil(),
            who: unknown(),
            host: unknown(),
            pid: 0,
            command: unknown(),
            at: now,
            heartbeat: now,
            job: None,
        }
    }

    /// For how long its holder has given no sign of life, if that is so long that it must be gone.
    pub fn silent_for(&self, now: Timestamp) -> Option<Duration> {
        let silent = now.duration_since(self.heartbeat).unsigned_abs();
        (now > self.heartbeat && silent >= MISSED).then_some(silent)
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
        let mut pause = RETRY;
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
                Acquired::Taken(holder) if tokio::time::Instant::now() + pause.min(RETRY) > deadline => {
                    return Err(locked(&holder));
                }
                Acquired::Taken(holder) => {
                    if !told {
                        let text =
                            format!("waiting for the lock of `{}` by {}@{}", holder.command, holder.who, holder.host);
                        events.send(Event::Notice { text });
                        told = true;
                    }
                    let left = deadline.saturating_duration_since(tokio::time::Instant::now());
                    tokio::time::sleep(pause.min(left)).await;
                    pause = (pause * 3 / 2).min(SLOWEST_RETRY);
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
        match self.held.is_held().await? {
            true => Ok(()),
            false => Err(broken("what was done is in the journal; the next command completes the record")),
        }
    }

    /// Checks that the lock is still held by asking the place where it lies: for what no condition of a write protects.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when somebody broke it.
    pub async fn confirm(&self) -> Result<()> {
        match self.held.confirm().await? {
            true => Ok(()),
            false => Err(broken("nothing more was done; run the command again")),
        }
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// When the backend cannot be told.
    pub async fn release(self) -> Result<()> {
        self.held.release().await
    }
}

/// Does something that a lock needs at its end where nothing can be waited for: as it is dropped. Outside of a runtime that can
/// wait, nothing is done.
#[cfg(any(feature = "s3", feature = "postgres"))]
pub(super) fn finish(work: impl Future<Output = ()>) {
    use tokio::runtime::{Handle, RuntimeFlavor};
    if let Ok(runtime) = Handle::try_current()
        && runtime.runtime_flavor() == RuntimeFlavor::MultiThread
        && !std::thread::panicking()
    {
        tokio::task::block_in_place(|| runtime.block_on(work));
    }
}

fn broken(hint: &str) -> Error {
    Error::new(ErrorKind::Locked, "the lock was broken by somebody else in the middle of the run").with_hint(hint)
}

fn locked(holder: &LockInfo) -> Error {
    let since = holder.at.strftime("%Y-%m-%d %H:%M:%S UTC");
    Error::new(ErrorKind::Locked, format!("the state is locked by {}@{}", holder.who, holder.host))
        .with_detail([format!("`{}` as process {} since {since}", holder.command, holder.pid)])
        .with_detail(holder.job.as_ref().map(|job| format!("in {job}")))
        .with_detail(
            holder
                .silent_for(source::now())
                .map(|silent| format!("its last sign of life was {} s ago, so it is probably gone", silent.as_secs())),
        )
        .with_detail([format!("lock {}", holder.id)])
        .with_hint(format!(
            "wait for it (`--lock-timeout 5m`), or break it with `deployctl state unlock {}` if nothing runs there",
            holder.id
        ))
}
