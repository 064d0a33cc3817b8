//! A disk in memory that forgets, at a crash, what was not made durable.
//!
//! A write that is under way when the run is killed is torn: an append leaves any part of its bytes, or garbage of their
//! length, a put leaves the old or the new content, and a removal that was done may be undone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use deployctl::error::Result;
use deployctl::state::{Acquired, Backend, Condition, HeldLock, LockInfo, Log, Version};
use deployctl_sdk::Digest;
use deployctl_sdk::conformance::Dice;
use deployctl_sdk::sim::CrashPoints;
use uuid::Uuid;

/// The disk; clones are the same disk.
#[derive(Clone, Default)]
pub struct SimDisk(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    files: BTreeMap<String, Vec<u8>>,
    /// What was removed in this run, with what it held.
    removed: BTreeMap<String, Vec<u8>>,
    /// Who holds the lock, and whether that process lives.
    holder: Option<(LockInfo, bool)>,
    points: Option<CrashPoints>,
    chance: Option<Dice>,
    /// Every change of a file, with the digest of what the file held afterwards.
    trace: Vec<String>,
}

impl Inner {
    fn dice(&mut self) -> &mut Dice {
        self.chance.get_or_insert_with(|| Dice::new(0))
    }
}

impl Inner {
    fn note(&mut self, path: &str) {
        let held = self.files.get(path).map(|bytes| Digest::of(bytes).to_string());
        self.trace.push(format!("{path} {}", held.unwrap_or_else(|| "is gone".to_owned())));
    }
}

impl SimDisk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// A new run begins, which can be killed at these points.
    pub fn begin_run(&self, points: CrashPoints, chance: u64) {
        let mut inner = self.inner();
        inner.points = Some(points);
        inner.chance = Some(Dice::new(chance));
        inner.removed.clear();
    }

    /// The process that used the disk is dead: some removals come undone, and the lock is held by nobody.
    pub fn process_died(&self) {
        let mut inner = self.inner();
        for (path, bytes) in std::mem::take(&mut inner.removed) {
            if inner.dice().chance(300) {
                inner.files.entry(path).or_insert(bytes);
            }
        }
        if let Some((_, alive)) = &mut inner.holder {
            *alive = false;
        }
    }

    /// Every change of a file up to now, to the byte.
    pub fn trace(&self) -> Vec<String> {
        self.inner().trace.clone()
    }

    /// Whether a text rests in any file in clear.
    pub fn holds(&self, text: &str) -> bool {
        self.inner().files.values().any(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }

    /// Passes a crash point; true if the run is dead from here on.
    fn dies(&self) -> bool {
        let points = self.inner().points.clone();
        points.is_some_and(|points| !points.alive())
    }

    fn noting<T>(&self, path: &str, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner();
        let answer = change(&mut inner);
        inner.note(path);
        answer
    }

    /// Runs a change of the files with a crash point before it, in the middle of it, and after it. `torn` is what is done
    /// of it when the run is killed in the middle.
    async fn change<T>(&self, path: &str, torn: impl FnOnce(&mut Inner), whole: impl FnOnce(&mut Inner) -> T) -> T {
        if self.dies() {
            return std::future::pending().await;
        }
        if self.dies() {
            self.noting(path, torn);
            return std::future::pending().await;
        }
        let answer = self.noting(path, whole);
        if self.dies() {
            return std::future::pending().await;
        }
        answer
    }
}

#[async_trait]
impl Backend for SimDisk {
    async fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>> {
        Ok(self.inner().files.get(path).map(|bytes| (bytes.clone(), version(bytes))))
    }

    async fn put(&self, path: &str, bytes: Vec<u8>, condition: Condition) -> Result<Option<Version>> {
        let put = |inner: &mut Inner, bytes: Vec<u8>| {
            let held = match (&condition, inner.files.get(path)) {
                (Condition::Any, _) | (Condition::Absent, None) => true,
                (Condition::Absent, Some(_)) | (Condition::Matches(_), None) => false,
                (Condition::Matches(expected), Some(there)) => *expected == version(there),
            };
            let now = version(&bytes);
            if held {
                inner.files.insert(path.to_owned(), bytes);
            }
            held.then_some(now)
        };
        let half = bytes.clone();
        let torn = |inner: &mut Inner| {
            // Either it was renamed into place before the crash or it was not.
            if inner.dice().chance(500) {
                put(inner, half);
            }
        };
        Ok(self.change(path, torn, |inner| put(inner, bytes)).await)
    }

    async fn log(&self, path: &str) -> Result<Box<dyn Log>> {
        Ok(Box::new(SimLog { disk: self.clone(), path: path.to_owned() }))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        let delete = |inner: &mut Inner| {
            if let Some(bytes) = inner.files.remove(path) {
                inner.removed.insert(path.to_owned(), bytes);
            }
        };
        self.change(path, |_| (), delete).await;
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(self.inner().files.keys().filter(|path| path.starts_with(prefix)).cloned().collect())
    }

    async fn acquire(&self, info: &LockInfo) -> Result<Acquired> {
        let mut inner = self.inner();
        match &inner.holder {
            Some((holder, true)) => Ok(Acquired::Taken(holder.clone())),
            previous => {
                let previous = previous.as_ref().map(|(holder, _)| holder.clone());
                inner.holder = Some((info.clone(), true));
                Ok(Acquired::Held { held: Box::new(SimLock { disk: self.clone() }), previous })
            }
        }
    }

    async fn holder(&self) -> Result<Option<LockInfo>> {
        Ok(self.inner().holder.as_ref().map(|(holder, _)| holder.clone()))
    }

    async fn break_lock(&self, id: Uuid) -> Result<Option<LockInfo>> {
        let mut inner = self.inner();
        match &inner.holder {
            Some((holder, _)) if holder.id == id => Ok(inner.holder.take().map(|(holder, _)| holder)),
            _ => Ok(None),
        }
    }

    fn place(&self, path: &str) -> String {
        format!("the simulated disk's `{path}`")
    }

    fn keeps_key(&self) -> bool {
        true
    }
}

fn version(bytes: &[u8]) -> Version {
    Version(deployctl_sdk::Digest::of(bytes).to_string())
}

struct SimLog {
    disk: SimDisk,
    path: String,
}

#[async_trait]
impl Log for SimLog {
    async fn append(&mut self, place: u64, bytes: Vec<u8>) -> Result<()> {
        let append = |inner: &mut Inner, bytes: &[u8]| {
            let file = inner.files.entry(self.path.clone()).or_default();
            file.truncate(usize::try_from(place).unwrap());
            file.extend_from_slice(bytes);
        };
        let torn = |inner: &mut Inner| {
            let length = inner.dice().below(bytes.len() + 1);
            append(inner, bytes.get(..length).unwrap_or_default());
        };
        self.disk.change(&self.path, torn, |inner| append(inner, &bytes)).await;
        Ok(())
    }
}

struct SimLock {
    disk: SimDisk,
}

#[async_trait]
impl HeldLock for SimLock {
    async fn is_held(&self) -> Result<bool> {
        Ok(self.disk.inner().holder.is_some())
    }

    async fn release(&self) -> Result<()> {
        self.disk.inner().holder = None;
        Ok(())
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        // What is dropped because its process was killed gives nothing back.
        let mut inner = self.disk.inner();
        if !inner.points.as_ref().is_some_and(CrashPoints::has_crashed) {
            inner.holder = None;
        }
    }
}
