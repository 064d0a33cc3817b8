//! The lock: one object, put under a condition. Given back or taken over it is overwritten and never deleted, because there are
//! servers that do not heed a deletion's condition; so that no version of it ever comes twice, each has something random in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deployctl_sdk::source;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::objects::Objects;
use crate::error::{Error, Result};
use crate::state::backend::{Acquired, Condition, HeldLock, Version};
use crate::state::lock::{HEARTBEAT, LockInfo};

/// The object.
pub(super) const LOCK: &str = "lock";

/// How long giving a lock back may take when the run ends in an error.
const GIVING_BACK: Duration = Duration::from_secs(10);

/// What the object holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Content {
    Held(LockInfo),
    Free {
        /// Random, so that no two are the same.
        free: Uuid,
    },
}

impl Content {
    fn read(bytes: &[u8], objects: &Objects) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|_| {
            let place = objects.place(LOCK);
            Error::failed(format!("{place} is not a lock that this deployctl can read"))
                .with_hint("a newer deployctl may hold it; if nothing runs, delete that object")
        })
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::failed(error.to_string()))
    }

    fn free() -> Self {
        Self::Free { free: source::uuid() }
    }
}

/// Whose lock it is that this process's writes go by.
#[derive(Default)]
pub(super) struct Guard {
    held: std::sync::Mutex<Option<Arc<Holding>>>,
}

struct Holding {
    info: LockInfo,
    /// Which object stands for it; one at a time puts another in its place.
    version: Mutex<Version>,
    lost: AtomicBool,
}

impl Guard {
    fn held(&self) -> Option<Arc<Holding>> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn set(&self, held: Option<Arc<Holding>>) {
        *self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = held;
    }

    /// Whether the lock that this process took is still its own, by asking the server. Asked after a write, a yes means that
    /// whoever takes the lock over later finds what was written.
    pub(super) async fn holds(&self, objects: &Objects) -> Result<bool> {
        let Some(held) = self.held() else { return Ok(true) };
        let there = objects.get(LOCK).await?;
        let ours = match there {
            Some((bytes, _)) => {
                matches!(Content::read(&bytes, objects)?, Content::Held(info) if info.id == held.info.id)
            }
            None => false,
        };
        if !ours {
            held.lost.store(true, Ordering::Relaxed);
        }
        Ok(ours)
    }
}

/// Tries to take the lock; `there` is the object as it was found.
pub(super) async fn acquire(
    objects: &Arc<Objects>,
    guard: &Arc<Guard>,
    info: &LockInfo,
    mut there: Option<(Vec<u8>, Version)>,
) -> Result<Acquired> {
    let content = Content::Held(info.clone()).bytes()?;
    let version = loop {
        let condition = match there {
            None => Condition::Absent,
            Some((bytes, version)) => match Content::read(&bytes, objects)? {
                Content::Held(holder) => return Ok(Acquired::Taken(holder)),
                Content::Free { .. } => Condition::Matches(version),
            },
        };
        match objects.put(LOCK, content.clone(), &condition).await? {
            Some(version) => break version,
            // Somebody was faster, and may have given it back already.
            None => there = objects.get(LOCK).await?,
        }
    };
    let holding = Arc::new(Holding { info: info.clone(), version: Mutex::new(version), lost: AtomicBool::new(false) });
    guard.set(Some(holding.clone()));
    let heartbeat = tokio::spawn(beat(objects.clone(), holding.clone()));
    let held = S3Lock { objects: objects.clone(), guard: guard.clone(), holding, heartbeat };
    Ok(Acquired::Held { held: Box::new(held), previous: None })
}

/// Who holds the lock.
pub(super) async fn holder(objects: &Objects) -> Result<Option<LockInfo>> {
    let Some((bytes, _)) = objects.get(LOCK).await? else { return Ok(None) };
    Ok(match Content::read(&bytes, objects)? {
        Content::Held(info) => Some(info),
        Content::Free { .. } => None,
    })
}

/// Breaks the lock of that identity.
pub(super) async fn break_lock(objects: &Objects, id: Uuid) -> Result<Option<LockInfo>> {
    loop {
        let Some((bytes, version)) = objects.get(LOCK).await? else { return Ok(None) };
        let Content::Held(info) = Content::read(&bytes, objects)? else { return Ok(None) };
        if info.id != id {
            return Ok(None);
        }
        let free = Content::free().bytes()?;
        if objects.put(LOCK, free, &Condition::Matches(version)).await?.is_some() {
            return Ok(Some(info));
        }
        // Its heart beat in between.
    }
}

/// Gives signs of life until the lock is lost.
async fn beat(objects: Arc<Objects>, holding: Arc<Holding>) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let mut version = holding.version.lock().await;
        let info = LockInfo { heartbeat: source::now(), ..holding.info.clone() };
        let Ok(content) = Content::Held(info).bytes() else { return };
        match objects.put(LOCK, content, &Condition::Matches(version.clone())).await {
            Ok(Some(next)) => *version = next,
            Ok(None) => {
                holding.lost.store(true, Ordering::Relaxed);
                return;
            }
            // What cannot be told now may be told later; writes find out by themselves whose the lock is.
            Err(error) => tracing::warn!(error = %error.message, "the lock's heartbeat could not be written"),
        }
    }
}

/// The lock, held.
struct S3Lock {
    objects: Arc<Objects>,
    guard: Arc<Guard>,
    holding: Arc<Holding>,
    heartbeat: JoinHandle<()>,
}

impl S3Lock {
    async fn give_back(&self) -> Result<()> {
        let version = self.holding.version.lock().await;
        self.heartbeat.abort();
        if self.guard.held().is_none() {
            return Ok(());
        }
        self.guard.set(None);
        let free = Content::free().bytes()?;
        // If it does not match, somebody broke it, and it is not ours to give back.
        self.objects.put(LOCK, free, &Condition::Matches(version.clone())).await.map(|_| ())
    }
}

#[async_trait]
impl HeldLock for S3Lock {
    /// Known from the heartbeat; every write asks the server besides.
    async fn is_held(&self) -> Result<bool> {
        Ok(!self.holding.lost.load(Ordering::Relaxed))
    }

    async fn confirm(&self) -> Result<bool> {
        self.guard.holds(&self.objects).await
    }

    async fn release(&self) -> Result<()> {
        self.give_back().await
    }
}

impl Drop for S3Lock {
    fn drop(&mut self) {
        self.heartbeat.abort();
        if self.guard.held().is_none() || self.holding.lost.load(Ordering::Relaxed) {
            return;
        }
        crate::state::lock::finish(async {
            let _ = tokio::time::timeout(GIVING_BACK, self.give_back()).await;
        });
    }
}
