//! The record for people: every change of the state, with who, when, from where, and what became of each action.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::codec::words;
use super::encryption::Lines;
use super::frames::{self, Frames, Tolerance};
use crate::error::{Error, Result};
use crate::event::LedgerEntry;
use crate::plan::Summary;

/// Where it lies.
pub(crate) const HISTORY: &str = "history.jsonl";

/// One change of the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// The version of the entry's format.
    pub format_version: u32,
    /// The run.
    pub run: Uuid,
    /// The state's serial afterwards.
    pub serial: u64,
    /// When.
    pub at: Timestamp,
    /// The user.
    pub who: String,
    /// The host.
    pub host: String,
    /// The command.
    pub command: String,
    /// The digest of the plan that was carried out, if one was.
    pub plan_digest: Option<String>,
    /// `ok`, or what went wrong.
    pub result: String,
    /// What the plan counted.
    pub summary: Summary,
    /// What became of each action.
    pub actions: Arc<Vec<LedgerEntry>>,
}

/// The version of the entry's format.
pub const HISTORY_FORMAT_VERSION: u32 = 1;

/// What keeps the history's lines out of other files.
const PURPOSE: &str = "deployctl-history";

/// How many lines from the end are looked through for a run that was recorded already.
const COMPLETED_WITHIN: usize = 32;

#[derive(Deserialize)]
struct RunOf {
    run: Uuid,
}

/// The line that adds an entry to a history, and where it goes; `None` if the run has its line already.
///
/// # Errors
/// A history that is not as it was written.
pub(crate) fn line(
    entry: &AuditEntry,
    history: &[u8],
    lines: &Lines,
    tolerance: Tolerance,
    place: &str,
) -> Result<Option<(u64, Vec<u8>)>> {
    let frames = frames(history, tolerance, place)?;
    // Whoever completed this run's record may have gone on to runs of its own.
    let opened = lines.open(PURPOSE, &frames.contents, place)?;
    let last = opened.iter().rev().take(COMPLETED_WITHIN);
    let runs = last.filter_map(|text| serde_json::from_slice::<RunOf>(text).ok());
    if runs.into_iter().any(|line| line.run == entry.run) {
        return Ok(None);
    }
    let text = serde_json::to_vec(entry).map_err(|error| Error::failed(error.to_string()))?;
    Ok(Some((frames.chain.length, lines.line(&frames.chain, &text)?.0)))
}

/// The whole lines of a history; `None` if there is damage before its last one.
pub(super) fn whole(bytes: &[u8]) -> Option<&[u8]> {
    frames::whole(PURPOSE, bytes)
}

/// Reads all entries. A last line that was cut off does not count where `tolerance` says so.
///
/// # Errors
/// A line that is not as it was written.
pub(crate) fn read(bytes: &[u8], lines: &Lines, tolerance: Tolerance, place: &str) -> Result<Vec<AuditEntry>> {
    let opened = lines.open(PURPOSE, &frames(bytes, tolerance, place)?.contents, place)?;
    let entries = opened.iter().map(|text| serde_json::from_slice::<AuditEntry>(text));
    entries.collect::<Result<_, _>>().map_err(|error| {
        Error::failed(format!("the history {place} cannot be read: {}", words(&error)))
            .with_hint("it may have been written by a newer deployctl")
    })
}

/// The same history, its lines under other keys.
///
/// # Errors
/// A line that is not as it was written.
pub(crate) fn rewritten(bytes: &[u8], from: &Lines, to: &Lines, tolerance: Tolerance, place: &str) -> Result<Vec<u8>> {
    let mut chain = frames::Chain::new(PURPOSE);
    let mut written = Vec::new();
    for text in from.open(PURPOSE, &frames(bytes, tolerance, place)?.contents, place)? {
        let (line, next) = to.line(&chain, &text)?;
        written.extend(line);
        chain = next;
    }
    Ok(written)
}

fn frames<'b>(bytes: &'b [u8], tolerance: Tolerance, place: &str) -> Result<Frames<'b>> {
    frames::read(PURPOSE, bytes, tolerance).map_err(|line| {
        Error::failed(format!("the history {place} is damaged at line {line}"))
            .with_hint("put it back from a backup, or move it away: the next run begins a new one")
    })
}
