//! What a run came to, gathered event by event.

use std::collections::BTreeMap;

use deployctl_sdk::mask::Mask;
use deployctl_sdk::{Map, Value};

use crate::event::{Counts, Difference, Event, Fact, TaskResult, TaskStatus};

/// What a run came to, as far as it got.
#[derive(Default)]
pub(crate) struct Tally {
    mask: Mask,
    /// Ansible's version; nothing when the plugin was never loaded.
    pub(crate) version: Option<String>,
    /// The version of the events.
    pub(crate) protocol: Option<u64>,
    /// Every task on every host, in the order in which they ended.
    pub(crate) results: Vec<TaskResult>,
    /// How many plays began.
    pub(crate) plays: usize,
    /// The plays that no host matches.
    pub(crate) without_hosts: Vec<String>,
    /// The counts of each host; nothing while the playbook did not come to its end.
    pub(crate) counts: Option<BTreeMap<String, Counts>>,
    /// What was exported for the whole run.
    pub(crate) facts: Map,
    /// What was exported host by host.
    pub(crate) host_facts: Map,
    /// The first line that is no event.
    pub(crate) not_an_event: Option<String>,
    /// Whether a task began, that may have done some of its work although it never told of its end.
    pub(crate) began: bool,
    play: String,
}

impl Tally {
    /// Nothing yet; `mask` takes secrets out of every text that comes.
    pub(crate) fn new(mask: Mask) -> Self {
        Self { mask, ..Self::default() }
    }

    /// Takes in one line of the plugin. Answers what there is to say about it.
    pub(crate) fn take(&mut self, line: &str) -> Option<String> {
        match serde_json::from_str::<Event>(line) {
            Ok(event) => self.take_event(event),
            Err(_) => {
                let shown: String = self.mask.apply(line).chars().take(200).collect();
                self.not_an_event.get_or_insert(shown);
                None
            }
        }
    }

    fn take_event(&mut self, event: Event) -> Option<String> {
        match event {
            Event::Start { protocol, version } => {
                self.protocol = Some(protocol);
                self.version = Some(version);
                None
            }
            Event::Play { name } => {
                self.plays += 1;
                self.play = self.mask.apply(&name);
                Some(format!("play {}", self.play))
            }
            Event::NoHosts => {
                self.without_hosts.push(self.play.clone());
                None
            }
            Event::Task { name } => {
                self.began = true;
                Some(self.mask.apply(&name))
            }
            Event::Result(result) => {
                let result = self.masked(result);
                let said = progress(&self.shown(&result.host), &result);
                self.results.push(result);
                said
            }
            Event::Stats { hosts, facts, host_facts } => {
                self.counts = Some(hosts);
                self.facts = self.values(facts);
                self.host_facts = host_facts
                    .into_iter()
                    .map(|(host, facts)| (host.into(), Value::from(self.values(facts))))
                    .collect();
                None
            }
        }
    }

    fn masked(&self, result: TaskResult) -> TaskResult {
        let text = |text: &str| self.mask.apply(text);
        let diffs = result.diffs.iter().map(|diff| Difference {
            label: text(&diff.label),
            before: self.without_secrets(&diff.before),
            after: self.without_secrets(&diff.after),
        });
        TaskResult { task: text(&result.task), message: text(&result.message), diffs: diffs.collect(), ..result }
    }

    fn without_secrets(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::from(self.mask.apply(text)),
            Value::List(items) => Value::list(items.iter().map(|item| self.without_secrets(item))),
            Value::Map(members) => {
                Value::map(members.iter().map(|(key, value)| (self.mask.apply(key), self.without_secrets(value))))
            }
            other => other.clone(),
        }
    }

    /// Exported values; one that holds a secret is sensitive as a whole.
    fn values(&self, facts: BTreeMap<String, Fact>) -> Map {
        let facts = facts.into_iter().map(|(name, fact)| {
            let holds_secret = fact.hidden || self.without_secrets(&fact.value) != fact.value;
            (name.into(), fact.value.with_mark(holds_secret))
        });
        facts.collect()
    }

    /// A host's name as it may be shown: an inventory may be sensitive.
    pub(crate) fn shown(&self, host: &str) -> String {
        self.mask.apply(host)
    }

    /// Whether a task came to its end on any host.
    pub(crate) fn did_something(&self) -> bool {
        !self.results.is_empty()
    }

    /// How it ended on each host.
    pub(crate) fn hosts(&self) -> BTreeMap<String, Ended> {
        let mut hosts: BTreeMap<String, Ended> = BTreeMap::new();
        for result in &self.results {
            let ended = hosts.entry(result.host.clone()).or_default();
            ended.count(result);
        }
        for (host, counts) in self.counts.iter().flatten() {
            // Ansible knows which failures were rescued, and what was counted as what.
            hosts.insert(host.clone(), Ended::of(counts));
        }
        hosts
    }

    /// What went wrong on a host, in the words of its last failure.
    pub(crate) fn last_failure(&self, host: &str) -> Option<&TaskResult> {
        let of_host = self.results.iter().rev().filter(|result| result.host == host && !result.ignored);
        of_host.into_iter().find(|result| matches!(result.status, TaskStatus::Failed | TaskStatus::Unreachable))
    }

    /// Takes in a later run of some of the same hosts, whose results take the place of the earlier ones.
    pub(crate) fn followed_by(&mut self, later: Tally) {
        let mut counts = self.counts.take().unwrap_or_default();
        let finished = later.counts.is_some();
        counts.extend(later.hosts().into_iter().map(|(host, ended)| (host, ended.0)));
        self.counts = finished.then_some(counts);
        self.facts.extend(later.facts);
        self.host_facts.extend(later.host_facts);
        self.results.extend(later.results);
        self.not_an_event = self.not_an_event.take().or(later.not_an_event);
    }
}

/// How a run ended on one host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ended(Counts);

impl Ended {
    fn of(counts: &Counts) -> Self {
        Self(*counts)
    }

    fn count(&mut self, result: &TaskResult) {
        let counts = &mut self.0;
        match result.status {
            TaskStatus::Failed if result.ignored => counts.ok += 1,
            TaskStatus::Ok => counts.ok += 1,
            TaskStatus::Failed => counts.failures += 1,
            TaskStatus::Skipped => counts.skipped += 1,
            TaskStatus::Unreachable => counts.unreachable += 1,
        }
        counts.changed += u64::from(result.changed);
    }

    /// In a word.
    pub(crate) fn word(&self) -> &'static str {
        match self.0 {
            Counts { unreachable: 1.., .. } => "unreachable",
            Counts { failures: 1.., .. } => "failed",
            _ => "ok",
        }
    }

    /// Whether all went well.
    pub(crate) fn is_ok(&self) -> bool {
        self.word() == "ok"
    }

    /// Whether it could not be reached.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.0.unreachable > 0
    }

    /// As an attribute has it.
    pub(crate) fn value(&self) -> Value {
        let count = |count: u64| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
        Value::map([
            ("result", Value::from(self.word())),
            ("ok", count(self.0.ok)),
            ("changed", count(self.0.changed)),
            ("failed", count(self.0.failures)),
            ("skipped", count(self.0.skipped)),
        ])
    }

    /// In a few words, for `status`.
    pub(crate) fn state(&self) -> String {
        match self.word() {
            "ok" => format!("ok, {} changed", self.0.changed),
            word => word.to_owned(),
        }
    }
}

fn progress(host: &str, result: &TaskResult) -> Option<String> {
    let how = match result.status {
        TaskStatus::Unreachable => "cannot be reached",
        TaskStatus::Failed if result.ignored => "failed, which is ignored",
        TaskStatus::Failed => "failed",
        TaskStatus::Ok if result.changed => "changed",
        TaskStatus::Ok => "ok",
        TaskStatus::Skipped => return None,
    };
    Some(format!("{host}: {}: {how}", result.task))
}
