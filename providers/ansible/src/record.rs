//! What is noted about the last run, beside the attributes.

use std::collections::BTreeMap;

use deployctl_sdk::{CapturedFile, ChildObject, Object, ResourceSchema, Value, default_plan};

use crate::capture;
use crate::config::with;
use crate::secrets;
use crate::tally::{Ended, Tally};

/// The hosts on which the last run did not come to its end, Ansible's version, and what was secret before.
const UNFINISHED: &str = "unfinished";
const VERSION: &str = "version";
const FORMER: &str = "former_secrets";

/// The object after a run that did something.
pub(crate) fn after_run(
    schema: &ResourceSchema,
    config: &Value,
    captured: &[CapturedFile],
    prior: Option<&Object>,
    tally: &Tally,
    came_to_its_end: bool,
) -> Object {
    let hosts = tally.hosts();
    let attributes = with(
        &default_plan::planned_new(schema, config),
        [
            ("source_digest", Value::from(capture::digest(captured))),
            ("facts", Value::from(tally.facts.clone())),
            ("host_facts", Value::from(tally.host_facts.clone())),
            ("hosts", results(&hosts, tally)),
        ],
    );
    let mut unfinished: Vec<String> = failed(&hosts).map(|(host, _)| tally.shown(host)).collect();
    if unfinished.is_empty() && !came_to_its_end {
        unfinished.push("its tasks".to_owned());
    }
    let version = tally.version.as_deref().map_or(Value::Null, Value::from);
    let unfinished = Value::list(unfinished.into_iter().map(Value::from));
    let private = Value::map([(UNFINISHED, unfinished), (VERSION, version), (FORMER, secrets::former(prior))]);
    let children = hosts.iter().map(|(host, ended)| ChildObject {
        kind: "host".to_owned(),
        name: tally.shown(host),
        state: ended.state(),
    });
    Object { attributes, private, children: children.collect(), captured: captured.to_vec() }
}

/// The object when an interrupted run may have done some of it: the next one goes on.
pub(crate) fn interrupted(object: &Object) -> Object {
    let left = Value::list([Value::from("an interrupted run")]);
    Object { private: with(&object.private, [(UNFINISHED, left)]), ..object.clone() }
}

/// What the last run did not finish, in words; nothing when it finished everything.
pub(crate) fn unfinished(object: &Object) -> Option<String> {
    let left = object.private.get(UNFINISHED).and_then(Value::as_list).unwrap_or_default();
    let left: Vec<&str> = left.iter().filter_map(Value::as_str).collect();
    (!left.is_empty()).then(|| left.join(", "))
}

/// The version of Ansible that ran it last.
pub(crate) fn version(object: &Object) -> Option<&str> {
    object.private.get(VERSION)?.as_str()
}

/// The hosts on which not all went well.
pub(crate) fn failed(hosts: &BTreeMap<String, Ended>) -> impl Iterator<Item = (&String, &Ended)> {
    hosts.iter().filter(|(_, ended)| !ended.is_ok())
}

/// The results by host; sensitive as a whole where a host's name is.
fn results(hosts: &BTreeMap<String, Ended>, tally: &Tally) -> Value {
    let secret = hosts.keys().any(|host| tally.shown(host) != *host);
    Value::map(hosts.iter().map(|(host, ended)| (host.as_str(), ended.value()))).with_mark(secret)
}
