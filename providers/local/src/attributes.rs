//! Reading settled configurations and putting attribute maps together, for all types of this provider alike.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deployctl_sdk::{AttrPath, ErrorKind, Map, ProviderError, ResourceSchema, Value, default_plan};

/// The attributes of a real object: what was configured, and `computed` for what the machine decided.
pub(crate) fn settled(schema: &ResourceSchema, config: &Value, computed: Vec<(&str, Value)>) -> Value {
    with(&default_plan::planned_new(schema, config), computed)
}

/// The map with some members replaced or added.
pub(crate) fn with(value: &Value, members: Vec<(&str, Value)>) -> Value {
    let mut map: Map = value.as_map().cloned().unwrap_or_default();
    for (name, member) in members {
        map.insert(name.into(), member);
    }
    Value::from(map)
}

/// A schema for planning in which the named computed attributes may be given by `prepare`, so that what can be known
/// beforehand is shown beforehand.
pub(crate) fn with_settled(schema: &ResourceSchema, names: &[&str]) -> ResourceSchema {
    let mut schema = schema.clone();
    for attribute in &mut schema.attributes {
        if names.contains(&attribute.name.as_str()) {
            attribute.read_only = false;
        }
    }
    schema
}

/// The text of an attribute, if it is set.
pub(crate) fn text(config: &Value, name: &str) -> Option<String> {
    config.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// The texts of a list, if it is set.
pub(crate) fn texts(config: &Value, name: &str) -> Option<Vec<String>> {
    let items = config.get(name)?.as_list()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// The members of a map of texts; sensitive ones in clear, for handing to the system and nothing else.
pub(crate) fn revealed_texts(config: &Value, name: &str) -> Vec<(String, String)> {
    let Some(members) = config.get(name).and_then(Value::as_map) else { return Vec::new() };
    let member = |(key, value): (&Arc<str>, &Value)| Some((key.to_string(), value.as_str()?.to_owned()));
    members.iter().filter_map(member).collect()
}

/// Complains about a list of arguments that is empty or holds something sensitive; `None` if it can be run.
pub(crate) fn check_arguments(config: &Value, name: &str, whole: bool) -> Option<ProviderError> {
    let value = config.get(name)?;
    if value.contains_sensitive() {
        let message = format!("`{name}` holds a sensitive value, and everybody on this machine can see argument lists");
        let error = ProviderError::invalid(AttrPath::of(name), message);
        return Some(error.with_hint("pass it in `env` instead"));
    }
    let items = value.as_list()?;
    let empty = if whole { items.first().is_none_or(|program| program.as_str() == Some("")) } else { false };
    if empty {
        return Some(ProviderError::invalid(AttrPath::of(name), format!("`{name}` does not name a program")));
    }
    let nul = items.iter().any(|item| item.as_str().is_some_and(|text| text.contains('\0')));
    nul.then(|| ProviderError::invalid(AttrPath::of(name), format!("`{name}` holds a NUL character")))
}

/// Complains about names and values that cannot stand in an environment.
pub(crate) fn check_environment(config: &Value, name: &str, problems: &mut Vec<ProviderError>) {
    let Some(members) = config.get(name).and_then(Value::as_map) else { return };
    for (key, value) in members {
        let path = AttrPath::of(name).key(key.clone());
        if key.is_empty() || key.contains(['=', '\0']) {
            let message = format!("{key:?} cannot be the name of an environment variable");
            problems.push(ProviderError::invalid(path, message));
        } else if value.as_str().is_some_and(|text| text.contains('\0')) {
            problems.push(ProviderError::invalid(path, format!("the value of {key} holds a NUL character")));
        }
    }
}

/// A program with a folder in its name starts at the configuration's folder, any other is looked up in `PATH`.
pub(crate) fn program(name: &str, root: &Path) -> PathBuf {
    if name.contains('/') { root.join(name) } else { PathBuf::from(name) }
}

/// An error of the file system, as the contract has it.
pub(crate) fn refused(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::new(ErrorKind::Refused, error.to_string())
}
