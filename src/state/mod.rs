//! What was recorded: the state, its journal, its revisions, its lock, and where they are kept.

mod document;

pub use document::{Deposed, ProviderRef, Record, State, Status};
