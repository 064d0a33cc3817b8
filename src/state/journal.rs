//! The journal: what a run started and what came of it, durable before anything depends on it.
//!
//! Each batch of entries is one line (see `frames`) and one sync, so that a write that was cut off costs that batch and
//! nothing else. The last entry says how the run ended; from there on everything that is written can be written again with
//! the same result, so that a crash at any point leaves nothing half done.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployctl_sdk::value::{Seal, TaggedSeed};
use deployctl_sdk::{Address, Digest, Lineage, Operation, ResourceId, Value};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::backend::{Backend, Log, Version};
use super::codec::{ProviderIn, ProviderOut, Reader, RecordIn, RecordOut, outputs_out, words};
use super::document::{ProviderRef, Record, State};
use super::encryption::Lines;
use super::frames::{self, Chain, Tolerance};
use super::keys::{DataKey, Keys};
use super::store::{KeptInputs, RunOutcome};
use super::unpushed::{Rest, Unpushed};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{LedgerEntry, Outcome};

/// Where the journal lies.
pub(crate) const JOURNAL: &str = "journal";

/// The version of the journal's format.
pub const JOURNAL_FORMAT_VERSION: u32 = 1;

/// A run, as its journal begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunHeader {
    /// The version of the journal's format.
    pub format_version: u32,
    /// The run's own identity.
    pub run: Uuid,
    /// The state that it changes.
    pub lineage: Lineage,
    /// That state's serial when it began.
    pub base_serial: u64,
    /// The command.
    pub command: String,
    /// The user.
    pub who: String,
    /// The host.
    pub host: String,
    /// When it began.
    pub started: Timestamp,
    /// The digest of the plan that it carries out.
    pub plan_digest: Option<String>,
    /// Where its inputs are kept.
    pub inputs: Option<Digest>,
    /// Where the contents of the files among them are kept, by path.
    pub files: BTreeMap<String, Digest>,
    /// The versions of the engines' programs that it found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub engines: BTreeMap<String, String>,
}

impl RunHeader {
    fn learn(&mut self, entry: &Entry) {
        if let Entry::Inputs(KeptInputs { inputs, files }) = entry {
            self.inputs = *inputs;
            self.files.clone_from(files);
        }
    }
}

/// An action that was started; interrupted, if nothing says how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Interrupted {
    /// Where.
    pub address: Address,
    /// The identity in the mark of what it makes.
    pub id: ResourceId,
    /// Its type.
    pub type_name: Arc<str>,
    /// Its provider.
    pub provider: ProviderRef,
    /// What was being done.
    pub operation: Operation,
    /// What would find it without a mark.
    pub identity: Option<Value>,
    /// What was recorded before.
    pub prior: Option<Record>,
    /// The record that was to be, without its object.
    pub planned: Option<Record>,
}

/// What a run writes down.
#[derive(Debug, Clone)]
pub enum Entry {
    /// These actions are about to start.
    Before(Vec<Interrupted>),
    /// An action ended, or was never started after all.
    After {
        /// Where.
        address: Address,
        /// The identity in the mark.
        id: ResourceId,
        /// What was done.
        operation: Operation,
        /// What is recorded now; `None` if nothing is.
        record: Option<Arc<Record>>,
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        millis: u64,
    },
    /// Records changed without any action.
    Refreshed(Vec<(Address, Option<Arc<Record>>)>),
    /// The outputs now.
    Outputs(BTreeMap<Arc<str>, Value>),
    /// Where the inputs are kept now that the run has asked for more of them than were known when it began.
    Inputs(KeptInputs),
    /// The state as a whole takes another place: an edit by hand.
    Rebased {
        /// Its lineage.
        lineage: Lineage,
        /// The serial that it goes on from.
        serial: u64,
        /// The versions of the engines' programs.
        engines: BTreeMap<String, String>,
    },
    /// The run ended; what remains is to write the state down.
    Finished {
        /// When.
        at: Timestamp,
        /// How.
        outcome: RunOutcome,
    },
}

/// What keeps the journal's lines out of other files.
const PURPOSE: &str = "deployctl-journal";

/// The journal of a run in progress.
pub struct Journal {
    log: Box<dyn Log>,
    key: DataKey,
    lines: Lines,
    chain: Chain,
    pub(crate) header: RunHeader,
    pub(crate) fold: Fold,
    /// Which document held the state that the run goes on from; `None` if there was none.
    pub(crate) base: Option<Version>,
    rest: Option<Rest>,
    /// Where entries go since the log could not be written any more.
    unpushed: Option<Unpushed>,
}

impl Journal {
    /// Begins a journal; there must be none.
    pub(crate) async fn begin(
        backend: &dyn Backend,
        keys: &Keys,
        header: RunHeader,
        state: &State,
        base: Option<Version>,
    ) -> Result<Self> {
        let text = serde_json::to_vec(&header).map_err(|error| Error::failed(error.to_string()))?;
        let (key, lines) = (keys.ready().await?.clone(), keys.lines_ready().await?);
        let (line, chain) = lines.line(&Chain::new(PURPOSE), &text)?;
        let Some(log) = backend.begin_log(JOURNAL, line).await? else {
            return Err(Error::failed(format!("there is a journal in {} already", backend.place(JOURNAL)))
                .with_hint("another run began at the same moment; wait for it to end"));
        };
        Ok(Self { log, key, lines, chain, header, fold: Fold::new(state.clone()), base, rest: None, unpushed: None })
    }

    /// Goes on with a journal that was read back.
    pub(crate) async fn resume(
        backend: &dyn Backend,
        keys: &Keys,
        read: ReadBack,
        base: Option<Version>,
    ) -> Result<Self> {
        let ReadBack { header, fold, chain, .. } = read;
        let (key, lines) = (keys.ready().await?.clone(), keys.lines_ready().await?);
        Ok(Self { log: backend.log(JOURNAL).await?, key, lines, chain, header, fold, base, rest: None, unpushed: None })
    }

    /// Keeps what cannot be written to the log on this machine instead.
    pub(super) fn with_rest(mut self, rest: Option<Rest>) -> Self {
        self.rest = rest;
        self
    }

    /// Why the run has to end, if the log could not be written any more: what was done since is kept on this machine.
    pub fn cut_off(&self) -> Option<Error> {
        self.unpushed.as_ref().map(Unpushed::failure)
    }

    /// Writes a line to the log; or, once that cannot be reached, to where this machine keeps the rest.
    async fn write(&mut self, line: Vec<u8>) -> Result<()> {
        if let Some(unpushed) = &mut self.unpushed {
            return unpushed.append(line).await;
        }
        let place = self.chain.length;
        let Some(rest) = &self.rest else { return self.log.append(place, line).await };
        match self.log.append(place, line.clone()).await {
            Err(error) if error.kind != ErrorKind::Locked => {
                let mut unpushed = Unpushed::begin(rest, self.header.run, place, error).await?;
                unpushed.append(line).await?;
                self.unpushed = Some(unpushed);
                Ok(())
            }
            answered => answered,
        }
    }

    /// Writes entries down: one write and one sync for all of them. They are durable when this answers.
    ///
    /// # Errors
    /// When they cannot be written; then none of them counts.
    pub async fn append(&mut self, entries: Vec<Entry>) -> Result<()> {
        let out: Vec<EntryOut<'_>> = entries.iter().map(|entry| EntryOut::new(entry, &self.key)).collect();
        let text = serde_json::to_vec(&out)
            .map_err(|error| Error::failed(format!("the journal cannot be written: {error}")))?;
        drop(out);
        let (line, chain) = self.lines.line(&self.chain, &text)?;
        self.write(line).await?;
        self.chain = chain;
        for entry in entries {
            self.header.learn(&entry);
            self.fold.take(entry);
        }
        Ok(())
    }
}

/// A state with the entries of a journal taken in, and the actions that are still open.
#[derive(Debug, Clone)]
pub(crate) struct Fold {
    /// The state.
    pub state: State,
    /// What was started and has not ended.
    pub open: BTreeMap<Address, Interrupted>,
    /// What became of each action that ended, as long as the run has not.
    pub ledger: Vec<LedgerEntry>,
    /// How and when the run ended, if it did.
    pub finished: Option<(Timestamp, RunOutcome)>,
}

impl Fold {
    fn new(state: State) -> Self {
        Self { state, open: BTreeMap::new(), ledger: Vec::new(), finished: None }
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Before(actions) => {
                self.open.extend(actions.into_iter().map(|action| (action.address.clone(), action)));
            }
            Entry::After { address, id, operation, record, outcome, millis } => {
                self.open.remove(&address);
                self.ledger.push(LedgerEntry { address: address.clone(), id, operation, outcome, millis });
                self.set(address, record);
            }
            Entry::Refreshed(records) => records.into_iter().for_each(|(address, record)| self.set(address, record)),
            Entry::Outputs(outputs) => self.state.outputs = outputs,
            // The header has them.
            Entry::Inputs(_) => {}
            Entry::Rebased { lineage, serial, engines } => {
                self.state =
                    State { lineage, serial, engines, ..std::mem::replace(&mut self.state, State::new(lineage)) };
            }
            Entry::Finished { at, outcome } => {
                // The outcome has it whole.
                self.ledger = Vec::new();
                self.finished = Some((at, outcome));
            }
        }
    }

    /// The state that a run ends in: it counts as a new one if the run changed something.
    pub(crate) fn ended(&self, header: &RunHeader) -> State {
        let changed = self.finished.as_ref().is_some_and(|(_, outcome)| outcome.changed);
        let mut state = self.state.clone();
        if changed {
            state.serial = state.serial.saturating_add(1);
            env!("CARGO_PKG_VERSION").clone_into(&mut state.version);
            state.engines.extend(header.engines.clone());
        }
        state
    }

    fn set(&mut self, address: Address, record: Option<Arc<Record>>) {
        match record {
            Some(record) => self.state.records.insert(address, record),
            None => self.state.records.remove(&address),
        };
    }
}

/// A journal that was read back.
pub(crate) struct ReadBack {
    /// Its run.
    pub header: RunHeader,
    /// The state with its entries taken in.
    pub fold: Fold,
    /// Whether it holds nothing but its header: then nothing had been started.
    pub bare: bool,
    chain: Chain,
}

/// The whole lines of a journal; `None` if there is damage before its last one.
pub(super) fn whole(bytes: &[u8]) -> Option<&[u8]> {
    frames::whole(PURPOSE, bytes)
}

/// Reads a journal. A last line that was cut off does not count where `tolerance` says so; anything else that is not as it was
/// written is refused.
/// `None` when not even the header is whole: then nothing had been started.
///
/// # Errors
/// Damage before the last line, a newer format, or a key that does not open what is sealed.
pub(crate) fn read(
    bytes: &[u8],
    base: impl FnOnce(&RunHeader) -> State,
    seal: &dyn Seal,
    lines: &Lines,
    tolerance: Tolerance,
    place: &str,
) -> Result<Option<ReadBack>> {
    let damaged = |line: usize| {
        Error::failed(format!("the journal {place} is damaged at line {line}"))
            .with_hint("put it back from a backup; removing it forgets what the interrupted run did")
    };
    let frames = frames::read(PURPOSE, bytes, tolerance).map_err(damaged)?;
    let opened = lines.open(PURPOSE, &frames.contents, place)?;
    let Some((first, rest)) = opened.split_first() else { return Ok(None) };
    let mut header: RunHeader = serde_json::from_slice(first).map_err(|_| {
        let version = serde_json::from_slice::<Versioned>(first).map(|v| v.format_version).unwrap_or_default();
        match version > JOURNAL_FORMAT_VERSION {
            true => super::envelope::newer("journal", place, version, JOURNAL_FORMAT_VERSION),
            false => damaged(1),
        }
    })?;
    let mut fold = Fold::new(base(&header));
    let reader = Reader::new(seal);
    for (index, text) in rest.iter().enumerate() {
        let entries: Vec<EntryIn<'_>> = serde_json::from_slice(text).map_err(|_| damaged(index + 2))?;
        for entry in entries {
            let entry = entry.entry(&reader, seal).map_err(|error| {
                let why = words(&error);
                Error::failed(format!("the journal {place} cannot be read at line {}: {why}", index + 2))
            })?;
            header.learn(&entry);
            fold.take(entry);
        }
    }
    Ok(Some(ReadBack { header, fold, bare: rest.is_empty(), chain: frames.chain }))
}

#[derive(Deserialize)]
struct Versioned {
    format_version: u32,
}

#[derive(Serialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum EntryOut<'a> {
    Before {
        actions: Vec<ActionOut<'a>>,
    },
    After {
        address: &'a Address,
        id: ResourceId,
        operation: Operation,
        #[serde(skip_serializing_if = "Option::is_none")]
        record: Option<Box<RecordOut<'a>>>,
        outcome: &'a Outcome,
        millis: u64,
    },
    Refreshed {
        records: Vec<(&'a Address, Option<RecordOut<'a>>)>,
    },
    Outputs {
        outputs: BTreeMap<&'a str, deployctl_sdk::value::Tagged<'a>>,
    },
    Inputs {
        inputs: Option<Digest>,
        files: &'a BTreeMap<String, Digest>,
    },
    Rebased {
        lineage: Lineage,
        serial: u64,
        engines: &'a BTreeMap<String, String>,
    },
    Finished {
        at: Timestamp,
        outcome: &'a RunOutcome,
    },
}

#[derive(Serialize)]
struct ActionOut<'a> {
    address: &'a Address,
    id: ResourceId,
    #[serde(rename = "type")]
    type_name: &'a str,
    provider: ProviderOut<'a>,
    operation: Operation,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<deployctl_sdk::value::Tagged<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prior: Option<RecordOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<RecordOut<'a>>,
}

impl<'a> EntryOut<'a> {
    fn new(entry: &'a Entry, seal: &'a dyn Seal) -> Self {
        match entry {
            Entry::Before(actions) => {
                Self::Before { actions: actions.iter().map(|action| ActionOut::new(action, seal)).collect() }
            }
            Entry::After { address, id, operation, record, outcome, millis } => Self::After {
                address,
                id: *id,
                operation: *operation,
                record: record.as_ref().map(|record| Box::new(RecordOut::new(record, seal))),
                outcome,
                millis: *millis,
            },
            Entry::Refreshed(records) => {
                let record =
                    |record: &'a Option<Arc<Record>>| record.as_ref().map(|record| RecordOut::new(record, seal));
                Self::Refreshed { records: records.iter().map(|(address, r)| (address, record(r))).collect() }
            }
            Entry::Outputs(outputs) => Self::Outputs { outputs: outputs_out(outputs, seal) },
            Entry::Inputs(KeptInputs { inputs, files }) => Self::Inputs { inputs: *inputs, files },
            Entry::Rebased { lineage, serial, engines } => {
                Self::Rebased { lineage: *lineage, serial: *serial, engines }
            }
            Entry::Finished { at, outcome } => Self::Finished { at: *at, outcome },
        }
    }
}

impl<'a> ActionOut<'a> {
    fn new(action: &'a Interrupted, seal: &'a dyn Seal) -> Self {
        Self {
            address: &action.address,
            id: action.id,
            type_name: &action.type_name,
            provider: ProviderOut::new(&action.provider, seal),
            operation: action.operation,
            identity: action.identity.as_ref().map(|identity| deployctl_sdk::value::Tagged::new(identity, seal)),
            prior: action.prior.as_ref().map(|record| RecordOut::new(record, seal)),
            planned: action.planned.as_ref().map(|record| RecordOut::new(record, seal)),
        }
    }
}

/// An entry as it was read. Its members depend on its kind; they are read from the raw text, because a tagged enum cannot
/// borrow raw values.
struct EntryIn<'de>(&'de RawValue);

impl<'de> Deserialize<'de> for EntryIn<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Self)
    }
}

#[derive(Deserialize)]
struct KindIn {
    entry: String,
}

#[derive(Deserialize)]
struct BeforeIn<'r> {
    #[serde(borrow)]
    actions: Vec<ActionIn<'r>>,
}

#[derive(Deserialize)]
struct AfterIn<'r> {
    address: Address,
    id: ResourceId,
    operation: Operation,
    #[serde(borrow)]
    record: Option<RecordIn<'r>>,
    outcome: Outcome,
    millis: u64,
}

#[derive(Deserialize)]
struct RefreshedIn<'r> {
    #[serde(borrow)]
    records: Vec<(Address, Option<RecordIn<'r>>)>,
}

#[derive(Deserialize)]
struct OutputsIn<'r> {
    #[serde(borrow)]
    outputs: BTreeMap<String, &'r RawValue>,
}

#[derive(Deserialize)]
struct InputsIn {
    inputs: Option<Digest>,
    files: BTreeMap<String, Digest>,
}

#[derive(Deserialize)]
struct RebasedIn {
    lineage: Lineage,
    serial: u64,
    engines: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct FinishedIn {
    at: Timestamp,
    outcome: RunOutcome,
}

#[derive(Deserialize)]
struct ActionIn<'r> {
    address: Address,
    id: ResourceId,
    #[serde(rename = "type")]
    type_name: String,
    #[serde(borrow)]
    provider: ProviderIn<'r>,
    operation: Operation,
    #[serde(borrow)]
    identity: Option<&'r RawValue>,
    #[serde(borrow)]
    prior: Option<RecordIn<'r>>,
    #[serde(borrow)]
    planned: Option<RecordIn<'r>>,
}

impl<'de> EntryIn<'de> {
    fn entry(&self, reader: &Reader<'_>, seal: &dyn Seal) -> Result<Entry, serde_json::Error> {
        let text = self.0.get();
        let kind: KindIn = serde_json::from_str(text)?;
        let record = |record: Option<RecordIn<'de>>| record.map(|record| reader.record(record)).transpose();
        match kind.entry.as_str() {
            "before" => {
                let read: BeforeIn<'de> = serde_json::from_str(text)?;
                let action = |action: ActionIn<'de>| {
                    let identity = action.identity.map(|raw| TaggedSeed::new(seal).read(raw.get().as_bytes()));
                    Ok(Interrupted {
                        address: action.address,
                        id: action.id,
                        type_name: action.type_name.into(),
                        provider: reader.provider(&action.provider)?,
                        operation: action.operation,
                        identity: identity.transpose()?,
                        prior: record(action.prior)?,
                        planned: record(action.planned)?,
                    })
                };
                read.actions.into_iter().map(action).collect::<Result<_, serde_json::Error>>().map(Entry::Before)
            }
            "after" => {
                let read: AfterIn<'de> = serde_json::from_str(text)?;
                Ok(Entry::After {
                    address: read.address,
                    id: read.id,
                    operation: read.operation,
                    record: record(read.record)?.map(Arc::new),
                    outcome: read.outcome,
                    millis: read.millis,
                })
            }
            "refreshed" => {
                let read: RefreshedIn<'de> = serde_json::from_str(text)?;
                let records = read.records.into_iter().map(|(address, raw)| Ok((address, record(raw)?.map(Arc::new))));
                records.collect::<Result<_, serde_json::Error>>().map(Entry::Refreshed)
            }
            "outputs" => {
                let read: OutputsIn<'de> = serde_json::from_str(text)?;
                reader.outputs(read.outputs).map(Entry::Outputs)
            }
            "inputs" => {
                let InputsIn { inputs, files } = serde_json::from_str(text)?;
                Ok(Entry::Inputs(KeptInputs { inputs, files }))
            }
            "rebased" => {
                let RebasedIn { lineage, serial, engines } = serde_json::from_str(text)?;
                Ok(Entry::Rebased { lineage, serial, engines })
            }
            "finished" => {
                let FinishedIn { at, outcome } = serde_json::from_str(text)?;
                Ok(Entry::Finished { at, outcome })
            }
            other => Err(serde::de::Error::custom(format!("unknown entry `{other}`"))),
        }
    }
}
