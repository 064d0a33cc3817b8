//! What a configuration says beside the objects themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use deployctl_sdk::{AttrPath, ProviderError, Value, duration};

use crate::id::Id;
use crate::ready::WaitFor;

/// How long objects may take where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The options of a resource, all known.
#[derive(Clone)]
pub(crate) struct Options {
    /// The namespace of objects that name none.
    pub namespace: Option<String>,
    /// Labels for objects that have none of that name.
    pub labels: BTreeMap<String, String>,
    /// Annotations for objects that have none of that name.
    pub annotations: BTreeMap<String, String>,
    /// Whether fields of other managers are taken.
    pub force_conflicts: bool,
    /// Whether objects are waited for.
    pub wait: bool,
    /// How long.
    pub timeout: Duration,
    /// Whether a plan may be made without the cluster.
    pub offline: bool,
    wait_for: Vec<(String, WaitFor)>,
}

impl Options {
    /// Reads them from a configuration or from recorded attributes.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn of(config: &Value) -> Result<Self, Vec<ProviderError>> {
        let mut problems = Vec::new();
        let timeout = duration::at(config, &AttrPath::of("timeout")).unwrap_or_else(|error| {
            problems.push(error);
            None
        });
        let mut wait_for = Vec::new();
        for (named, path, text) in expressions(config) {
            match WaitFor::parse(text) {
                Ok(expression) => wait_for.push((named, expression)),
                Err(error) => problems.push(ProviderError { attribute: Some(path), ..error }),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let truth = |name: &str| config.get(name).and_then(Value::as_bool).unwrap_or(false);
        Ok(Self {
            namespace: config.get("namespace").and_then(Value::as_str).map(str::to_owned),
            labels: texts(config, "labels"),
            annotations: texts(config, "annotations"),
            force_conflicts: truth("force_conflicts"),
            wait: config.get("wait").and_then(Value::as_bool).unwrap_or(true),
            timeout: timeout.unwrap_or(TIMEOUT),
            offline: truth("offline"),
            wait_for,
        })
    }

    /// What an object must meet beside what its kind says.
    pub(crate) fn conditions_of<'o>(&'o self, id: &'o Id) -> impl Iterator<Item = &'o WaitFor> {
        let is_meant = move |named: &str| match named.split_once('/') {
            Some((kind, name)) => kind == id.kind && name == id.name,
            None => named.is_empty() || named == id.kind,
        };
        self.wait_for.iter().filter(move |(named, _)| is_meant(named)).map(|(_, condition)| condition)
    }
}

/// The expressions of `wait_for`: what they are for (nothing for the only object), where they stand, and their text.
fn expressions(config: &Value) -> Vec<(String, AttrPath, &str)> {
    let path = AttrPath::of("wait_for");
    match config.get("wait_for") {
        Some(value) => match (value.as_str(), value.as_map()) {
            (Some(text), _) => vec![(String::new(), path, text)],
            (None, Some(members)) => members
                .iter()
                .filter_map(|(named, text)| Some((named.to_string(), path.key(named.clone()), text.as_str()?)))
                .collect(),
            _ => Vec::new(),
        },
        None => Vec::new(),
    }
}

fn texts(config: &Value, name: &str) -> BTreeMap<String, String> {
    let members = config.get(name).and_then(Value::as_map);
    members
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_owned())))
        .collect()
}
