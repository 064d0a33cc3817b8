//! Checks and settles a configuration, and captures the files that it names. No cluster is asked.

use deployctl_sdk::{AttrPath, Desired, Files, Prepared, ProviderError, Value};

use crate::manifest;
use crate::options::Options;
use crate::schema::MANIFESTS;
use crate::sources;

/// Checks one configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn prepare(desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
    let config = &desired.config;
    let mut problems = Options::of(config).err().unwrap_or_default();
    if &*desired.type_name == MANIFESTS {
        problems.extend(names_nothing(config));
    }
    let captured = match sources::capture(config, files) {
        Ok(captured) => captured,
        Err(found) => {
            problems.extend(found);
            return Err(problems);
        }
    };
    match sources::read(config, &captured, files) {
        Ok(documents) => {
            let namespace = config.get("namespace").and_then(Value::as_str).unwrap_or_default();
            problems.extend(manifest::check_unique(&documents, namespace).err());
        }
        Err(found) => problems.extend(found),
    }
    if problems.is_empty() { Ok(Prepared { config: config.clone(), captured }) } else { Err(problems) }
}

fn names_nothing(config: &Value) -> Option<ProviderError> {
    let some = sources::MADE_OF.iter().any(|name| config.get(name).is_some());
    let message = "it has no manifests";
    let hint = "give `paths`, `documents`, a `kustomization` or a `chart`";
    (!some).then(|| ProviderError::invalid(AttrPath::of("paths"), message).with_hint(hint))
}
