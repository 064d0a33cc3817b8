//! Checks and settles a configuration, and captures the project's files.

use deployctl_sdk::{Desired, Files, Map, Prepared, ProviderError, Value};

use crate::settings::{Settings, complaints, project_name_of};
use crate::sources::{self, Sources};

/// The members that decide which files a project has.
const FILES: [&str; 4] = ["path", "files", "env", "env_files"];

/// Checks one configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn prepare(desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
    let config = &desired.config;
    let mut problems = complaints(config);
    let place_known = !["path", "files"].iter().any(|name| config.get(name).is_some_and(Value::contains_unknown));
    if !place_known || !problems.is_empty() {
        return if problems.is_empty() { Ok(unsettled(config)) } else { Err(problems) };
    }
    let settings = Settings::new(config);
    let sources = match sources::find(&settings, files) {
        Ok(sources) => sources,
        Err(found) => {
            problems.extend(found);
            return Err(problems);
        }
    };
    let all_known = !FILES.iter().any(|name| config.get(name).is_some_and(Value::contains_unknown));
    let mut members: Map = config.as_map().cloned().unwrap_or_default();
    members.insert("files".into(), relative_files(&sources, settings.path()));
    if config.get("project_name").is_none() {
        let name = if all_known { Value::from(name_of(desired, &settings, &sources)) } else { Value::Unknown };
        members.insert("project_name".into(), name);
    }
    Ok(Prepared { config: Value::from(members), captured: sources.captured() })
}

/// A configuration of which it is not even known where its files are.
fn unsettled(config: &Value) -> Prepared {
    let mut members: Map = config.as_map().cloned().unwrap_or_default();
    for name in ["files", "project_name"] {
        if config.get(name).is_none() {
            members.insert(name.into(), Value::Unknown);
        }
    }
    Prepared { config: Value::from(members), captured: Vec::new() }
}

fn relative_files(sources: &Sources, path: &str) -> Value {
    let folder = sources::normal(path);
    let relative = |file: &String| match folder.as_str() {
        "." => file.clone(),
        folder => match file.strip_prefix(&format!("{folder}/")) {
            Some(inside) => inside.to_owned(),
            None if file.starts_with('/') => file.clone(),
            None => format!("{}{file}", "../".repeat(folder.split('/').count())),
        },
    };
    Value::list(sources.files.iter().map(|file| Value::from(relative(file))))
}

fn name_of(desired: &Desired, settings: &Settings<'_>, sources: &Sources) -> String {
    let folder = sources::normal(settings.path());
    let last = folder.rsplit('/').next().filter(|part| !matches!(*part, "." | ".."));
    let named = [sources.name.as_deref(), last].into_iter().flatten().map(project_name_of);
    let own = project_name_of(&format!("{}", desired.address).replace("compose_project.", ""));
    named.chain([own]).find(|name| !name.is_empty()).unwrap_or_else(|| "project".to_owned())
}
