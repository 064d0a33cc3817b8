//! Checks and settles a configuration, and captures the files that it names. No cluster is asked.

use deployctl_sdk::{AttrPath, Desired, Files, Prepared, ProviderError, Value};

use crate::manifest::{self, Document};
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
    let mut settled = config.clone();
    match sources::read(config, &captured, files) {
        Ok(documents) => {
            settled = concealed(config, &documents);
            let namespace = config.get("namespace").and_then(Value::as_str).unwrap_or_default();
            problems.extend(manifest::check_unique(&documents, namespace).err());
        }
        Err(found) => problems.extend(found),
    }
    if problems.is_empty() { Ok(Prepared { config: settled, captured }) } else { Err(problems) }
}

/// The configuration with a mark on what stands in it in clear of a Secret: it is shown nowhere, and rests as ciphertext.
fn concealed(config: &Value, documents: &[Document]) -> Value {
    let is_secret = |called: &str| documents.iter().any(|one| one.kind() == "Secret" && one.file == called);
    let Some(mut members) = config.as_map().cloned() else { return config.clone() };
    if let Some(listed) = config.get("documents").and_then(Value::as_list) {
        let conceal = |(index, document): (usize, &Value)| {
            document.clone().with_mark(is_secret(&AttrPath::of("documents").index(index).to_string()))
        };
        members.insert("documents".into(), Value::list(listed.iter().enumerate().map(conceal)));
    }
    if let Some(manifest) = config.get("manifest").and_then(Value::as_map).filter(|_| is_secret("manifest")) {
        let held = |name: &str| matches!(name, "data" | "stringData");
        let inside = manifest.iter().map(|(name, value)| (name.clone(), value.clone().with_mark(held(name))));
        members.insert("manifest".into(), Value::map(inside));
    }
    Value::from(members).with_mark(matches!(config, Value::Sensitive(_)))
}

fn names_nothing(config: &Value) -> Option<ProviderError> {
    let some = sources::MADE_OF.iter().any(|name| config.get(name).is_some());
    let message = "it has no manifests";
    let hint = "give `paths`, `documents`, a `kustomization` or a `chart`";
    (!some).then(|| ProviderError::invalid(AttrPath::of("paths"), message).with_hint(hint))
}
