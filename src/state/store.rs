//! One environment's state: what is read, looked up and copied. How a run is written is in `settle`, what is not kept for
//! ever in `retention`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deployctl_sdk::{Digest, Lineage, source};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::backend::{Backend, Version};
use super::blobs::Blobs;
use super::codec;
use super::document::State;
use super::encryption::{Encryption, KEYRING, Seen, older};
use super::envelope::{self, STATE};
use super::frames::Tolerance;
use super::history::{self, AuditEntry, HISTORY};
use super::journal::{self, Interrupted, JOURNAL, ReadBack, RunHeader};
use super::keys::{DataKey, Keys, STATE_KEY_VARIABLE};
use super::local::Local;
use super::lock::{Lock, LockInfo};
#[cfg(feature = "postgres")]
use super::postgres::{Postgres, PostgresSettings};
use super::revision::{self, Revision};
#[cfg(feature = "s3")]
use super::s3::{S3, S3Settings};
use super::sealing::Sealing;
use super::unpushed::Rest;
use crate::error::{Error, Result};
use crate::event::{Events, Ledger};
use crate::plan::Summary;
use crate::secret::Registry;

pub(super) const STATE_FILE: &str = "state.json";
pub(super) const KEY_FILE: &str = "key";

/// How many documents are asked for at one time where many are.
pub(super) const AT_ONCE: usize = 16;

/// Where a state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendConfig {
    /// In a folder on this machine; each environment has its own below it.
    Local {
        /// The folder.
        folder: PathBuf,
    },
    /// In a bucket of an S3 server; each environment has its own prefix below the key.
    #[cfg(feature = "s3")]
    S3(S3Settings),
    /// In a PostgreSQL database; each environment is a row of its own below the key.
    #[cfg(feature = "postgres")]
    Postgres(PostgresSettings),
}

impl BackendConfig {
    /// The place of an environment's state there; nothing is asked of a server before something has to be.
    fn open(&self, environment: &str) -> Arc<dyn Backend> {
        match self {
            Self::Local { folder } => Arc::new(Local::new(folder, environment)),
            #[cfg(feature = "s3")]
            Self::S3(settings) => Arc::new(S3::new(settings.clone(), environment)),
            #[cfg(feature = "postgres")]
            Self::Postgres(settings) => Arc::new(Postgres::new(settings.clone(), environment)),
        }
    }
}

/// One environment's state.
pub struct Store {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) keys: Arc<Keys>,
    pub(super) blobs: Blobs,
    /// What this machine has seen of encrypted states.
    seen: Option<Seen>,
    /// The state that was last read or written, by its document's checksum: one run looks at it several times.
    last: Mutex<Option<(Digest, codec::Stored)>>,
    /// Where this machine keeps what cannot be written any more in the middle of a run; not needed where the state is here.
    pub(super) rest: Option<Arc<dyn Backend>>,
}

/// A state as it was read, an unfinished run's journal taken in.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The state.
    pub state: State,
    /// Whether there is one at all.
    pub exists: bool,
    /// What an unfinished run had started and not ended.
    pub interrupted: Vec<Interrupted>,
    /// The unfinished run.
    pub run: Option<RunHeader>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOutcome {
    /// In a few words.
    pub result: String,
    /// Whether all of it was done.
    pub ok: bool,
    /// What became of each action.
    pub ledger: Ledger,
    /// What the plan counted.
    pub summary: Summary,
    /// Whether it changed something: then it counts, and leaves a revision.
    pub changed: bool,
}

impl Store {
    /// Opens a state; nothing is written before something has to be.
    ///
    /// # Errors
    /// A data key in the environment that is none.
    pub async fn open(config: &BackendConfig, environment: &str) -> Result<Self> {
        let given = std::env::var(STATE_KEY_VARIABLE).ok().filter(|text| !text.is_empty());
        let given = given.map(|text| DataKey::parse(&text, STATE_KEY_VARIABLE)).transpose()?;
        Ok(Self::open_on(config.open(environment), given))
    }

    /// Keeps what cannot be written any more in the middle of a run in a folder of this machine, if the state is elsewhere.
    #[must_use]
    pub fn keeping_rest_in(mut self, folder: &Path, environment: &str) -> Self {
        self.rest = (!self.backend.keeps_key()).then(|| Arc::new(Local::new(folder, environment)) as Arc<dyn Backend>);
        self
    }

    pub(super) fn rest(&self, lock: &Lock) -> Option<Rest> {
        let backend = self.rest.clone()?;
        Some(Rest { backend, lock: lock.info().id })
    }

    /// Opens a state in any backend.
    pub fn open_on(backend: Arc<dyn Backend>, given: Option<DataKey>) -> Self {
        let keys = Arc::new(Keys::new(backend.clone(), KEY_FILE.to_owned(), given, None, Arc::default()));
        let blobs = Blobs::new(backend.clone(), keys.clone());
        Self { backend, keys, blobs, seen: None, last: Mutex::default(), rest: None }
    }

    /// Where it is kept, for messages.
    pub fn place(&self) -> String {
        self.backend.place("")
    }

    /// The same state, its documents encrypted where the configuration says so.
    #[must_use]
    pub fn encrypted(self, encryption: Option<Encryption>) -> Self {
        self.encrypted_on(encryption, Seen::of_this_user())
    }

    /// How its documents are encrypted, if they are.
    pub fn encryption(&self) -> Option<&Encryption> {
        self.keys.encryption()
    }

    /// As [`Store::encrypted`], if there is a keyring: for a state that another configuration keeps.
    ///
    /// # Errors
    /// When the backend cannot be asked.
    pub async fn encrypted_as_found(self, encryption: Option<Encryption>) -> Result<Self> {
        let found = encryption.is_some() && self.backend.exists(KEYRING).await?;
        Ok(if found { self.encrypted(encryption) } else { self })
    }

    pub(crate) fn encrypted_on(self, encryption: Option<Encryption>, seen: Option<Seen>) -> Self {
        let Some(encryption) = encryption else { return self };
        let secrets = self.keys.secrets().clone();
        Self { seen, ..self.with_keys(Some(encryption), secrets) }
    }

    /// The same state, into which nothing of these secrets is written.
    #[must_use]
    pub fn withholding(self, secrets: Arc<Registry>) -> Self {
        let encryption = self.keys.encryption().cloned();
        self.with_keys(encryption, secrets)
    }

    fn with_keys(self, encryption: Option<Encryption>, secrets: Arc<Registry>) -> Self {
        let given = self.keys.given().cloned();
        let keys = Keys::new(self.backend.clone(), KEY_FILE.to_owned(), given, encryption, secrets);
        let keys = Arc::new(keys);
        let blobs = Blobs::new(self.backend.clone(), keys.clone());
        Self { keys, blobs, ..self }
    }

    /// Captured contents.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// The data key.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Reads the state. Takes no lock and writes nothing; what an unfinished run left is taken in in memory.
    ///
    /// # Errors
    /// A state or journal that is damaged, of a newer format, or sealed under another key.
    pub async fn load(&self) -> Result<Loaded> {
        let loaded = self.load_any().await?;
        if self.keys.encryption().is_some() && loaded.exists {
            self.is_newest(&loaded.state).await?;
        }
        Ok(loaded)
    }

    /// An older ciphertext is as good as a newer one, so its serial must stand up to what else is known.
    async fn is_newest(&self, state: &State) -> Result<()> {
        let revisions = self.backend.list(revision::FOLDER).await?;
        if let Some(newest) = revisions.iter().filter_map(|path| revision::serial_of(path)).max()
            && newest > state.serial
        {
            let place = self.backend.place(STATE_FILE);
            return Err(older(&place, state.serial, &format!("there is a revision {newest} beside it"))
                .with_hint("put the newer one back; or move this one away, and `deployctl state recover` rebuilds it from the newest revision"));
        }
        self.seen(state.lineage, state.serial)
    }

    pub(super) fn seen(&self, lineage: Lineage, serial: u64) -> Result<()> {
        match &self.seen {
            Some(seen) if self.keys.encryption().is_some() => {
                seen.check(lineage, serial, &self.backend.place(STATE_FILE))
            }
            _ => Ok(()),
        }
    }

    async fn load_any(&self) -> Result<Loaded> {
        // Where both fail it is always the state's failure that is told.
        let (stored, journal) = tokio::join!(self.stored(), self.backend.read_log(JOURNAL));
        let (stored, journal) = (stored?, journal?);
        let (exists, last_run) = (stored.is_some(), stored.as_ref().and_then(|(stored, _)| stored.last_run));
        let state = stored.map(|(stored, _)| stored.state);
        let serial = state.as_ref().map_or(0, |state| state.serial);
        let Some(read) = self.read_journal(journal, state.as_ref()).await? else {
            return Ok(untouched(state, exists));
        };
        // A run that is in the state already has at most its line in the history left to be written.
        if last_run == Some(read.header.run) || is_stray(&read, serial) {
            return Ok(untouched(state, exists));
        }
        self.fits(&read.header, serial)?;
        if read.fold.finished.is_some() {
            return Ok(Loaded {
                state: read.fold.ended(&read.header),
                exists: true,
                interrupted: Vec::new(),
                run: None,
            });
        }
        Ok(Loaded {
            interrupted: read.fold.open.into_values().collect(),
            state: read.fold.state,
            exists: true,
            run: Some(read.header),
        })
    }

    pub(super) async fn journal(&self, state: Option<&State>) -> Result<Option<ReadBack>> {
        self.read_journal(self.backend.read_log(JOURNAL).await?, state).await
    }

    pub(super) async fn read_journal(&self, bytes: Option<Vec<u8>>, state: Option<&State>) -> Result<Option<ReadBack>> {
        let Some(bytes) = bytes else { return Ok(None) };
        let sealing = Sealing(self.keys.existing().await?);
        let base = |header: &RunHeader| state.cloned().unwrap_or_else(|| State::new(header.lineage));
        let tolerance = self.tolerating(Tolerance::Torn);
        journal::read(&bytes, base, &sealing, &self.keys.lines().await?, tolerance, &self.backend.place(JOURNAL))
    }

    /// What may be wrong with the end of a log: nothing where no crash can do that.
    pub(super) fn tolerating(&self, torn: Tolerance) -> Tolerance {
        if self.backend.tears_logs() { torn } else { Tolerance::Nothing }
    }

    /// A journal goes on from one state and no other.
    pub(super) fn fits(&self, header: &RunHeader, serial: u64) -> Result<()> {
        if header.base_serial == serial {
            return Ok(());
        }
        let (journal, begun) = (self.backend.place(JOURNAL), header.base_serial);
        Err(Error::failed(format!(
            "the journal {journal} goes on from serial {begun}, and the state has serial {serial}"
        ))
        .with_hint("one of the two was put there by hand; put the other back, or move the journal away"))
    }

    /// The state that is there, and which document it is.
    pub(super) async fn stored(&self) -> Result<Option<(codec::Stored, Version)>> {
        // Asked for at once, since each may be a long way off.
        let (read, _) = tokio::try_join!(self.backend.read(STATE_FILE), self.keys.keyring())?;
        let Some((bytes, version)) = read else { return Ok(None) };
        let bytes = self.keys.open_document(STATE_FILE, bytes).await?;
        let place = self.backend.place(STATE_FILE);
        let (body, digest) = envelope::unwrap_known(&STATE, &bytes, &place)?;
        if let Some((known, stored)) = &*self.last.lock().unwrap_or_else(PoisonError::into_inner)
            && *known == digest
        {
            return Ok(Some((stored.clone(), version)));
        }
        let stored = self.read_body(&body, &place).await?;
        self.remember(digest, stored.clone());
        Ok(Some((stored, version)))
    }

    pub(super) fn remember(&self, digest: Digest, stored: codec::Stored) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((digest, stored));
    }

    async fn decoded(&self, bytes: &[u8], place: &str) -> Result<codec::Stored> {
        let body = envelope::unwrap(&STATE, bytes, place)?;
        self.read_body(&body, place).await
    }

    async fn read_body(&self, body: &[u8], place: &str) -> Result<codec::Stored> {
        let sealing = Sealing(self.keys.existing().await?);
        codec::read_state(body, &sealing).map_err(|lines| {
            let key = self.backend.place(KEY_FILE);
            Error::failed(format!("the state {place} cannot be read")).with_detail(lines).with_hint(format!(
                "what is sealed is opened with the data key it was sealed under: set {STATE_KEY_VARIABLE} to it, or put it back in {key}"
            ))
        })
    }

    /// The state's document as it rests, sensitive values as ciphertext; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn export(&self) -> Result<Option<Vec<u8>>> {
        match self.backend.get(STATE_FILE).await? {
            Some(bytes) => self.keys.open_document(STATE_FILE, bytes).await.map(Some),
            None => Ok(None),
        }
    }

    /// Reads a document that [`Store::export`] gave; `place` names it in messages.
    ///
    /// # Errors
    /// When it is no state, damaged, of a newer format, or sealed under another key.
    pub async fn read_document(&self, bytes: &[u8], place: &str) -> Result<State> {
        self.decoded(bytes, place).await.map(|stored| stored.state)
    }

    /// Takes the lock.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`](crate::error::ErrorKind::Locked) when another holds it for longer than `timeout`.
    pub async fn lock(&self, info: LockInfo, timeout: Duration, events: &Events) -> Result<Lock> {
        Lock::take(&self.backend, info, timeout, events).await
    }

    /// Who holds the lock.
    ///
    /// # Errors
    /// When the backend cannot be asked.
    pub async fn locks(&self) -> Result<Vec<LockInfo>> {
        Ok(self.backend.holder().await?.into_iter().collect())
    }

    /// Breaks a lock.
    ///
    /// # Errors
    /// When no lock of that identity is held.
    pub async fn unlock(&self, id: Uuid) -> Result<LockInfo> {
        self.backend.break_lock(id).await?.ok_or_else(|| {
            Error::failed(format!("no lock {id} is held")).with_hint("`deployctl state locks` lists the locks")
        })
    }

    /// Every change of the state, oldest first.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub async fn history(&self) -> Result<Vec<AuditEntry>> {
        match self.backend.read_log(HISTORY).await? {
            Some(bytes) => {
                let tolerance = self.tolerating(Tolerance::CutOff);
                history::read(&bytes, &self.keys.lines().await?, tolerance, &self.backend.place(HISTORY))
            }
            None => Ok(Vec::new()),
        }
    }

    /// The revisions kept, oldest first.
    ///
    /// # Errors
    /// When one cannot be read or is damaged.
    pub async fn revisions(&self) -> Result<Vec<Revision>> {
        let paths = self.backend.list(revision::FOLDER).await?;
        let read = stream::iter(&paths).map(|path| async move {
            let bytes = self.backend.get(path).await?;
            let Some(bytes) = bytes else { return Ok(None) };
            let bytes = self.keys.open_document(path, bytes).await?;
            Revision::from_bytes(&bytes, &self.backend.place(path)).map(Some)
        });
        let read: Vec<Option<Revision>> = read.buffered(AT_ONCE).try_collect().await?;
        let mut revisions: Vec<Revision> = read.into_iter().flatten().collect();
        revisions.sort_by_key(|revision: &Revision| revision.serial);
        Ok(revisions)
    }

    /// The revision of a serial, if it is kept.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub async fn revision(&self, serial: u64) -> Result<Option<Revision>> {
        let path = revision::path_of(serial);
        let Some(bytes) = self.backend.get(&path).await? else { return Ok(None) };
        let bytes = self.keys.open_document(&path, bytes).await?;
        Revision::from_bytes(&bytes, &self.backend.place(&path)).map(Some)
    }

    /// The state that a revision ended in.
    ///
    /// # Errors
    /// When it is not kept any more, or is damaged.
    pub async fn state_of(&self, revision: &Revision) -> Result<State> {
        let body = self.blobs.get(&revision.state).await?;
        let place = self.backend.place(&revision::path_of(revision.serial));
        self.read_body(&body, &place).await.map(|stored| stored.state)
    }
}

/// Whether a journal is one that nothing goes on from: a run began it when its lock was gone already, and another had gone
/// on. Nothing was started in it.
pub(super) fn is_stray(read: &ReadBack, serial: u64) -> bool {
    read.bare && read.header.base_serial != serial
}

fn untouched(state: Option<State>, exists: bool) -> Loaded {
    let state = state.unwrap_or_else(|| State::new(Lineage::random()));
    Loaded { state, exists, interrupted: Vec::new(), run: None }
}

/// Where a run's inputs were put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptInputs {
    /// The inputs themselves.
    pub inputs: Option<Digest>,
    /// The contents of the files among them, by path.
    pub files: BTreeMap<String, Digest>,
}

impl RunHeader {
    /// A run of this process.
    pub fn new(command: &str, lineage: Lineage, base_serial: u64, plan_digest: Digest, kept: KeptInputs) -> Self {
        Self {
            plan_digest: Some(plan_digest.to_string()),
            inputs: kept.inputs,
            files: kept.files,
            ..Self::bare(command, lineage, base_serial)
        }
    }

    pub(super) fn bare(command: &str, lineage: Lineage, base_serial: u64) -> Self {
        let info = LockInfo::of_this_process(command);
        Self {
            format_version: journal::JOURNAL_FORMAT_VERSION,
            run: source::uuid(),
            lineage,
            base_serial,
            command: info.command,
            who: info.who,
            host: info.host,
            started: info.at,
            plan_digest: None,
            inputs: None,
            files: BTreeMap::new(),
            engines: BTreeMap::new(),
        }
    }
}
