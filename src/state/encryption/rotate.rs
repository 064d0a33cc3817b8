//! Bringing a state under a new data key, or under one at all, or back to none.
//!
//! The keyring with the new key is written first, while it still holds the old one; then each document is written anew, whole
//! or not at all; last the old key leaves the keyring. Killed anywhere between, everything can still be read, and the next
//! rotation goes on with what is left. Documents that are under the newest key already are left alone.

use super::keyring::{KEYRING, Keyring};
use super::{Lines, cipher, is_encrypted};
use crate::error::{Error, ErrorKind, Result};
use crate::state::backend::{Condition, Version};
use crate::state::frames::Tolerance;
use crate::state::history::{self, HISTORY};
use crate::state::journal::JOURNAL;
use crate::state::lock::Lock;
use crate::state::store::{KEY_FILE, STATE_FILE, Store};
use crate::state::{blobs, revision};

/// Where a rewritten history waits.
const REWRITTEN: &str = "history.rewritten";

/// What a rotation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// How many documents were written anew.
    pub documents: usize,
    /// The data key that they are under now; `None` if they are not encrypted any more.
    pub key: Option<String>,
    /// Whether an earlier rotation had been left unfinished.
    pub resumed: bool,
}

/// To what documents are brought.
enum Goal {
    /// Under the newest key of the keyring.
    Newest,
    /// To rest without encryption.
    Plain,
}

impl Store {
    /// Makes a new data key, wraps the keyring as the configuration says, and brings every document under the new key. What
    /// was not encrypted becomes so.
    ///
    /// # Errors
    /// Without `encryption`, when a run is not settled, a key is not to be had, or something cannot be read or written; then
    /// it can be called again.
    pub async fn rotate_key(&self, lock: &Lock) -> Result<Rotated> {
        lock.check().await?;
        self.may_rotate(lock).await?;
        let (mut keyring, resumed) = match self.keys.keyring().await? {
            Some(keyring) => (keyring.clone(), keyring.is_rotating() || self.has_plain().await?),
            None => (self.keys.new_keyring().await?, false),
        };
        let exists = self.keys.keyring().await?.is_some();
        if exists && !resumed {
            keyring.add_key()?;
        }
        if !exists || !resumed || !keyring.as_configured {
            self.put_keyring(lock, &keyring).await?;
        }
        let documents = self.bring(lock, &keyring, &Goal::Newest).await?;
        if keyring.is_rotating() {
            keyring.drop_old_keys();
            self.put_keyring(lock, &keyring).await?;
        }
        // The key beside the state is in the keyring by now.
        self.backend.delete(KEY_FILE).await?;
        Ok(Rotated { documents, key: Some(keyring.newest()?.id().to_owned()), resumed })
    }

    /// Brings every document to rest without encryption, and removes the keyring.
    ///
    /// # Errors
    /// As [`Store::rotate_key`], and where sensitive values would be left without a key.
    pub async fn decrypt(&self, lock: &Lock) -> Result<Rotated> {
        lock.check().await?;
        self.may_rotate(lock).await?;
        let Some(keyring) = self.keys.keyring().await?.cloned() else {
            // Nothing is encrypted any more: an earlier command did this, and was perhaps killed before it could say so.
            return Ok(Rotated { documents: 0, key: None, resumed: true });
        };
        if self.keys.given().is_none() {
            if !self.backend.keeps_key() {
                return Err(Error::failed("sensitive values would be left without a data key")
                    .with_hint("`state migrate` to another place with a key of its own, or keep the encryption"));
            }
            self.keys.keep(&keyring.values).await?;
        }
        let documents = self.bring(lock, &keyring, &Goal::Plain).await?;
        lock.confirm().await?;
        self.backend.delete(KEYRING).await?;
        Ok(Rotated { documents, key: None, resumed: false })
    }

    async fn may_rotate(&self, lock: &Lock) -> Result<()> {
        if self.keys.encryption().is_none() {
            return Err(Error::usage("the configuration has no `encryption` block, so there is no key to rotate")
                .with_hint("say in `deployctl { encryption \"…\" { … } }` how the state is to be encrypted"));
        }
        self.finish_history().await?;
        if self.backend.read_log(JOURNAL).await?.is_some() {
            self.settle_earlier(lock).await?;
        }
        Ok(())
    }

    /// Whether the state is not encrypted though there is a keyring: then the encryption was begun and not ended.
    async fn has_plain(&self) -> Result<bool> {
        Ok(self.backend.get(STATE_FILE).await?.is_some_and(|bytes| !is_encrypted(&bytes)))
    }

    async fn put_keyring(&self, lock: &Lock, keyring: &Keyring) -> Result<()> {
        let bytes = self.keys.wrapped(keyring).await?;
        let there = self.backend.read(KEYRING).await?.map(|(_, version)| version);
        // Asked after it was read: what somebody else puts there from now on is another one.
        lock.confirm().await?;
        self.put_over(KEYRING, bytes, there).await
    }

    /// Puts a document over the very one that was read.
    async fn put_over(&self, path: &str, bytes: Vec<u8>, there: Option<Version>) -> Result<()> {
        let condition = there.map_or(Condition::Absent, Condition::Matches);
        if self.backend.put(path, bytes, condition).await?.is_some() {
            return Ok(());
        }
        let place = self.backend.place(path);
        Err(Error::new(
            ErrorKind::Locked,
            format!("{place} was written by somebody else in the middle of the rotation"),
        )
        .with_hint("the lock had been broken; rotate again: it goes on with what is left"))
    }

    async fn bring(&self, lock: &Lock, keyring: &Keyring, goal: &Goal) -> Result<usize> {
        let mut paths = self.backend.list(blobs::FOLDER).await?;
        paths.extend(self.backend.list(revision::FOLDER).await?);
        // The state last: as long as it is as it was, so is what was not reached.
        paths.push(STATE_FILE.to_owned());
        let mut written = usize::from(self.bring_history(lock, keyring, goal).await?);
        for path in &paths {
            let Some((bytes, version)) = self.backend.read(path).await? else { continue };
            let newest = keyring.newest()?;
            let bytes = match (goal, cipher::under(&bytes)) {
                (Goal::Newest, Some(id)) if id == newest.id() => continue,
                (Goal::Plain, None) => continue,
                (Goal::Newest, None) => newest.seal(path, &bytes)?,
                (Goal::Newest, Some(_)) => newest.seal(path, &keyring.open(path, bytes, &self.backend.place(path))?)?,
                (Goal::Plain, Some(_)) => keyring.open(path, bytes, &self.backend.place(path))?,
            };
            lock.check().await?;
            self.put_over(path, bytes, Some(version)).await?;
            written += 1;
        }
        Ok(written)
    }

    async fn bring_history(&self, lock: &Lock, keyring: &Keyring, goal: &Goal) -> Result<bool> {
        let Some(bytes) = self.backend.read_log(HISTORY).await? else { return Ok(false) };
        let place = self.backend.place(HISTORY);
        let (keys, none) = (Lines::new(Some(keyring.clone())), Lines::new(None));
        let mut newest = keyring.clone();
        newest.drop_old_keys();
        let newest = Lines::new(Some(newest));
        let tolerance = self.tolerating(Tolerance::CutOff);
        let plain = history::read(&bytes, &none, tolerance, &place).is_ok();
        let rewritten = match goal {
            Goal::Plain if plain => return Ok(false),
            Goal::Plain => history::rewritten(&bytes, &keys, &none, tolerance, &place)?,
            Goal::Newest if plain => history::rewritten(&bytes, &none, &newest, tolerance, &place)?,
            Goal::Newest if history::read(&bytes, &newest, tolerance, &place).is_ok() => return Ok(false),
            Goal::Newest => history::rewritten(&bytes, &keys, &newest, tolerance, &place)?,
        };
        lock.confirm().await?;
        self.backend.put(REWRITTEN, rewritten, Condition::Any).await?;
        self.finish_history().await?;
        Ok(true)
    }

    /// A log grows and is never put anew, so a rewritten history waits in a document of its own until it has taken the place
    /// of the old one.
    async fn finish_history(&self) -> Result<()> {
        let Some(rewritten) = self.backend.get(REWRITTEN).await? else { return Ok(()) };
        self.backend.end_log(HISTORY).await?;
        self.backend.begin_log(HISTORY, rewritten).await?;
        self.backend.delete(REWRITTEN).await
    }
}
