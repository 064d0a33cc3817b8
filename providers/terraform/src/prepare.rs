//! A configuration, checked beyond its schema and settled, with its source captured.

use std::sync::Arc;

use deployctl_sdk::{AttrPath, Desired, Files, Prepared, ProviderError, Value};

use crate::schema::attribute;
use crate::settings::Settings;
use crate::source;

/// Environment variables that this provider sets itself.
const OWN: [(&str, &str); 6] = [
    ("TF_WORKSPACE", "set `workspace`"),
    ("TF_DATA_DIR", "deployctl keeps a folder of its own for each module"),
    ("TF_INPUT", "nothing can be asked in the middle of a run"),
    ("TF_IN_AUTOMATION", "it is set already"),
    ("TF_LOG", "its log goes to nobody"),
    ("TF_LOG_PATH", "its log goes to nobody"),
];

/// What becomes an argument, where everybody on the machine can see it.
const SEEN: [&str; 6] = [
    attribute::PATH,
    attribute::BINARY,
    attribute::WORKSPACE,
    attribute::TARGETS,
    attribute::VAR_FILES,
    attribute::LOCK_TIMEOUT,
];

/// Checks and settles a configuration, and captures the module.
///
/// # Errors
/// Every attribute that cannot be, and a source that cannot be captured.
pub(crate) fn prepare(desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
    let mut members = desired.config.as_map().cloned().unwrap_or_default();
    if let Some(path) = desired.config.get(attribute::PATH).and_then(Value::as_str) {
        let settled = Value::from(source::normal(path).to_string_lossy().into_owned());
        let marked = members.get(attribute::PATH).is_some_and(Value::contains_sensitive);
        members.insert(Arc::from(attribute::PATH), settled.with_mark(marked));
    }
    let config = Value::from(members);
    let complaints = complaints(&config);
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let named = [attribute::PATH, attribute::INCLUDE, attribute::VAR_FILES];
    let unknown = named.iter().any(|name| config.get(name).is_some_and(Value::contains_unknown));
    let captured = if unknown {
        Vec::new()
    } else {
        let settings = Settings::of(&config);
        let include = texts(config.get(attribute::INCLUDE));
        source::capture(files, &settings.folder(), &include, &settings.var_files)?
    };
    Ok(Prepared { config, captured })
}

pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_list).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn complaints(config: &Value) -> Vec<ProviderError> {
    let mut complaints = Vec::new();
    let mut complain =
        |name: &str, message: String| complaints.push(ProviderError::invalid(AttrPath::of(name), message));
    for name in SEEN {
        if config.get(name).is_some_and(Value::contains_sensitive) {
            complain(
                name,
                format!(
                    "`{name}` becomes an argument that everybody on the machine can see, so it cannot be sensitive"
                ),
            );
        }
    }
    let text = |name: &str| config.get(name).and_then(Value::as_str);
    if text(attribute::PATH).is_some_and(str::is_empty) || text(attribute::BINARY).is_some_and(str::is_empty) {
        complain(attribute::PATH, "neither `path` nor `binary` may be empty".to_owned());
    }
    if let Some(workspace) = text(attribute::WORKSPACE)
        && (workspace.is_empty() || workspace.starts_with('-') || workspace.contains(['/', '\\']) || workspace == "..")
    {
        complain(attribute::WORKSPACE, "this cannot be the name of a workspace".to_owned());
    }
    if let Some(parallelism) = config.get(attribute::PARALLELISM).filter(|value| !value.is_unknown())
        && parallelism.as_i64().is_none_or(|count| count < 1)
    {
        complain(attribute::PARALLELISM, "`parallelism` is a whole number from 1".to_owned());
    }
    if text(attribute::LOCK_TIMEOUT).is_some_and(|text| !is_duration(text)) {
        complain(attribute::LOCK_TIMEOUT, "this is no duration; write it as `30s` or `5m`".to_owned());
    }
    for (name, why) in OWN {
        if config.get(attribute::ENV).is_some_and(|env| env.get(name).is_some()) {
            let path = AttrPath::of(attribute::ENV).key(name);
            complaints.push(ProviderError::invalid(path, format!("`{name}` cannot be set here: {why}")));
        }
    }
    complaints
}

fn is_duration(text: &str) -> bool {
    let number = text.trim_end_matches(['h', 'm', 's']);
    text.len() > number.len() && number.parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_named() {
        let config = Value::map([
            ("path", Value::from("m")),
            ("workspace", Value::from("a/b")),
            ("parallelism", Value::from(0)),
            ("lock_timeout", Value::from("soon")),
            ("targets", Value::list([Value::from("x").into_sensitive()])),
            ("env", Value::map([("TF_WORKSPACE", Value::from("x"))])),
        ]);
        let named: Vec<String> =
            complaints(&config).iter().filter_map(|error| Some(error.attribute.as_ref()?.to_string())).collect();
        assert_eq!(named, ["targets", "workspace", "parallelism", "lock_timeout", "env.TF_WORKSPACE"]);
        assert!(complaints(&Value::map([("path", Value::Unknown), ("vars", Value::Unknown)])).is_empty());
    }
}
