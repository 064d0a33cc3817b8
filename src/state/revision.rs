//! Revisions: what each run that changed something was made from, and the state that it ended in.

use std::collections::{BTreeMap, BTreeSet};

use deployctl_sdk::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::envelope::{self, REVISION};
use crate::error::{Error, Result};

/// Where revisions lie.
pub(crate) const FOLDER: &str = "revisions/";

/// One revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// The state's serial after the run.
    pub serial: u64,
    /// When the run ended.
    pub at: Timestamp,
    /// The user.
    pub who: String,
    /// The command.
    pub command: String,
    /// Whether all of it was done.
    pub ok: bool,
    /// Where its inputs are kept.
    pub inputs: Digest,
    /// Where the contents of the files among them are kept, by path.
    pub files: BTreeMap<String, Digest>,
    /// Where the state that it ended in is kept.
    pub state: Digest,
}

impl Revision {
    /// Every content that it needs.
    pub(crate) fn needs(&self) -> BTreeSet<Digest> {
        self.files.values().copied().chain([self.inputs, self.state]).collect()
    }

    /// As it rests.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let body = serde_json::to_vec(self).map_err(|error| Error::failed(error.to_string()))?;
        Ok(envelope::wrap(&REVISION, &body))
    }

    /// From how it rests.
    pub(crate) fn from_bytes(bytes: &[u8], place: &str) -> Result<Self> {
        let body = envelope::unwrap(&REVISION, bytes, place)?;
        serde_json::from_slice(&body)
            .map_err(|error| Error::failed(format!("the revision {place} cannot be read: {error}")))
    }
}

/// Where the revision of a serial lies; the digits are padded so that names sort as numbers.
pub(crate) fn path_of(serial: u64) -> String {
    format!("{FOLDER}{serial:012}.json")
}

/// The serial of the revision that lies there.
pub(crate) fn serial_of(path: &str) -> Option<u64> {
    path.strip_prefix(FOLDER)?.strip_suffix(".json")?.parse().ok()
}
