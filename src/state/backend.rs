//! Where a state is kept, as far as the rules of state need to know: named bytes that can be read, put under a condition,
//! grown durably, listed and deleted, and a lock. What the bytes mean is not a backend's affair.

use async_trait::async_trait;

use super::lock::LockInfo;
use crate::error::Result;

/// On what a put depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// On nothing.
    Any,
    /// That there is nothing of that name yet.
    Absent,
}

/// A place for one environment's state. Paths use `/`.
#[async_trait]
pub trait Backend: Send + Sync {
    /// What is there; `None` if nothing is.
    async fn get(&self, path: &str) -> Result<Option<Vec<u8>>>;

    /// Puts bytes in place, whole or not at all, durably. Answers whether the condition held; if not, nothing was done.
    async fn put(&self, path: &str, bytes: Vec<u8>, condition: Condition) -> Result<bool>;

    /// Opens what is there for growing at its end.
    async fn log(&self, path: &str) -> Result<Box<dyn Log>>;

    /// Removes it; what is not there is removed already.
    async fn delete(&self, path: &str) -> Result<()>;

    /// The paths below a prefix that ends with `/`, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<String>>;

    /// Tries to take the lock.
    async fn acquire(&self, info: &LockInfo) -> Result<Acquired>;

    /// Who holds the lock, if somebody does.
    async fn holder(&self) -> Result<Option<LockInfo>>;

    /// Breaks the lock, whoever holds it; its holder finds out when it next checks.
    async fn break_lock(&self) -> Result<()>;

    /// Where a path lies, for messages.
    fn place(&self, path: &str) -> String;

    /// Whether a data key may be kept here: only where nobody else reads.
    fn keeps_key(&self) -> bool;
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

    /// Gives it back.
    async fn release(&self) -> Result<()>;
}
