//! The state in a bucket of an S3 server, for a team.
//!
//! Below `KEY/ENVIRONMENT/` each document is an object. Every write of the state, of the lock and of the journal is
//! conditional: the server compares and swaps, so that a holder whose lock was broken cannot overwrite what came after it. A log
//! is a row of small objects ([`log`]); the lock is an object that is overwritten and never deleted ([`lock`]). Requests and
//! what can go wrong with them are in [`objects`] and [`failure`], the settings in [`settings`], the SDK's client, made when the
//! first request needs it, in [`client`].

mod client;
mod failure;
mod lock;
mod log;
mod objects;
mod probe;
mod settings;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use super::backend::{Acquired, Backend, Condition, Log, Version};
use super::lock::LockInfo;
use crate::crash_point;
use crate::error::{Error, ErrorKind, Result};
use lock::{Guard, LOCK};
use log::{Pieces, S3Log};
use objects::Objects;
pub use settings::{AssumeRole, S3Settings};

/// One environment's state in a bucket.
pub struct S3 {
    objects: Arc<Objects>,
    guard: Arc<Guard>,
    /// The logs that were read, begun or opened, as far as they are known.
    logs: Arc<Mutex<HashMap<String, Pieces>>>,
    /// Whether the server was found to heed conditions.
    probed: OnceCell<()>,
}

impl S3 {
    /// An environment below a key; nothing is asked of the server before something has to be.
    pub fn new(settings: S3Settings, environment: &str) -> Self {
        Self {
            objects: Arc::new(Objects::new(settings, environment)),
            guard: Arc::new(Guard::default()),
            logs: Arc::default(),
            probed: OnceCell::new(),
        }
    }

    fn opened(&self, path: &str, pieces: &Pieces) -> Box<dyn Log> {
        Box::new(S3Log {
            objects: self.objects.clone(),
            guard: self.guard.clone(),
            known: self.logs.clone(),
            path: path.to_owned(),
            pieces: pieces.clone(),
            unsure: None,
        })
    }
}

#[async_trait]
impl Backend for S3 {
    async fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>> {
        self.objects.get(path).await
    }

    async fn exists(&self, path: &str) -> Result<bool> {
        self.objects.exists(path).await
    }

    async fn put(&self, path: &str, bytes: Vec<u8>, condition: Condition) -> Result<Option<Version>> {
        crash_point::pass();
        let put = self.objects.put(path, bytes, &condition).await;
        crash_point::pass();
        put
    }

    async fn begin_log(&self, path: &str, first: Vec<u8>) -> Result<Option<Box<dyn Log>>> {
        let mut logs = self.logs.lock().await;
        let ended = logs.get(path).and_then(Pieces::ended);
        let mut condition = ended.map_or(Condition::Absent, Condition::Matches);
        loop {
            if let Some(version) = self.objects.put(path, first.clone(), &condition).await? {
                let pieces = Pieces::begun(&first, version);
                logs.insert(path.to_owned(), pieces.clone());
                drop(logs);
                // Begun after the lock was gone, it would stand in the way of whoever has it now.
                if !self.guard.holds(&self.objects).await? {
                    self.end_log(path).await?;
                    return Err(lost(&self.place(path)));
                }
                return Ok(Some(self.opened(path, &pieces)));
            }
            match self.objects.get(path).await? {
                Some((bytes, version)) if log::is_ended(&bytes) && condition != Condition::Matches(version.clone()) => {
                    condition = Condition::Matches(version);
                }
                _ => return Ok(None),
            }
        }
    }

    async fn log(&self, path: &str) -> Result<Box<dyn Log>> {
        if let Some(pieces) = self.logs.lock().await.get(path).filter(|pieces| pieces.ended().is_none()) {
            return Ok(self.opened(path, pieces));
        }
        match log::read(&self.objects, path).await? {
            Some((_, pieces)) if pieces.ended().is_none() => Ok(self.opened(path, &pieces)),
            _ => Err(Error::failed(format!("there is no {}", self.place(path)))),
        }
    }

    async fn read_log(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some((bytes, pieces)) = log::read(&self.objects, path).await? else {
            self.logs.lock().await.remove(path);
            return Ok(None);
        };
        let is_there = pieces.ended().is_none();
        self.logs.lock().await.insert(path.to_owned(), pieces);
        Ok(is_there.then_some(bytes))
    }

    async fn end_log(&self, path: &str) -> Result<()> {
        let known = self.logs.lock().await.get(path).cloned();
        let pieces = match known {
            Some(pieces) => Some(pieces),
            None => log::read(&self.objects, path).await?.map(|(_, pieces)| pieces),
        };
        let Some(pieces) = pieces.filter(|pieces| pieces.ended().is_none()) else { return Ok(()) };
        let after = log::end(&self.objects, path, &pieces).await?;
        let mut logs = self.logs.lock().await;
        match after {
            Some(ended) => logs.insert(path.to_owned(), ended),
            // Somebody else's stands there now.
            None => logs.remove(path),
        };
        Ok(())
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.objects.delete(&[path.to_owned()]).await
    }

    async fn delete_all(&self, paths: &[String]) -> Result<()> {
        self.objects.delete(paths).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.objects.list(prefix).await
    }

    async fn acquire(&self, info: &LockInfo) -> Result<Acquired> {
        let probed = self.probed.get_or_try_init(|| probe::conditional_writes(&self.objects));
        let (there, probed) = tokio::join!(self.objects.get(LOCK), probed);
        let there = there?;
        probed?;
        lock::acquire(&self.objects, &self.guard, info, there).await
    }

    async fn holder(&self) -> Result<Option<LockInfo>> {
        lock::holder(&self.objects).await
    }

    async fn break_lock(&self, id: Uuid) -> Result<Option<LockInfo>> {
        lock::break_lock(&self.objects, id).await
    }

    fn tears_logs(&self) -> bool {
        false
    }

    fn place(&self, path: &str) -> String {
        self.objects.place(path)
    }

    fn keeps_key(&self) -> bool {
        false
    }
}

/// Something could not be written, because another run has the state now.
fn lost(place: &str) -> Error {
    Error::new(ErrorKind::Locked, format!("{place} was not written: the lock was broken, and another run may have it"))
        .with_hint("`deployctl history` shows what the other run did; the next plan shows what is left to be done")
}
