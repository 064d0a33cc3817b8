//! Where a state is kept, as far as the rules of state need to know: named bytes that can be read, put under a condition,
//! grown durably, listed and deleted, and a lock. What the bytes mean is not a backend's affair.

use async_trait::async_trait;
use uuid::Uuid;

use super::document::State;
use super::history::AuditEntry;
use super::lock::LockInfo;
use super::revision::Revision;
use crate::error::Result;

/// Which of the things that stood under one name over time it is: an entity tag, a counter, a file's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

/// On what a put depends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// On nothing.
    Any,
    /// That there is nothing of that name yet.
    Absent,
    /// That what is there is still this one.
    Matches(Version),
}

/// A place for one environment's state. Paths use `/`.
///
/// Documents are put whole, under a condition. Logs grow: the journal and the history. The two are never mixed under one
/// path, so that a backend may keep a log in pieces.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The document that is there, and which one it is; `None` if nothing is.
    async fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>>;

    /// The document that is there; `None` if nothing is.
    async fn get(&self, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.read(path).await?.map(|(bytes, _)| bytes))
    }

    /// Whether there is such a document.
    async fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.read(path).await?.is_some())
    }

    /// Puts a document in place, whole or not at all, durably. Answers which one it is now; `None` if the condition did not
    /// hold, and nothing was done.
    async fn put(&self, path: &str, bytes: Vec<u8>, condition: Condition) -> Result<Option<Version>>;

    /// Begins a log with these bytes; `None` if there is one already, and nothing was done.
    async fn begin_log(&self, path: &str, first: Vec<u8>) -> Result<Option<Box<dyn Log>>> {
        match self.put(path, first, Condition::Absent).await? {
            Some(_) => self.log(path).await.map(Some),
            None => Ok(None),
        }
    }

    /// Opens the log that is there for growing at its end.
    async fn log(&self, path: &str) -> Result<Box<dyn Log>>;

    /// All of a log; `None` if there is none.
    async fn read_log(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.get(path).await
    }

    /// Removes a log; what is not there is removed already. Whoever still has it open is refused from then on.
    async fn end_log(&self, path: &str) -> Result<()> {
        self.delete(path).await
    }

    /// Removes a document; what is not there is removed already.
    async fn delete(&self, path: &str) -> Result<()>;

    /// Removes several documents.
    async fn delete_all(&self, paths: &[String]) -> Result<()> {
        for path in paths {
            self.delete(path).await?;
        }
        Ok(())
    }

    /// The paths below a prefix that ends with `/`, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<String>>;

    /// Tries to take the lock.
    async fn acquire(&self, info: &LockInfo) -> Result<Acquired>;

    /// Who holds the lock, if somebody does.
    async fn holder(&self) -> Result<Option<LockInfo>>;

    /// Breaks the lock of that identity; its holder finds out when it next checks or writes. Answers whose it was; `None` if
    /// no such lock is held, and nothing was done.
    async fn break_lock(&self, id: Uuid) -> Result<Option<LockInfo>>;

    /// Whether it can be asked about runs, and so has to be told about them.
    fn is_asked(&self) -> bool {
        false
    }

    /// Tells what a run came to where a backend can be asked about it; told twice it is the same.
    async fn publish(&self, _publication: &Publication<'_>) -> Result<()> {
        Ok(())
    }

    /// Whether a crash may leave a part of what was being added to a log.
    fn tears_logs(&self) -> bool {
        true
    }

    /// Where a path lies, for messages.
    fn place(&self, path: &str) -> String;

    /// Whether a data key may be kept here: only where nobody else reads.
    fn keeps_key(&self) -> bool;
}

/// What a run came to.
pub struct Publication<'p> {
    /// The state that it ended in.
    pub state: &'p State,
    /// What it was made from, if it left a revision.
    pub revision: Option<&'p Revision>,
    /// Its line in the history.
    pub audit: &'p AuditEntry,
}

/// Something that grows at its end.
#[async_trait]
pub trait Log: Send + Sync {
    /// Writes bytes at `place`, which is the end of what was written before, in the stead of what a failed write may have
    /// left behind it. Durable when it answers. Refused when it was removed or replaced meanwhile.
    async fn append(&mut self, place: u64, bytes: Vec<u8>) -> Result<()>;
}

/// What trying to take a lock came to.
pub enum Acquired {
    /// It is held now; `previous` was left by a process that is gone.
    Held {
        /// The lock.
        held: Box<dyn HeldLock>,
        /// Whose it was, if it had not been given back.
        previous: Option<LockInfo>,
    },
    /// Somebody else holds it.
    Taken(LockInfo),
}

/// A lock that is held; dropping it gives it back as well as it can.
#[async_trait]
pub trait HeldLock: Send + Sync {
    /// Whether it is still held, and a sign of life while at it.
    async fn is_held(&self) -> Result<bool>;

    /// Whether it is still held, as the place says and not as the holder remembers.
    async fn confirm(&self) -> Result<bool> {
        self.is_held().await
    }

    /// Gives it back.
    async fn release(&self) -> Result<()>;
}
