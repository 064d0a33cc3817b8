//! From the beginning of a run to its end: in which order things are written, so that a crash between any two of them loses
//! nothing and repeats nothing.
//!
//! The journal's last entry says how the run ended. From there on the revision, the state, the history and the journal's
//! removal follow, each of which may be done again with the same result; whoever comes next completes what is missing.

use std::sync::Arc;

use deployctl_sdk::{Address, source};
use jiff::Timestamp;

use super::backend::{Condition, Publication, Version};
use super::codec;
use super::document::{Record, State};
use super::envelope::{STATE, Wrapped};
use super::frames::Tolerance;
use super::history::{self, AuditEntry, HISTORY, HISTORY_FORMAT_VERSION};
use super::journal::{Entry, Fold, JOURNAL, Journal, RunHeader};
use super::lock::Lock;
use super::revision::{self, Revision};
use super::store::{Loaded, RunOutcome, STATE_FILE, Store, is_stray};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Ledger;
use crate::plan::Summary;

impl Store {
    /// Begins a run's journal.
    ///
    /// # Errors
    /// When the state is not the one that the run starts from, an earlier run is not settled, the lock is lost, or the
    /// journal cannot be written.
    pub async fn begin(&self, lock: &Lock, header: RunHeader, base: &State) -> Result<Journal> {
        lock.check().await?;
        let (state, version) = self.settle_earlier(lock).await?.unzip();
        let serial = state.map_or(0, |state| state.serial);
        if serial != header.base_serial {
            let (found, expected) = (serial, header.base_serial);
            return Err(Error::new(
                ErrorKind::Stale,
                format!("the state has serial {found}, and {expected} was expected"),
            )
            .with_hint("it was changed in the meantime: make a new plan"));
        }
        let journal = Journal::begin(&*self.backend, &self.keys, header, base, version).await?;
        Ok(journal.with_rest(self.rest(lock)))
    }

    /// Writes what is left to be written of a run that ended, such as its line in the history.
    ///
    /// # Errors
    /// When the lock is lost or something cannot be read or written; it can be tried again.
    pub async fn settle_ended(&self, lock: &Lock) -> Result<()> {
        let state = self.stored().await?.map(|(stored, _)| stored.state);
        match self.journal(state.as_ref()).await? {
            Some(read) if read.fold.finished.is_some() => self.settle_earlier(lock).await.map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Completes what an earlier run had left to be written after its end, and answers the state with the document that it
    /// is in.
    pub(super) async fn settle_earlier(&self, lock: &Lock) -> Result<Option<(State, Version)>> {
        let (stored, bytes) = tokio::try_join!(self.stored(), self.backend.read_log(JOURNAL))?;
        let last_run = stored.as_ref().and_then(|(stored, _)| stored.last_run);
        let stored = stored.map(|(stored, version)| (stored.state, version));
        if bytes.is_none() {
            return Ok(stored);
        }
        let state = stored.as_ref().map(|(state, _)| state);
        let serial = state.map_or(0, |state| state.serial);
        let read = self.read_journal(bytes, state).await?;
        let Some(read) = read.filter(|read| !is_stray(read, serial)) else {
            // Nothing had been started in it.
            self.backend.end_log(JOURNAL).await?;
            return Ok(stored);
        };
        if last_run == Some(read.header.run) {
            if let Some(state) = state {
                self.close(&read.header, &read.fold, state).await?;
            }
            return Ok(stored);
        }
        self.fits(&read.header, serial)?;
        if read.fold.finished.is_some() {
            let base = stored.map(|(_, version)| version);
            self.settle(lock, &read.header, &read.fold, base).await?;
            return Ok(self.stored().await?.map(|(stored, version)| (stored.state, version)));
        }
        Err(Error::failed(format!(
            "`{}` of {} was interrupted, and is not settled yet",
            read.header.command, read.header.who
        ))
        .with_hint("`deployctl apply` settles it"))
    }

    /// Ends a run: its revision, the state, its audit record, and last the journal goes.
    ///
    /// # Errors
    /// When the lock is lost or something cannot be written; the journal then stays, and the next command completes it.
    pub async fn commit(&self, lock: &Lock, mut journal: Journal, outcome: RunOutcome) -> Result<State> {
        journal.append(vec![Entry::Finished { at: source::now(), outcome }]).await?;
        if let Some(failure) = journal.cut_off() {
            return Err(failure);
        }
        self.settle(lock, &journal.header, &journal.fold, journal.base).await
    }

    /// Writes what a run that ended comes to, in the stead of the document `base`. All of it can be done again with the same
    /// result.
    async fn settle(&self, lock: &Lock, header: &RunHeader, fold: &Fold, base: Option<Version>) -> Result<State> {
        lock.check().await?;
        let state = fold.ended(header);
        let changed = fold.finished.as_ref().filter(|(_, outcome)| outcome.changed);
        if changed.is_some() || header.base_serial > 0 {
            let key = self.keys.ready().await?;
            let document = Wrapped::write(&STATE, codec::room_for(&state), |out| {
                codec::write_state(&state, Some(header.run), key, out)
            });
            let document = document.map_err(|error| Error::failed(format!("the state cannot be written: {error}")))?;
            if let Some((at, outcome)) = changed
                && (outcome.ok || self.differs(&state).await?)
            {
                self.leave_revision(header, *at, outcome.ok, state.serial, document.body()).await?;
            }
            lock.check().await?;
            let Wrapped { bytes, checksum, .. } = document;
            let bytes = self.keys.seal_document(STATE_FILE, bytes).await?;
            let condition = base.map_or(Condition::Absent, Condition::Matches);
            match self.backend.put(STATE_FILE, bytes, condition).await? {
                Some(_) => self.remember(checksum, codec::Stored { state: state.clone(), last_run: Some(header.run) }),
                None => self.was_written_for(header).await?,
            }
        }
        self.close(header, fold, &state).await?;
        self.seen(state.lineage, state.serial)?;
        Ok(state)
    }

    /// Sees that the state in whose stead this run's could not be put is this run's: whoever took the lock over completed it.
    async fn was_written_for(&self, header: &RunHeader) -> Result<()> {
        let there = self.stored().await?;
        if there.is_some_and(|(there, _)| there.last_run == Some(header.run)) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Locked, "the state was written by somebody else in the middle of the run").with_hint(
            "the lock had been broken; `deployctl history` shows what was done, and the next plan what is left",
        ))
    }

    /// Whether a state holds something else than the one that is there. A run whose every action failed with nothing done
    /// counts as a run, and leaves nothing to go back to.
    async fn differs(&self, state: &State) -> Result<bool> {
        let before = self.stored().await?.map(|(stored, _)| stored.state);
        Ok(before.map_or(!state.records.is_empty() || !state.outputs.is_empty(), |before| {
            before.lineage != state.lineage || before.records != state.records || before.outputs != state.outputs
        }))
    }

    async fn leave_revision(
        &self,
        header: &RunHeader,
        at: Timestamp,
        ok: bool,
        serial: u64,
        body: &[u8],
    ) -> Result<()> {
        let Some(inputs) = header.inputs else { return Ok(()) };
        let revision = Revision {
            serial,
            at,
            who: header.who.clone(),
            command: header.command.clone(),
            ok,
            inputs,
            files: header.files.clone(),
            state: self.blobs.put(body, false).await?,
        };
        let path = revision::path_of(serial);
        let bytes = self.keys.seal_document(&path, revision.to_bytes()?).await?;
        self.backend.put(&path, bytes, Condition::Any).await.map(|_| ())
    }

    /// What comes after the state: the line in the history, and the journal goes.
    async fn close(&self, header: &RunHeader, fold: &Fold, state: &State) -> Result<()> {
        if let Some((at, outcome)) = fold.finished.as_ref().filter(|(_, outcome)| outcome.changed) {
            let entry = AuditEntry {
                format_version: HISTORY_FORMAT_VERSION,
                run: header.run,
                serial: state.serial,
                at: *at,
                who: header.who.clone(),
                host: header.host.clone(),
                command: header.command.clone(),
                plan_digest: header.plan_digest.clone(),
                result: outcome.result.clone(),
                summary: outcome.summary,
                actions: outcome.ledger.entries.clone(),
            };
            let lines = self.keys.lines_ready().await?;
            let history = self.backend.read_log(HISTORY).await?;
            let (tolerance, place) = (self.tolerating(Tolerance::CutOff), self.backend.place(HISTORY));
            let line = history::line(&entry, history.as_deref().unwrap_or_default(), &lines, tolerance, &place)?;
            if let Some((place, line)) = line {
                let begun = if history.is_none() { self.backend.begin_log(HISTORY, Vec::new()).await? } else { None };
                let mut log = match begun {
                    Some(log) => log,
                    None => self.backend.log(HISTORY).await?,
                };
                log.append(place, line).await?;
            }
            // What can be asked with SQL can be read: of an encrypted state nothing is told.
            if self.backend.is_asked() && self.keys.encryption().is_none() {
                let revision = self.revision(state.serial).await?;
                let revision = revision.as_ref().filter(|revision| Some(revision.inputs) == header.inputs);
                self.backend.publish(&Publication { state, revision, audit: &entry }).await?;
            }
        }
        self.backend.end_log(JOURNAL).await
    }

    /// Writes a state that was edited without a run.
    ///
    /// # Errors
    /// When the lock is lost or something cannot be written.
    pub async fn save(&self, lock: &Lock, state: State, command: &str) -> Result<State> {
        lock.check().await?;
        let before = self.settle_earlier(lock).await?;
        let before = before.map_or_else(|| State::new(state.lineage), |(state, _)| state);
        let header = RunHeader::bare(command, state.lineage, before.serial);
        let mut journal = self.begin(lock, header, &before).await?;
        journal.append(edits(&before, state)).await?;
        let outcome = RunOutcome {
            result: "ok".to_owned(),
            ok: true,
            ledger: Ledger::default(),
            summary: Summary::default(),
            changed: true,
        };
        self.commit(lock, journal, outcome).await
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
        let (stored, version) = self.stored().await?.map(|(stored, version)| (stored.state, version)).unzip();
        let read = match self.journal(stored.as_ref()).await? {
            Some(read) if loaded.run.as_ref().is_some_and(|run| run.run == read.header.run) => read,
            _ => return Ok(loaded.state),
        };
        let mut journal = Journal::resume(&*self.backend, &self.keys, read, version).await?;
        let outcome = RunOutcome {
            result: "killed; its record was completed afterwards".to_owned(),
            ok: false,
            ledger: Ledger { entries: Arc::new(std::mem::take(&mut journal.fold.ledger)), serial: 0 },
            summary: Summary::default(),
            changed: true,
        };
        let resolved = resolved.into_iter().map(|(address, record)| (address, record.map(Arc::new))).collect();
        journal.append(vec![Entry::Refreshed(resolved)]).await?;
        self.commit(lock, journal, outcome).await
    }
}

/// What leads from one state to another.
fn edits(before: &State, after: State) -> Vec<Entry> {
    let State { lineage, serial, engines, records, outputs, .. } = after;
    let gone = before.records.keys().filter(|address| !records.contains_key(address));
    let mut changes: Vec<_> = gone.map(|address| (address.clone(), None)).collect();
    let new = records.into_iter().filter(|(address, record)| before.records.get(address) != Some(record));
    changes.extend(new.map(|(address, record)| (address, Some(record))));
    vec![Entry::Rebased { lineage, serial, engines }, Entry::Refreshed(changes), Entry::Outputs(outputs)]
}
