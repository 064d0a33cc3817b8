//! What a plan says of one resource.

use serde::{Deserialize, Serialize};

use crate::diff::Diff;
use crate::value::{AttrPath, Value};

/// What is to be done with one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// Read again, changing nothing real.
    Read,
    /// Make it.
    Create,
    /// Change it where it stands.
    Update,
    /// Make a new one in the place of the old one.
    Replace(ReplaceOrder),
    /// Remove it.
    Delete,
    /// Stop managing it, and leave the real thing alone.
    Forget,
    /// Not decidable yet: it will be planned in the middle of the apply.
    Deferred,
}

/// Which comes first in a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplaceOrder {
    /// The old one goes before the new one comes.
    DeleteFirst,
    /// The new one comes before the old one goes (`create_before_destroy`).
    CreateFirst,
}

impl Action {
    /// The symbol in front of it in a plan; Terraform's, and `?` for what is deferred.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::NoOp => " ",
            Self::Read => "<=",
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace(ReplaceOrder::DeleteFirst) => "-/+",
            Self::Replace(ReplaceOrder::CreateFirst) => "+/-",
            Self::Delete => "-",
            Self::Forget => ".",
            Self::Deferred => "?",
        }
    }

    /// The word for it in documents and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoOp => "no-op",
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace(_) => "replace",
            Self::Delete => "delete",
            Self::Forget => "forget",
            Self::Deferred => "deferred",
        }
    }
}

/// Why an action is planned, for programs to match on. The text for people is made from it in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// Everything is as configured.
    UpToDate,
    /// It is in the configuration and not in the state.
    New,
    /// It is recorded, and the real thing is gone.
    Missing,
    /// Its configuration changed.
    Changed,
    /// It was changed outside deployctl, and is put back.
    Drifted,
    /// Attributes changed that cannot be changed in place.
    CannotUpdate {
        /// Those attributes.
        attributes: Vec<AttrPath>,
    },
    /// An earlier run left it half made.
    Tainted,
    /// `--replace` asked for it.
    Requested,
    /// Something in its `replace_triggered_by` changes.
    TriggeredBy {
        /// What it names.
        reference: String,
    },
    /// It is not in the configuration any more.
    NotConfigured,
    /// Its `count` or `for_each` has this key no longer.
    KeyGone,
    /// `destroy` asked for it.
    Destroy,
    /// What is left of an earlier replacement that did not finish.
    Deposed,
    /// It was not healthy when it was last looked at.
    Unhealthy,
    /// An earlier run was interrupted in the middle of it.
    Interrupted,
    /// It cannot be decided before something else was applied.
    DependsOn {
        /// What it waits for, in words.
        what: String,
    },
    /// The provider's own reason.
    Other {
        /// In words.
        text: String,
    },
}

/// Something a person would want to know before saying yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// What sort of risk.
    pub kind: RiskKind,
    /// In words, for this case.
    pub text: String,
}

/// What sort of risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskKind {
    /// Data is lost that deployctl cannot bring back.
    DataLoss,
    /// A service does not answer for a while.
    Interrupts,
    /// Others find it at another place, or not at all.
    Exposure,
    /// What will happen cannot be known beforehand.
    Unpredictable,
    /// It is protected, by `prevent_destroy` or by its provider: the plan is refused before anything is done.
    Protected,
}

/// A part of a resource that is shown for itself: a Compose service, a Kubernetes object, a task on a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Child {
    /// What the engine calls its kind.
    pub kind: String,
    /// What the engine calls it.
    pub name: String,
    /// What will be done with it.
    pub action: Action,
    /// Why, in the engine's terms; may be empty.
    pub reason: String,
    /// What will be different.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diffs: Vec<Diff>,
}

/// A remark that is neither a change nor a risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Note(pub String);

/// What must have been said beforehand for a plan to be carried out that was made in the middle of an apply, where nobody
/// looks at it. It means nothing for a plan that is shown before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unseen {
    /// The rule for every resource: it may do what neither deletes, replaces nor is at risk.
    #[default]
    ByRisk,
    /// Nothing more: the configuration allows it.
    Allowed,
    /// That the run needs no confirmation (`--auto-approve`).
    IfAutoApproved,
    /// That deferred actions may delete and replace (`--approve-deferred`).
    IfDeferredApproved,
}

/// A provider's plan for one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedChange {
    /// What is to be done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// The attributes after apply, as far as they are known. What is known here is a promise.
    pub planned: Value,
    /// From what is really there to what is planned.
    pub diffs: Vec<Diff>,
    /// From what was recorded to what is really there.
    pub drift: Vec<Diff>,
    /// The parts, with what happens to each.
    pub children: Vec<Child>,
    /// What a person would want to know.
    pub risks: Vec<Risk>,
    /// Remarks.
    pub notes: Vec<Note>,
    /// The engine's own plan, which apply will use as it is. It rests only as ciphertext.
    pub artefact: Option<Vec<u8>>,
    /// What it takes to carry it out unseen.
    pub unseen: Unseen,
}

impl PlannedChange {
    /// Nothing to do.
    pub fn no_op(attributes: Value) -> Self {
        Self::new(Action::NoOp, Reason::UpToDate, attributes)
    }

    /// A plan with no more than an action, a reason and a result.
    pub fn new(action: Action, reason: Reason, planned: Value) -> Self {
        Self {
            action,
            reason,
            planned,
            diffs: Vec::new(),
            drift: Vec::new(),
            children: Vec::new(),
            risks: Vec::new(),
            notes: Vec::new(),
            artefact: None,
            unseen: Unseen::default(),
        }
    }
}
