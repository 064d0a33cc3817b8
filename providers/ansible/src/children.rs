//! What a check run foresees, as parts of a plan: a task on a host, with its differences.

use std::collections::{BTreeMap, BTreeSet};

use deployctl_sdk::{Action, AttrPath, Child, Diff, Value, diff};

use crate::event::{Difference, TaskResult, TaskStatus};
use crate::tally::Tally;

/// How many tasks or hosts are named before the rest is counted.
const NAMED: usize = 10;

/// What a check run foresees.
pub(crate) struct Foreseen {
    /// Every task on every host that was looked at.
    pub(crate) children: Vec<Child>,
    /// The tasks that would change something, or that failed for no reason that a check run explains.
    pub(crate) changes: Vec<(String, String)>,
    /// `N tasks unpredictable: …`, where there are any.
    pub(crate) unpredictable: Option<String>,
    /// Tasks that failed, in words.
    pub(crate) failures: Vec<String>,
    /// Hosts that cannot be reached, in words.
    pub(crate) unreachable: Vec<String>,
    /// Whether not one host can be reached.
    pub(crate) nobody_answers: bool,
    /// Plays without a host.
    pub(crate) without_hosts: Vec<String>,
    /// Ansible's version.
    pub(crate) version: Option<String>,
}

/// Reads a check run.
pub(crate) fn foresee(tally: &Tally) -> Foreseen {
    let mut results: Vec<&TaskResult> = tally.results.iter().collect();
    results.sort_by(|a, b| (a.number, &a.host).cmp(&(b.number, &b.host)));
    let mut foreseen = Foreseen {
        children: Vec::new(),
        changes: Vec::new(),
        unpredictable: None,
        failures: Vec::new(),
        unreachable: Vec::new(),
        nobody_answers: false,
        without_hosts: tally.without_hosts.clone(),
        version: tally.version.clone(),
    };
    let mut in_doubt: BTreeSet<&str> = BTreeSet::new();
    let mut unpredictable = Vec::new();
    for result in results {
        let host = tally.shown(&result.host);
        let what = format!("{host}: {}", result.task);
        if let Some(why) = &result.unpredictable {
            in_doubt.insert(&result.host);
            unpredictable.push(format!("{what} ({why})"));
        }
        match result.status {
            TaskStatus::Unreachable => foreseen.unreachable.push(format!("{host}: {}", first_line(&result.message))),
            TaskStatus::Failed if !result.ignored => {
                foreseen.failures.push(format!("{what}: {}", first_line(&result.message)));
                // What an unpredictable task would have made may be all that is missing.
                if !in_doubt.contains(&*result.host) {
                    foreseen.changes.push((host.clone(), result.task.clone()));
                }
            }
            _ if result.changed => foreseen.changes.push((host.clone(), result.task.clone())),
            _ => {}
        }
        foreseen.children.extend(child(what, result));
    }
    let count = unpredictable.len();
    let noun = if count == 1 { "task" } else { "tasks" };
    foreseen.unpredictable = (count > 0).then(|| format!("{count} {noun} unpredictable: {}", listed(&unpredictable)));
    let hosts = tally.hosts();
    foreseen.nobody_answers = !hosts.is_empty() && hosts.values().all(|ended| ended.is_unreachable());
    foreseen
}

/// Names, the first of many.
pub(crate) fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

pub(crate) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn child(name: String, result: &TaskResult) -> Option<Child> {
    let (action, reason) = match (result.status, &result.unpredictable) {
        (_, Some(why)) => (Action::Update, format!("unpredictable: {why}")),
        (TaskStatus::Unreachable, _) => (Action::Update, "cannot be reached".to_owned()),
        (TaskStatus::Failed, _) if !result.ignored => {
            (Action::Update, format!("failed in the check run: {}", first_line(&result.message)))
        }
        (TaskStatus::Skipped, _) => return None,
        _ if result.changed && result.hidden => (Action::Update, "hidden by no_log".to_owned()),
        _ if result.changed => (Action::Update, String::new()),
        _ => (Action::NoOp, String::new()),
    };
    let diffs = result.diffs.iter().flat_map(differences).collect();
    Some(Child { kind: "task".to_owned(), name, action, reason, diffs })
}

/// What is different in one thing: member by member where it is described so.
fn differences(difference: &Difference) -> Vec<Diff> {
    let path = AttrPath::of(difference.label.as_str());
    let something = |value: &Value| (!value.is_null()).then(|| value.clone());
    if let (Value::Map(_), Value::Map(_)) = (&difference.before, &difference.after) {
        let members = diff(&difference.before, &difference.after).into_iter();
        return members
            .map(|member| {
                let mut steps = path.0.clone();
                steps.extend(member.path.0.iter().cloned());
                Diff { path: AttrPath(steps), ..member }
            })
            .collect();
    }
    let (before, after) = (something(&difference.before), something(&difference.after));
    vec![Diff { path, before, after, forces_replacement: false }]
}

/// Drift: what a check run would change though nothing was changed here.
pub(crate) fn drift(changes: &[(String, String)]) -> Vec<Diff> {
    let mut tasks: BTreeMap<(&str, &str), ()> = BTreeMap::new();
    changes.iter().for_each(|(host, task)| _ = tasks.insert((host, task), ()));
    let diffs = tasks.into_keys().map(|(host, task)| Diff {
        path: AttrPath::of(host).key(task),
        before: Some(Value::from("as applied")),
        after: Some(Value::from("changed")),
        forces_replacement: false,
    });
    diffs.collect()
}
