//! From the beginning of a run to its end: in which order things are written, so that a crash between any two of them loses
//! nothing and repeats nothing.
//!
//! The journal's last entry says how the run ended. From there on the revision, the state, the history and the journal's
//! removal follow, each of which may be done again with the same result; whoever comes next completes what is missing.

use std::sync::Arc;

use deployctl_sdk::{Address, source};
use jiff::Timestamp;

use super::backend::Condition;
use super::codec;
use super::document::{Record, State};
use super::envelope::{STATE, Wrapped};
use super::history::{self, AuditEntry, HISTORY, HISTORY_FORMAT_VERSION};
use super::journal::{Entry, Fold, JOURNAL, Journal, RunHeader};
use super::lock::Lock;
use super::revision::{self, Revision};
use super::store::{Loaded, RunOutcome, STATE_FILE, Store};
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
        let serial = self.settle_earlier(lock).await?.map_or(0, |state| state.serial);
        if serial != header.base_serial {
            let (found, expected) = (serial, header.base_serial);
            return Err(Error::new(
                ErrorKind::Stale,
                format!("the state has serial {found}, and {expected} was expected"),
            )
            .with_hint("it was changed in the meantime: make a new plan"));
        }
        let key = self.keys.ready().await?.clone();
        Journal::begin(&*self.backend, key, header, base).await
    }

    /// Completes what an earlier run had left to be written after its end, and answers the state.
    async fn settle_earlier(&self, lock: &Lock) -> Result<Option<State>> {
        let stored = self.stored().await?;
        let Some(bytes) = self.backend.get(JOURNAL).await? else { return Ok(stored.map(|stored| stored.state)) };
        let (state, last_run) = stored.map(|stored| (stored.state, stored.last_run)).unzip();
        let Some(read) = self.journal(state.as_ref()).await? else {
            // Not even its header is whole, so nothing had been started.
            debug_assert!(!bytes.is_empty());
            self.backend.delete(JOURNAL).await?;
            return Ok(state);
        };
        if last_run.flatten() == Some(read.header.run) {
            self.close(&read.header, &read.fold, state.as_ref().map_or(0, |state| state.serial)).await?;
            return Ok(state);
        }
        self.fits(&read.header, state.as_ref().map_or(0, |state| state.serial))?;
        if read.fold.finished.is_some() {
            return self.settle(lock, &read.header, &read.fold).await.map(Some);
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
        self.settle(lock, &journal.header, &journal.fold).await
    }

    /// Writes what a run that ended comes to. All of it can be done again with the same result.
    async fn settle(&self, lock: &Lock, header: &RunHeader, fold: &Fold) -> Result<State> {
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
            self.backend.put(STATE_FILE, bytes, Condition::Any).await?;
            self.remember(checksum, codec::Stored { state: state.clone(), last_run: Some(header.run) });
        }
        self.close(header, fold, state.serial).await?;
        Ok(state)
    }

    /// Whether a state holds something else than the one that is there. A run whose every action failed with nothing done
    /// counts as a run, and leaves nothing to go back to.
    async fn differs(&self, state: &State) -> Result<bool> {
        let before = self.stored().await?.map(|stored| stored.state);
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
        self.backend.put(&revision::path_of(serial), revision.to_bytes()?, Condition::Any).await.map(|_| ())
    }

    /// What comes after the state: the line in the history, and the journal goes.
    async fn close(&self, header: &RunHeader, fold: &Fold, serial: u64) -> Result<()> {
        if let Some((at, outcome)) = fold.finished.as_ref().filter(|(_, outcome)| outcome.changed) {
            let entry = AuditEntry {
                format_version: HISTORY_FORMAT_VERSION,
                run: header.run,
                serial,
                at: *at,
                who: header.who.clone(),
                host: header.host.clone(),
                command: header.command.clone(),
                plan_digest: header.plan_digest.clone(),
                result: outcome.result.clone(),
                summary: outcome.summary,
                actions: outcome.ledger.entries.clone(),
            };
            self.backend.put(HISTORY, Vec::new(), Condition::Absent).await?;
            let history = self.backend.get(HISTORY).await?.unwrap_or_default();
            if let Some((place, line)) = history::line(&entry, &history, &self.backend.place(HISTORY))? {
                self.backend.log(HISTORY).await?.append(place, line).await?;
            }
        }
        self.backend.delete(JOURNAL).await
    }

    /// Writes a state that was edited without a run.
    ///
    /// # Errors
    /// When the lock is lost or something cannot be written.
    pub async fn save(&self, lock: &Lock, state: State, command: &str) -> Result<State> {
        lock.check().await?;
        let before = self.settle_earlier(lock).await?;
        let before = before.unwrap_or_else(|| State::new(state.lineage));
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
        let stored = self.stored().await?.map(|stored| stored.state);
        let read = match self.journal(stored.as_ref()).await? {
            Some(read) if loaded.run.as_ref().is_some_and(|run| run.run == read.header.run) => read,
            _ => return Ok(loaded.state),
        };
        let mut journal = Journal::resume(&*self.backend, self.keys.ready().await?.clone(), read).await?;
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
