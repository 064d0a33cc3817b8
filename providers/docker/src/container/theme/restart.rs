//! What the engine does when the container ends by itself.

use bollard::models::{RestartPolicy, RestartPolicyNameEnum};
use deployctl_sdk::{Attribute, Type, Value};

use super::{Described, Draft, Facts};
use crate::attributes::text;

pub(crate) fn attributes() -> Vec<Attribute> {
    vec![Attribute::optional(
        "restart",
        Type::String,
        "What the engine does when it ends by itself: `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:N` for \
         at most N times.",
    )
    .with_default("no")]
}

/// Reads a policy; `None` if there is none of that name.
pub(crate) fn parse(text: &str) -> Option<RestartPolicy> {
    let (name, times) = text.split_once(':').map_or((text, None), |(name, times)| (name, Some(times)));
    let name = match name {
        "no" => RestartPolicyNameEnum::NO,
        "always" => RestartPolicyNameEnum::ALWAYS,
        "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
        "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
        _ => return None,
    };
    let times = match times {
        None => 0,
        Some(times) if name == RestartPolicyNameEnum::ON_FAILURE => {
            times.parse().ok().filter(|times: &i64| *times >= 0)?
        }
        Some(_) => return None,
    };
    Some(RestartPolicy { name: Some(name), maximum_retry_count: Some(times) })
}

/// The configured policy.
pub(crate) fn policy(config: &Value) -> RestartPolicy {
    let policy = text(config, "restart").and_then(|text| parse(&text));
    policy.unwrap_or(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: Some(0) })
}

pub(crate) fn request(config: &Value, draft: &mut Draft) {
    draft.host.restart_policy = Some(policy(config));
}

/// A policy in one word, the same for all ways to say it.
pub(crate) fn show(policy: Option<&RestartPolicy>) -> String {
    let times = policy.and_then(|policy| policy.maximum_retry_count).filter(|times| *times > 0);
    match (policy.and_then(|policy| policy.name), times) {
        (None | Some(RestartPolicyNameEnum::EMPTY | RestartPolicyNameEnum::NO), _) => "no".to_owned(),
        (Some(RestartPolicyNameEnum::ON_FAILURE), Some(times)) => format!("on-failure:{times}"),
        (Some(name), _) => name.to_string(),
    }
}

pub(crate) fn describe(facts: &Facts<'_>, described: &mut Described) {
    described.put_set("restart", Value::from(show(facts.host.restart_policy.as_ref())));
}
