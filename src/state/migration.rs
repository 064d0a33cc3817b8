//! A state on its way from one place to another, of whatever kind: copied whole, and looked at where it arrived.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::backend::Condition;
use super::encryption::KEYRING;
use super::history::{self, HISTORY};
use super::journal::{self, JOURNAL};
use super::keys::{DataKey, STATE_KEY_VARIABLE};
use super::store::{AT_ONCE, KEY_FILE, STATE_FILE, Store};
use super::{blobs, revision};
use crate::error::{Error, Result};

impl Store {
    /// Copies everything to another store, which must be empty, and checks that it arrived.
    ///
    /// # Errors
    /// When the other one has a state, cannot open what is sealed in this one, or something cannot be copied.
    pub async fn copy_to(&self, other: &Self) -> Result<usize> {
        if other.backend.exists(STATE_FILE).await? {
            return Err(Error::failed(format!("there is a state in {} already", other.backend.place("")))
                .with_hint("move it away first; nothing was copied"));
        }
        let mut paths = self.backend.list(revision::FOLDER).await?;
        paths.extend(self.backend.list(blobs::FOLDER).await?);
        // Of an encrypted state, what opens the rest.
        paths.push(KEYRING.to_owned());
        if other.backend.keeps_key() {
            // A key that was given is not kept here, and need not be kept there.
            paths.push(KEY_FILE.to_owned());
        } else {
            self.shares_key_with(other).await?;
        }
        let copied = stream::iter(&paths).map(|path| self.copy_document(other, path, Condition::Any));
        let mut copied: usize =
            copied.buffer_unordered(AT_ONCE).try_fold(0, |sum, one| std::future::ready(Ok(sum + one))).await?;
        for path in [HISTORY, JOURNAL] {
            let Some(bytes) = self.backend.read_log(path).await? else { continue };
            let whole = if path == HISTORY { history::whole(&bytes) } else { journal::whole(&bytes) };
            // A last line that a crash cut off does not count here, and would count as damage where no crash cuts any.
            let bytes = whole.map(<[u8]>::to_vec).unwrap_or(bytes);
            // Left over from a copy that did not come to its end.
            if other.backend.read_log(path).await?.is_some() {
                other.backend.end_log(path).await?;
            }
            other.backend.begin_log(path, bytes.clone()).await?;
            if other.backend.read_log(path).await? != Some(bytes) {
                return Err(arrived_torn(other, path));
            }
            copied += 1;
        }
        // The state last: until it is there, the other place has none.
        Ok(copied + self.copy_document(other, STATE_FILE, Condition::Absent).await?)
    }

    async fn copy_document(&self, other: &Self, path: &str, condition: Condition) -> Result<usize> {
        let Some(bytes) = self.backend.get(path).await? else { return Ok(0) };
        other.backend.put(path, bytes.clone(), condition).await?;
        match other.backend.get(path).await? == Some(bytes) {
            true => Ok(1),
            false => Err(arrived_torn(other, path)),
        }
    }

    /// Sees that what is sealed here can be opened there: the copy is sealed as it was.
    async fn shares_key_with(&self, other: &Self) -> Result<()> {
        // A key that lies here sealed what is here, whatever key was given to this process.
        let kept = if self.backend.keeps_key() { self.backend.get("key").await? } else { None };
        let kept = kept.map(|bytes| DataKey::parse(&String::from_utf8_lossy(&bytes), &self.backend.place("key")));
        let given = self.keys.existing().await?;
        let Some(own) = kept.transpose()?.or_else(|| given.cloned()) else { return Ok(()) };
        let others = other.keys.existing().await?;
        if others.is_some_and(|others| others.id() == own.id()) {
            return Ok(());
        }
        let (from, to) = (self.backend.place("key"), other.backend.place(""));
        Err(Error::failed(format!("what is sealed in this state could not be opened in {to}: no key is kept there"))
            .with_hint(format!(
                "set {STATE_KEY_VARIABLE} to the data key {}, which is in {from}, and migrate again",
                own.id()
            )))
    }
}

fn arrived_torn(other: &Store, path: &str) -> Error {
    Error::failed(format!("{} did not arrive whole", other.backend.place(path)))
}
