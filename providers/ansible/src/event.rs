//! What the callback plugin says, as data.

use std::collections::BTreeMap;

use deployctl_sdk::Value;
use serde::Deserialize;

/// One line.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The plugin was loaded.
    Start {
        /// The version of the events.
        protocol: u64,
        /// Ansible's own version.
        version: String,
    },
    /// A play begins.
    Play {
        /// Its name, or its pattern of hosts.
        name: String,
    },
    /// No host matches the play that began last.
    NoHosts,
    /// A task begins.
    Task {
        /// Its name, with its role's.
        name: String,
    },
    /// A task ended on a host.
    Result(TaskResult),
    /// The playbook ended.
    Stats {
        /// The counts of each host.
        hosts: BTreeMap<String, Counts>,
        /// What was exported for the whole run.
        facts: BTreeMap<String, Fact>,
        /// What was exported host by host.
        host_facts: BTreeMap<String, BTreeMap<String, Fact>>,
    },
}

/// How a task ended on a host.
#[derive(Clone, Deserialize)]
pub(crate) struct TaskResult {
    /// The host.
    pub(crate) host: String,
    /// The task's name, with its role's.
    pub(crate) task: String,
    /// The task's place among all that were begun.
    pub(crate) number: usize,
    /// How it ended.
    pub(crate) status: TaskStatus,
    /// Whether something was changed, or would have been.
    pub(crate) changed: bool,
    /// Whether the playbook wants its failure ignored.
    pub(crate) ignored: bool,
    /// Whether `no_log` hides what it did.
    pub(crate) hidden: bool,
    /// Why a check run cannot foresee what it does.
    pub(crate) unpredictable: Option<String>,
    /// What is different.
    pub(crate) diffs: Vec<Difference>,
    /// What went wrong.
    pub(crate) message: String,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskStatus {
    /// It was done, or had nothing to do.
    Ok,
    /// It failed.
    Failed,
    /// Its condition did not hold, or a check run cannot do it.
    Skipped,
    /// The host could not be reached.
    Unreachable,
}

/// One thing that a task changes.
#[derive(Clone, Deserialize)]
pub(crate) struct Difference {
    /// What it is: a path, a name.
    pub(crate) label: String,
    /// What is there.
    pub(crate) before: Value,
    /// What will be there.
    pub(crate) after: Value,
}

/// What a host was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Counts {
    /// Tasks that were done.
    pub(crate) ok: u64,
    /// Those of them that changed something.
    pub(crate) changed: u64,
    /// Tasks that failed, for good.
    pub(crate) failures: u64,
    /// Tasks for which it could not be reached.
    pub(crate) unreachable: u64,
    /// Tasks that were left out.
    pub(crate) skipped: u64,
}

/// One value that a playbook exports.
#[derive(Deserialize)]
pub(crate) struct Fact {
    /// The value.
    pub(crate) value: Value,
    /// Whether it is sensitive.
    pub(crate) hidden: bool,
}
