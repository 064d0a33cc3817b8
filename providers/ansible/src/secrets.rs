//! What must not be seen of a configuration, and where it may not stand.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deployctl_sdk::mask::Mask;
use deployctl_sdk::{AttrPath, Object, ProviderError, Value};

use crate::config::ARGUMENTS;

/// How many texts that were secret once are remembered; the newest come first.
const FORMER: usize = 100;

/// A mask for everything sensitive in a configuration and in what was recorded of the run before, as it is and as a template
/// may encode it. What was secret then is still on the hosts, and stands in a difference as what was there before.
pub(crate) fn mask(config: &Value, recorded: Option<&Object>) -> Mask {
    let mut found = Vec::new();
    collect(config, false, &mut found);
    if let Some(recorded) = recorded {
        collect(&recorded.attributes, false, &mut found);
        collect(&recorded.private, false, &mut found);
    }
    let encoded: Vec<String> =
        found.iter().flat_map(|text| [STANDARD.encode(text), STANDARD.encode(format!("{text}\n"))]).collect();
    found.extend(encoded);
    Mask::new(&found)
}

/// What was secret before this run, for the record: where it failed, was cancelled or was limited to some hosts, others still
/// have what earlier runs made.
pub(crate) fn former(recorded: Option<&Object>) -> Value {
    let mut found = Vec::new();
    if let Some(recorded) = recorded {
        collect(&recorded.attributes, false, &mut found);
        collect(&recorded.private, false, &mut found);
    }
    let mut seen = BTreeSet::new();
    found.retain(|text| seen.insert(text.clone()));
    found.truncate(FORMER);
    Value::list(found.into_iter().map(|text| Value::from(text).into_sensitive()))
}

fn collect(value: &Value, sensitive: bool, found: &mut Vec<String>) {
    match value {
        Value::Sensitive(inner) => collect(inner, true, found),
        Value::List(items) => items.iter().for_each(|item| collect(item, sensitive, found)),
        Value::Map(members) => members.values().for_each(|member| collect(member, sensitive, found)),
        // Shorter ones would be found in everything once they are encoded.
        Value::String(text) if sensitive && text.len() >= 4 => found.push(text.to_string()),
        Value::Number(number) if sensitive => {
            let text = number.to_string();
            if text.len() >= 4 {
                found.push(text);
            }
        }
        _ => {}
    }
}

/// Complaints about sensitive values in attributes that stand on a command line.
pub(crate) fn in_arguments(config: &Value) -> impl Iterator<Item = ProviderError> {
    let sensitive = |name: &&str| config.get(name).is_some_and(Value::contains_sensitive);
    let mut names: Vec<&'static str> = ARGUMENTS.iter().copied().filter(sensitive).collect();
    // A path, or paths; a map is written to a private file.
    let inventory = config.get("inventory");
    if inventory.is_some_and(|inventory| inventory.as_map().is_none() && inventory.contains_sensitive()) {
        names.push("inventory");
    }
    names.into_iter().map(|name| {
        let message = format!("`{name}` is sensitive, and would stand on Ansible's command line for everybody to read");
        ProviderError::invalid(AttrPath::of(name), message).with_hint("pass it in `extra_vars` instead")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_as_they_are_and_encoded() {
        let config = Value::map([("extra_vars", Value::map([("p", Value::from("hunter2!").into_sensitive())]))]);
        let mask = mask(&config, None);
        assert_eq!(mask.apply("hunter2!"), "(sensitive value)");
        assert_eq!(mask.apply(&STANDARD.encode("hunter2!")), "(sensitive value)");
        assert_eq!(mask.apply(&STANDARD.encode("hunter2!\n")), "(sensitive value)");
    }
}
