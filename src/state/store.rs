//! The rules of one environment's state: in which order things are written, so that a crash between any two of them loses
//! nothing and repeats nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::{Address, Digest, Lineage};
use jiff::Timestamp;
use uuid::Uuid;

use super::backend::{Backend, Condition};
use super::blobs::{self, Blobs};
use super::codec;
use super::document::{Record, State};
use super::envelope::{self, STATE};
use super::history::{self, AuditEntry, HISTORY, HISTORY_FORMAT_VERSION};
use super::journal::{self, Interrupted, JOURNAL, Journal, RunHeader};
use super::keys::{DataKey, Keys, STATE_KEY_VARIABLE};
use super::local::Local;
use super::lock::{Lock, LockInfo};
use super::revision::{self, Revision};
use crate::error::{Error, Result};
use crate::event::{Events, Ledger};
use crate::plan::Summary;

const STATE_FILE: &str = "state.json";

/// Where a state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendConfig {
    /// In a folder on this machine; each environment has its own below it.
    Local {
        /// The folder.
        folder: PathBuf,
    },
}

/// One environment's state.
pub struct Store {
    backend: Arc<dyn Backend>,
    keys: Arc<Keys>,
    blobs: Blobs,
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
#[derive(Debug, Clone)]
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

/// Which revisions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The last so many.
    pub revisions: u64,
    /// And everything of the last so many days.
    pub days: u64,
}

/// What pruning removed, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The serials of revisions.
    pub revisions: Vec<u64>,
    /// How many contents that no revision needs any more.
    pub contents: usize,
}

impl Store {
    /// Opens a state; nothing is written before something has to be.
    ///
    /// # Errors
    /// A data key in the environment that is none.
    pub async fn open(config: &BackendConfig, environment: &str) -> Result<Self> {
        let BackendConfig::Local { folder } = config;
        let given = std::env::var(STATE_KEY_VARIABLE).ok().filter(|text| !text.is_empty());
        let given = given.map(|text| DataKey::parse(&text, STATE_KEY_VARIABLE)).transpose()?;
        Ok(Self::open_on(Arc::new(Local::new(folder, environment)), given))
    }

    /// Opens a state in any backend.
    pub fn open_on(backend: Arc<dyn Backend>, given: Option<DataKey>) -> Self {
        let keys = Arc::new(Keys::new(backend.clone(), "key".to_owned(), given));
        let blobs = Blobs::new(backend.clone(), keys.clone());
        Self { backend, keys, blobs }
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
        let stored = self.stored().await?;
        let (exists, last_run) = (stored.is_some(), stored.as_ref().and_then(|stored| stored.last_run));
        let state = stored.map(|stored| stored.state);
        let Some(bytes) = self.backend.get(JOURNAL).await? else { return Ok(untouched(state, exists)) };
        let key = self.reading_key().await?;
        let base = |header: &RunHeader| state.clone().unwrap_or_else(|| State::new(header.lineage));
        let read = journal::read(&bytes, base, &key, &self.backend.place(JOURNAL))?;
        match read {
            // A run that is in the state already had only its journal left to remove.
            Some(read) if last_run != Some(read.header.run) => Ok(Loaded {
                interrupted: read.fold.open.into_values().collect(),
                state: read.fold.state,
                exists: true,
                run: Some(read.header),
            }),
            _ => Ok(untouched(state, exists)),
        }
    }

    async fn stored(&self) -> Result<Option<codec::Stored>> {
        let Some(bytes) = self.backend.get(STATE_FILE).await? else { return Ok(None) };
        self.decoded(&bytes, &self.backend.place(STATE_FILE)).await.map(Some)
    }

    async fn decoded(&self, bytes: &[u8], place: &str) -> Result<codec::Stored> {
        let body = envelope::unwrap(&STATE, bytes, place)?;
        let key = self.reading_key().await?;
        codec::read_state(&body, &key).map_err(|error| {
            Error::failed(format!("the state {place} cannot be read: {error}"))
                .with_hint(format!("if it was sealed under another data key, set {STATE_KEY_VARIABLE} to that one"))
        })
    }

    /// The state's document as it rests, sensitive values as ciphertext; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn export(&self) -> Result<Option<Vec<u8>>> {
        self.backend.get(STATE_FILE).await
    }

    /// Reads a document that [`Store::export`] gave; `place` names it in messages.
    ///
    /// # Errors
    /// When it is no state, damaged, of a newer format, or sealed under another key.
    pub async fn read_document(&self, bytes: &[u8], place: &str) -> Result<State> {
        self.decoded(bytes, place).await.map(|stored| stored.state)
    }

    /// The key for reading; a passing one where there is none, which opens nothing and says so.
    async fn reading_key(&self) -> Result<DataKey> {
        match self.keys.existing().await? {
            Some(key) => Ok(key.clone()),
            None => DataKey::random(),
        }
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
        match self.backend.holder().await? {
            Some(holder) if holder.id == id => self.backend.break_lock().await.map(|()| holder),
            _ => {
                Err(Error::failed(format!("no lock {id} is held")).with_hint("`deployctl state locks` lists the locks"))
            }
        }
    }

    /// Begins a run's journal.
    ///
    /// # Errors
    /// When the lock is lost, or the journal cannot be written.
    pub async fn begin(&self, lock: &Lock, header: RunHeader, base: &State) -> Result<Journal> {
        lock.check().await?;
        // What is left here belongs to a run that is in the state already; load says so otherwise.
        self.backend.delete(JOURNAL).await?;
        let key = self.keys.ready().await?.clone();
        Journal::begin(self.backend.clone(), key, header, base).await
    }

    /// Ends a run: its audit record, its revision, the state, and last the journal goes.
    ///
    /// # Errors
    /// When the lock is lost or something cannot be written; the journal then stays, and the next command completes it.
    pub async fn commit(&self, lock: &Lock, journal: Journal, outcome: RunOutcome) -> Result<State> {
        lock.check().await?;
        let Journal { header, fold, .. } = journal;
        let mut state = fold.state;
        if outcome.changed {
            state.serial = header.base_serial + 1;
            state.version = env!("CARGO_PKG_VERSION").to_owned();
        }
        if outcome.changed {
            self.leave_trace(&header, &state, &outcome).await?;
        }
        if outcome.changed || header.base_serial > 0 {
            self.write_state(&state, Some(header.run)).await?;
        }
        self.backend.delete(JOURNAL).await?;
        Ok(state)
    }

    async fn leave_trace(&self, header: &RunHeader, state: &State, outcome: &RunOutcome) -> Result<()> {
        let entry = AuditEntry {
            format_version: HISTORY_FORMAT_VERSION,
            run: header.run,
            serial: state.serial,
            at: Timestamp::now(),
            who: header.who.clone(),
            host: header.host.clone(),
            command: header.command.clone(),
            plan_digest: header.plan_digest.clone(),
            result: outcome.result.clone(),
            summary: outcome.summary,
            actions: outcome.ledger.entries.clone(),
        };
        self.backend.append(HISTORY, history::line(&entry)?).await?;
        let Some(inputs) = header.inputs else { return Ok(()) };
        let body = self.state_body(state, Some(header.run)).await?;
        let revision = Revision {
            serial: state.serial,
            at: entry.at,
            who: entry.who,
            command: entry.command,
            ok: outcome.ok,
            inputs,
            files: header.files.clone(),
            state: self.blobs.put(&body, false).await?,
        };
        let path = revision::path_of(state.serial);
        self.backend.put(&path, revision.to_bytes()?, Condition::Any).await.map(|_| ())
    }

    async fn state_body(&self, state: &State, last_run: Option<Uuid>) -> Result<Vec<u8>> {
        let key = self.keys.ready().await?;
        codec::write_state(state, last_run, key)
            .map_err(|error| Error::failed(format!("the state cannot be written: {error}")))
    }

    async fn write_state(&self, state: &State, last_run: Option<Uuid>) -> Result<()> {
        let body = self.state_body(state, last_run).await?;
        self.backend.put(STATE_FILE, envelope::wrap(&STATE, &body), Condition::Any).await.map(|_| ())
    }

    /// Writes a state that was edited without a run.
    ///
    /// # Errors
    /// When the lock is lost or something cannot be written.
    pub async fn save(&self, lock: &Lock, mut state: State, command: &str) -> Result<State> {
        lock.check().await?;
        state.serial += 1;
        let outcome = RunOutcome {
            result: "ok".to_owned(),
            ok: true,
            ledger: Ledger::default(),
            summary: Summary::default(),
            changed: true,
        };
        let header = RunHeader::bare(command, state.lineage, state.serial - 1);
        self.leave_trace(&header, &state, &outcome).await?;
        self.write_state(&state, Some(header.run)).await?;
        Ok(state)
    }

    /// Completes the record of an unfinished run, with what became of its interrupted actions.
    ///
    /// # Errors
    /// When the lock is lost or something cannot be written; it can be tried again.
    pub async fn recover_journal(
        &self,
        lock: &Lock,
        loaded: Loaded,
        resolved: Vec<(Address, Option<Record>)>,
    ) -> Result<State> {
        lock.check().await?;
        let mut state = loaded.state;
        let Some(header) = loaded.run else { return Ok(state) };
        for (address, record) in resolved {
            match record {
                Some(record) => state.records.insert(address, Arc::new(record)),
                None => state.records.remove(&address),
            };
        }
        state.serial = header.base_serial + 1;
        let outcome = RunOutcome {
            result: "killed; its record was completed afterwards".to_owned(),
            ok: false,
            ledger: Ledger::default(),
            summary: Summary::default(),
            changed: true,
        };
        self.leave_trace(&header, &state, &outcome).await?;
        self.write_state(&state, Some(header.run)).await?;
        self.backend.delete(JOURNAL).await?;
        Ok(state)
    }

    /// Every change of the state, oldest first.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub async fn history(&self) -> Result<Vec<AuditEntry>> {
        match self.backend.get(HISTORY).await? {
            Some(bytes) => history::read(&bytes, &self.backend.place(HISTORY)),
            None => Ok(Vec::new()),
        }
    }

    /// The revisions kept, oldest first.
    ///
    /// # Errors
    /// When one cannot be read or is damaged.
    pub async fn revisions(&self) -> Result<Vec<Revision>> {
        let mut revisions = Vec::new();
        for path in self.backend.list(revision::FOLDER).await? {
            if let Some(bytes) = self.backend.get(&path).await? {
                revisions.push(Revision::from_bytes(&bytes, &self.backend.place(&path))?);
            }
        }
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
        Revision::from_bytes(&bytes, &self.backend.place(&path)).map(Some)
    }

    /// The state that a revision ended in.
    ///
    /// # Errors
    /// When it is not kept any more, or is damaged.
    pub async fn state_of(&self, revision: &Revision) -> Result<State> {
        let body = self.blobs.get(&revision.state).await?;
        let key = self.reading_key().await?;
        let stored = codec::read_state(&body, &key);
        stored
            .map(|stored| stored.state)
            .map_err(|error| Error::failed(format!("revision {}: {error}", revision.serial)))
    }

    /// Removes revisions that need not be kept, and contents that none needs.
    ///
    /// # Errors
    /// When something cannot be read or removed.
    pub async fn prune(&self, lock: &Lock, retention: Retention, dry_run: bool) -> Result<Pruned> {
        lock.check().await?;
        let revisions = self.revisions().await?;
        let now = Timestamp::now().as_second();
        let young = i64::try_from(retention.days).unwrap_or(i64::MAX).saturating_mul(86_400);
        let old_ones =
            revisions.len().saturating_sub(usize::try_from(retention.revisions.max(1)).unwrap_or(usize::MAX));
        let (goes, stays): (Vec<_>, Vec<_>) = revisions
            .into_iter()
            .enumerate()
            .partition(|(index, revision)| *index < old_ones && now - revision.at.as_second() > young);
        let needed: BTreeSet<String> =
            stays.iter().flat_map(|(_, revision)| revision.needs()).map(|digest| blobs::path_of(&digest)).collect();
        let mut unneeded = self.backend.list(blobs::FOLDER).await?;
        unneeded.retain(|path| !needed.contains(path));
        let pruned =
            Pruned { revisions: goes.iter().map(|(_, revision)| revision.serial).collect(), contents: unneeded.len() };
        if !dry_run {
            for (_, revision) in &goes {
                self.backend.delete(&revision::path_of(revision.serial)).await?;
            }
            for path in &unneeded {
                self.backend.delete(path).await?;
            }
        }
        Ok(pruned)
    }

    /// Copies everything to another store, which must be empty, and checks that it arrived.
    ///
    /// # Errors
    /// When the other one has a state, or something cannot be copied.
    pub async fn copy_to(&self, other: &Self) -> Result<usize> {
        if other.backend.get(STATE_FILE).await?.is_some() {
            return Err(Error::failed(format!("there is a state in {} already", other.backend.place("")))
                .with_hint("move it away first; nothing was copied"));
        }
        let mut paths = self.backend.list(revision::FOLDER).await?;
        paths.extend(self.backend.list(blobs::FOLDER).await?);
        paths.extend([HISTORY.to_owned(), JOURNAL.to_owned(), "key".to_owned()]);
        // The state last: until it is there, the other place has none.
        paths.push(STATE_FILE.to_owned());
        let mut copied = 0;
        for path in &paths {
            let Some(bytes) = self.backend.get(path).await? else { continue };
            other.backend.put(path, bytes.clone(), Condition::Any).await?;
            if other.backend.get(path).await? != Some(bytes) {
                return Err(Error::failed(format!("{} did not arrive whole", other.backend.place(path))));
            }
            copied += 1;
        }
        Ok(copied)
    }
}

fn untouched(state: Option<State>, exists: bool) -> Loaded {
    let state = state.unwrap_or_else(|| State::new(Lineage::random()));
    Loaded { state, exists, interrupted: Vec::new(), run: None }
}

/// Where a run's inputs were put.
#[derive(Debug, Clone, Default)]
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

    fn bare(command: &str, lineage: Lineage, base_serial: u64) -> Self {
        let info = LockInfo::of_this_process(command);
        Self {
            format_version: journal::JOURNAL_FORMAT_VERSION,
            run: Uuid::new_v4(),
            lineage,
            base_serial,
            command: info.command,
            who: info.who,
            host: info.host,
            started: info.at,
            plan_digest: None,
            inputs: None,
            files: BTreeMap::new(),
        }
    }
}
