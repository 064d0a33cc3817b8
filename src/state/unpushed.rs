//! What a run did after its journal could not be reached any more: kept on this machine, and added to the journal later.
//!
//! The file holds the very lines that the journal lacks, behind one that says which run's they are and where they go. Whoever
//! completed the run meanwhile wins: then there is nothing to add them to.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::backend::{Backend, Log};
use super::envelope;
use super::journal::{self, JOURNAL};
use super::lock::{Lock, LockInfo};
use super::store::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Events;

/// What such a file begins with.
const MAGIC: &[u8] = br#"{"format":"deployctl-unpushed","#;

/// The version of the file's format.
const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: String,
    format_version: u32,
    /// The run whose journal it is.
    run: Uuid,
    /// Where in the journal the lines go.
    place: u64,
    /// The lock that the run held.
    lock: Uuid,
}

/// Where the rest of a journal goes when the journal cannot be reached.
#[derive(Clone)]
pub(super) struct Rest {
    /// This machine's folder of the state.
    pub(super) backend: Arc<dyn Backend>,
    /// The lock that the run holds.
    pub(super) lock: Uuid,
}

/// The rest of a journal, being written.
pub(super) struct Unpushed {
    log: Box<dyn Log>,
    /// Where in this file the next line goes.
    end: u64,
    /// Where the file is.
    pub(super) place: String,
    /// Why the journal could not be written.
    pub(super) error: Error,
}

impl Unpushed {
    /// Begins it: the journal of `run` could not be written at `place`.
    pub(super) async fn begin(rest: &Rest, run: Uuid, place: u64, error: Error) -> Result<Self> {
        let format = "deployctl-unpushed".to_owned();
        let head = Head { format, format_version: VERSION, run, place, lock: rest.lock };
        let mut line = serde_json::to_vec(&head).map_err(|error| Error::failed(error.to_string()))?;
        line.push(b'\n');
        let path = path_of(run);
        let end = line.len() as u64;
        let shown = rest.backend.place(&path);
        let log = rest.backend.begin_log(&path, line).await?;
        let log = log.ok_or_else(|| Error::failed(format!("there is {shown} already")))?;
        Ok(Self { log, end, place: shown, error })
    }

    /// Adds a line.
    pub(super) async fn append(&mut self, line: Vec<u8>) -> Result<()> {
        let length = line.len() as u64;
        self.log.append(self.end, line).await?;
        self.end += length;
        Ok(())
    }

    /// What becomes of the run: it ends here.
    pub(super) fn failure(&self) -> Error {
        let message =
            format!("the state could not be reached any more in the middle of the run: {}", self.error.message);
        Error::new(self.error.kind, message)
            .with_detail([format!("what was done after that is kept in {}", self.place)])
            .with_hint(format!(
                "once it can be reached, `deployctl state push {}` adds that to the record; then apply again",
                self.place
            ))
    }
}

fn path_of(run: Uuid) -> String {
    format!("unpushed/{run}")
}

/// Whether these bytes are such a file.
pub fn is_unpushed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

impl Store {
    /// Refuses to go on with a run while this machine keeps a part of its record that was not pushed yet.
    ///
    /// # Errors
    /// When it does, with the file.
    pub async fn nothing_unpushed(&self, run: Uuid) -> Result<()> {
        let Some(rest) = &self.rest else { return Ok(()) };
        if !rest.exists(&path_of(run)).await? {
            return Ok(());
        }
        let place = rest.place(&path_of(run));
        Err(Error::failed("what this machine did at the end of the interrupted run is not on the run's record yet")
            .with_hint(format!(
                "`deployctl state push {place}` adds it; if that file is removed, the next apply finds out what it can"
            )))
    }

    /// Adds what a run of this machine kept to its journal, and completes the run's record if it had ended. Answers how many
    /// lines there were to add. `place` names the file in messages.
    ///
    /// # Errors
    /// When the bytes are no such file, the run was completed by somebody else, or the state cannot be reached or is locked
    /// by another.
    pub async fn push_rest(
        &self,
        bytes: &[u8],
        place: &str,
        info: LockInfo,
        timeout: Duration,
        events: &Events,
    ) -> Result<usize> {
        let damaged =
            || Error::failed(format!("{place} is damaged")).with_hint("the next apply finds out what was done");
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
        let (head, lines) = bytes.split_at_checked(end + 1).ok_or_else(damaged)?;
        let head: Head = serde_json::from_slice(head).map_err(|_| damaged())?;
        if head.format_version > VERSION {
            return Err(envelope::newer("rest of a journal", place, head.format_version, VERSION));
        }
        // The run that held it is this one, and it is over.
        self.backend.break_lock(head.lock).await?;
        let lock = self.lock(info, timeout, events).await?;
        let pushed = self.add_rest(&lock, &head, lines, place).await;
        lock.release().await?;
        pushed
    }

    async fn add_rest(&self, lock: &Lock, head: &Head, lines: &[u8], file: &str) -> Result<usize> {
        let journal = self.backend.read_log(JOURNAL).await?.unwrap_or_default();
        let stored = self.stored().await?.map(|(stored, _)| stored);
        let settled = stored.as_ref().is_some_and(|stored| stored.last_run == Some(head.run));
        let read = self.read_journal(Some(journal.clone()), stored.as_ref().map(|stored| &stored.state)).await?;
        let completed = || {
            Error::new(ErrorKind::Stale, "somebody else completed the record of this run meanwhile")
                .with_hint("there is nothing to add any more: remove the file, and `deployctl plan` shows what is left")
        };
        match read {
            Some(read) if read.header.run == head.run && !settled => {}
            _ => return Err(completed()),
        }
        let place = usize::try_from(head.place).unwrap_or(usize::MAX);
        // A write whose answer was lost may have arrived.
        let arrived = journal.get(place..).ok_or_else(completed)?;
        let missing = lines.strip_prefix(arrived).ok_or_else(completed)?;
        // The last line of the file may have been cut off; the journal takes only whole ones.
        let joined = [journal.as_slice(), missing].concat();
        let damaged =
            || Error::failed(format!("{file} is damaged")).with_hint("the next apply finds out what was done");
        let missing = journal::whole(&joined).and_then(|whole| whole.get(journal.len()..)).ok_or_else(damaged)?;
        if !missing.is_empty() {
            self.backend.log(JOURNAL).await?.append(journal.len() as u64, missing.to_vec()).await?;
        }
        self.settle_ended(lock).await?;
        Ok(missing.iter().filter(|byte| **byte == b'\n').count())
    }
}
