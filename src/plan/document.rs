//! The plan as data: what is shown, saved, approved and applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployctl_sdk::change::{Child, Note};
use deployctl_sdk::{
    Action, Address, CapturedFile, Diff, Digest, Lineage, Reason, ReplaceOrder, ResourceId, Risk, RiskKind, Value,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diagnostic::Position;
use crate::state::ProviderRef;

/// What a plan is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mode {
    /// Make everything as configured.
    Normal,
    /// Only bring the state up to what is really there.
    RefreshOnly,
    /// Remove everything.
    Destroy,
    /// Make everything as an earlier revision had it.
    Rollback {
        /// The serial of that revision.
        to: u64,
    },
}

/// A plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The version of deployctl that made it.
    pub version: String,
    /// When it was made.
    pub at: Timestamp,
    /// What it is for.
    pub mode: Mode,
    /// The environment.
    pub environment: Arc<str>,
    /// The state it was made against.
    pub lineage: Lineage,
    /// That state's serial; 0 where there was no state.
    pub serial: u64,
    /// Only these were planned (with what they depend on); empty means everything.
    pub targets: Vec<Address>,
    /// These were left out, with what depends on them.
    pub excludes: Vec<Address>,
    /// Whose engine's own plan a saved plan does not have, because a secret is in it: it is made again before anything is done.
    pub unkept: Vec<Address>,
    /// What is to be done, in the order of the dependencies; what stays as it is does not appear.
    pub changes: Vec<ResourceChange>,
    /// How many resources stay as they are.
    pub unchanged: usize,
    /// Remarks about resources that stay as they are.
    pub notes: Vec<(Address, Note)>,
    /// What was changed outside deployctl, where nothing is done about it.
    pub drift: Vec<(Address, Vec<Diff>)>,
    /// How outputs change.
    pub outputs: Vec<OutputChange>,
    /// Which changes can run side by side, as indices into `changes`: first wave first.
    pub waves: Vec<Vec<usize>>,
    /// How many resources were read, and in how many milliseconds.
    pub read: ReadCost,
    /// What an approval is bound to: the normalised actions, the inputs, lineage and environment.
    pub digest: Digest,
    /// The versions of the engines' programs that it was made with, by name.
    pub engines: BTreeMap<String, String>,
    /// Warnings about the configuration or the engines.
    pub warnings: Vec<String>,
}

/// What reading cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadCost {
    /// How many resources.
    pub resources: usize,
    /// Milliseconds.
    pub millis: u64,
}

/// What is to be done with one resource.
#[derive(Debug, Clone)]
pub struct ResourceChange {
    /// Where.
    pub address: Address,
    /// The record's identity, chosen at plan time for a creation.
    pub id: ResourceId,
    /// Its type.
    pub type_name: Arc<str>,
    /// Its provider and the settings that it is used with.
    pub provider: ProviderRef,
    /// What.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// What it waits for.
    pub dependencies: Vec<Address>,
    /// The attributes it will have; null for a deletion.
    pub planned: Value,
    /// From what is there to what is planned.
    pub diffs: Vec<Diff>,
    /// How many attributes stay as they are.
    pub unchanged_attributes: usize,
    /// Attributes of something new that will have their schema's default: they are among the differences, and say nothing
    /// of what was written.
    pub at_default: Vec<String>,
    /// From what was recorded to what is there.
    pub drift: Vec<Diff>,
    /// Its parts.
    pub children: Vec<Child>,
    /// What a person would want to know.
    pub risks: Vec<Risk>,
    /// Remarks.
    pub notes: Vec<Note>,
    /// The files it is made from.
    pub captured: Vec<CapturedFile>,
    /// The engine's own plan.
    pub artefact: Option<Arc<[u8]>>,
    /// Where the configuration declares it.
    pub position: Option<Position>,
}

impl ResourceChange {
    /// A change of which no more is to be said than this.
    pub fn bare(address: Address, id: ResourceId, provider: ProviderRef, action: Action, reason: Reason) -> Self {
        Self {
            type_name: address.type_name.clone(),
            address,
            id,
            provider,
            action,
            reason,
            dependencies: Vec::new(),
            planned: Value::Null,
            diffs: Vec::new(),
            unchanged_attributes: 0,
            at_default: Vec::new(),
            drift: Vec::new(),
            children: Vec::new(),
            risks: Vec::new(),
            notes: Vec::new(),
            captured: Vec::new(),
            artefact: None,
            position: None,
        }
    }
}

/// How an output changes.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputChange {
    /// Its name.
    pub name: Arc<str>,
    /// Its value now, if it has one.
    pub before: Option<Value>,
    /// Its value then, if it will have one.
    pub after: Option<Value>,
}

/// How many resources each action has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// To create.
    pub create: usize,
    /// To update.
    pub update: usize,
    /// To replace.
    pub replace: usize,
    /// To delete.
    pub delete: usize,
    /// To forget.
    pub forget: usize,
    /// To read.
    pub read: usize,
    /// To be planned in the middle of the apply.
    pub deferred: usize,
    /// As they are.
    pub unchanged: usize,
    /// What is done to the parts of those resources, where they have parts.
    #[serde(default, skip_serializing_if = "Nested::is_empty")]
    pub nested: Nested,
}

/// How many parts of resources each action has: nested resources, objects, services, tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nested {
    /// To create.
    pub create: usize,
    /// To update.
    pub update: usize,
    /// To replace.
    pub replace: usize,
    /// To delete.
    pub delete: usize,
    /// To be planned in the middle of the apply.
    #[serde(default, skip_serializing_if = "none")]
    pub deferred: usize,
}

/// Counts of what few plans have are written down only where there are any.
fn none(count: &usize) -> bool {
    *count == 0
}

impl Nested {
    /// Whether nothing is done to any part.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, action: Action) {
        match action {
            Action::Create => self.create += 1,
            Action::Update => self.update += 1,
            Action::Replace(_) => self.replace += 1,
            Action::Delete => self.delete += 1,
            Action::Deferred => self.deferred += 1,
            Action::NoOp | Action::Read | Action::Forget => {}
        }
    }
}

impl Plan {
    /// How many resources each action has.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary { unchanged: self.unchanged, ..Summary::default() };
        for change in &self.changes {
            change.children.iter().for_each(|child| summary.nested.add(child.action));
            match change.action {
                Action::NoOp => summary.unchanged += 1,
                Action::Read => summary.read += 1,
                Action::Create => summary.create += 1,
                Action::Update => summary.update += 1,
                Action::Replace(ReplaceOrder::DeleteFirst | ReplaceOrder::CreateFirst) => summary.replace += 1,
                Action::Delete => summary.delete += 1,
                Action::Forget => summary.forget += 1,
                Action::Deferred => summary.deferred += 1,
            }
        }
        summary
    }

    /// Whether applying it would change nothing, neither really nor in the state.
    pub fn is_empty(&self) -> bool {
        let refreshes = self.mode == Mode::RefreshOnly && !self.drift.is_empty();
        self.changes.is_empty() && self.outputs.is_empty() && !refreshes
    }

    /// All risks, with the addresses they belong to, the worst sort first.
    pub fn risks(&self) -> Vec<(&ResourceChange, &Risk)> {
        let mut risks: Vec<_> =
            self.changes.iter().flat_map(|change| change.risks.iter().map(move |risk| (change, risk))).collect();
        risks.sort_by_key(|(_, risk)| match risk.kind {
            RiskKind::DataLoss => 0,
            RiskKind::Protected => 1,
            RiskKind::Interrupts => 2,
            RiskKind::Exposure => 3,
            RiskKind::Unpredictable => 4,
        });
        risks
    }

    /// The settings that the plan uses a recorded provider with, where it uses it and they are known.
    pub fn present_settings(&self, recorded: &ProviderRef) -> Option<&ProviderRef> {
        self.changes.iter().map(|change| &change.provider).find(|provider| {
            provider.name == recorded.name && provider.alias == recorded.alias && !provider.settings.contains_unknown()
        })
    }

    /// The changes by address.
    pub fn by_address(&self) -> BTreeMap<&Address, &ResourceChange> {
        self.changes.iter().map(|change| (&change.address, change)).collect()
    }
}
