//! What this machine has seen of a state: how new it was, so that an older copy put in its place is noticed.
//!
//! A ciphertext says of itself that nobody changed it, not that it is the last one. So the newest serial of each encrypted
//! state is kept in a small file of this user's. A machine that never saw the state has no such file and notices nothing.

use std::path::PathBuf;

use deployctl_sdk::Lineage;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Where this user's machine remembers.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Note {
    format_version: u32,
    serial: u64,
}

impl Seen {
    /// In the folder that this user's programs keep such things in; `None` where the user has no home.
    pub fn of_this_user() -> Option<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = set("XDG_STATE_HOME").or_else(|| Some(std::env::home_dir()?.join(".local/state")))?;
        Some(Self { folder: folder.join("deployctl").join("seen") })
    }

    /// In this folder.
    #[cfg(test)]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn file(&self, lineage: Lineage) -> PathBuf {
        self.folder.join(format!("{lineage}.json"))
    }

    fn serial(&self, lineage: Lineage) -> Option<u64> {
        let bytes = deployctl_sdk::fs::read_if_there(&self.file(lineage)).ok()??;
        serde_json::from_slice::<Note>(&bytes).ok().map(|note| note.serial)
    }

    /// Refuses a state that is older than one that was seen; remembers it otherwise.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] with the file that remembers. A note that cannot be written is no reason to stop.
    pub fn check(&self, lineage: Lineage, serial: u64, place: &str) -> Result<()> {
        let seen = self.serial(lineage).unwrap_or_default();
        if serial < seen {
            return Err(older(place, serial, &format!("this machine has seen serial {seen}")).with_hint(format!(
                "put the newer one back; where the older one was put back on purpose, remove {}",
                self.file(lineage).display()
            )));
        }
        if serial > seen {
            let note = serde_json::to_vec(&Note { format_version: 1, serial }).unwrap_or_default();
            let written = deployctl_sdk::fs::create_private_dir_all(&self.folder)
                .and_then(|()| deployctl_sdk::fs::write_atomic(&self.file(lineage), &note, 0o600));
            if let Err(error) = written {
                tracing::warn!(%error, "cannot remember how new the state is");
            }
        }
        Ok(())
    }
}

/// A state is older than it should be.
pub(crate) fn older(place: &str, serial: u64, than: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("the state {place} is an older one: it has serial {serial}, and {than}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_serial_is_refused_until_the_note_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let seen = Seen::at(folder.path().join("deployctl"));
        let (one, other) = (Lineage::random(), Lineage::random());
        seen.check(one, 3, "here").unwrap();
        seen.check(one, 5, "here").unwrap();
        seen.check(other, 1, "here").unwrap();
        let error = seen.check(one, 4, "here").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
        assert!(error.message.contains('4') && error.message.contains('5'), "{error}");
        deployctl_sdk::fs::remove_file(&seen.file(one)).unwrap();
        seen.check(one, 4, "here").unwrap();
    }
}
