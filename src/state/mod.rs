//! What was recorded: the state, its journal, its revisions, its lock, and where they are kept.
//!
//! [`store`], [`settle`] and [`retention`] have the rules: what is written when, what holds after a crash, what may go. Below it backends keep bytes and know
//! nothing of their meaning ([`backend`], [`local`]). [`codec`] and [`envelope`] turn documents into bytes that are refused
//! when a bit of them flips, [`keys`] seals what is sensitive in them, and [`encryption`] the whole of them where the
//! configuration says so.

mod backend;
mod blobs;
mod codec;
mod document;
mod encryption;
mod envelope;
mod frames;
mod history;
mod job;
mod journal;
mod keys;
mod local;
mod lock;
mod memory;
mod migration;
#[cfg(feature = "postgres")]
mod postgres;
mod retention;
mod revision;
#[cfg(feature = "s3")]
mod s3;
mod sealing;
mod settle;
mod store;
#[cfg(test)]
mod tests;
mod unpushed;
mod upgrade;

pub use backend::{Acquired, Backend, Condition, HeldLock, Log, Publication, Version};
pub use blobs::Blobs;
pub use document::{Deposed, ProviderRef, Record, State, Status};
pub use encryption::{Encryption, Method, Rotated};
pub use history::{AuditEntry, HISTORY_FORMAT_VERSION};
pub use journal::{Entry, Interrupted, JOURNAL_FORMAT_VERSION, Journal, RunHeader};
pub(crate) use keys::Inside;
pub use keys::{DataKey, Keys, STATE_KEY_VARIABLE};
pub use lock::{Lock, LockInfo, MISSED};
pub use memory::{Fault, Kept, MemoryBackend};
#[cfg(feature = "postgres")]
pub use postgres::PostgresSettings;
pub use retention::{Pruned, Retention};
pub use revision::Revision;
#[cfg(feature = "s3")]
pub use s3::{AssumeRole, S3Settings};
pub use store::{BackendConfig, KeptInputs, Loaded, RunOutcome, Store};
pub use unpushed::is_unpushed;
