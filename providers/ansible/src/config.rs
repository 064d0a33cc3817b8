//! A settled configuration, read attribute by attribute.

use deployctl_sdk::Value;

/// What only says how the playbook is run, or what is done when it goes: a change of these alone is recorded, and runs
/// nothing.
pub(crate) const ONLY_RECORDED: &[&str] =
    &["vault_password_file", "private_key_file", "forks", "destroy_playbook", "binary", "plan", "unreachable_retries"];

/// What a run leaves behind.
pub(crate) const RESULTS: &[&str] = &["facts", "host_facts", "hosts"];

/// Attributes that stand on the command line, where everybody on the machine can read them.
pub(crate) const ARGUMENTS: &[&str] = &[
    "playbook",
    "limit",
    "tags",
    "vault_password_file",
    "private_key_file",
    "become",
    "forks",
    "destroy_playbook",
    "collections_path",
    "binary",
];

/// A text attribute, revealed.
pub(crate) fn text(config: &Value, name: &str) -> Option<String> {
    config.get(name)?.as_str().map(str::to_owned)
}

/// A whole number attribute.
pub(crate) fn number(config: &Value, name: &str) -> Option<u64> {
    config.get(name)?.as_i64().and_then(|number| u64::try_from(number).ok())
}

/// The texts of a list attribute, revealed.
pub(crate) fn texts(config: &Value, name: &str) -> Vec<String> {
    let items = config.get(name).and_then(Value::as_list).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether it is planned by a check run.
pub(crate) fn is_checked(config: &Value) -> bool {
    text(config, "plan").as_deref() != Some("digest")
}

/// The attributes with some of them replaced.
pub(crate) fn with<'n>(attributes: &Value, replaced: impl IntoIterator<Item = (&'n str, Value)>) -> Value {
    let mut members = attributes.as_map().cloned().unwrap_or_default();
    members.extend(replaced.into_iter().map(|(name, value)| (name.into(), value)));
    Value::from(members)
}
