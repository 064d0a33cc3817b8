//! The record for people: every change of the state, with who, when, from where, and what became of each action.

use deployctl_sdk::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    pub actions: Vec<LedgerEntry>,
}

/// The version of the entry's format.
pub const HISTORY_FORMAT_VERSION: u32 = 1;

/// An entry as a line: a checksum and its text.
pub(crate) fn line(entry: &AuditEntry) -> Result<Vec<u8>> {
    let text = serde_json::to_string(entry).map_err(|error| Error::failed(error.to_string()))?;
    Ok(format!("{} {text}\n", Digest::of(text.as_bytes())).into_bytes())
}

/// Reads all entries; of several about one run the last counts. A last line that was cut off does not count.
///
/// # Errors
/// A line before the last that is not as it was written.
pub(crate) fn read(bytes: &[u8], place: &str) -> Result<Vec<AuditEntry>> {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut entries: Vec<AuditEntry> = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let Some(entry) = entry(line) else {
            if index + 1 == lines.len() {
                break;
            }
            return Err(Error::failed(format!("the history {place} is damaged at line {}", index + 1)));
        };
        if let Some(same) = entries.iter_mut().rev().take(2).find(|earlier| earlier.run == entry.run) {
            *same = entry;
        } else {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn entry(line: &[u8]) -> Option<AuditEntry> {
    let (checksum, rest) = line.split_at_checked(64)?;
    let text = rest.strip_prefix(b" ")?.strip_suffix(b"\n")?;
    (Digest::of(text).to_string().as_bytes() == checksum).then_some(())?;
    serde_json::from_slice(text).ok()
}
