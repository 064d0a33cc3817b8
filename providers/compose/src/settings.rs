//! A resource's configuration, as this provider reads it.

use std::sync::Arc;

use deployctl_sdk::{AttrPath, Map, ProviderError, Value};

/// A configuration. What is unknown in it reads as not given.
#[derive(Clone)]
pub(crate) struct Settings<'v> {
    config: &'v Value,
}

/// When images are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuildWhen {
    Changed,
    Always,
    Never,
}

/// When images are pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PullWhen {
    Missing,
    Always,
    Never,
}

impl<'v> Settings<'v> {
    pub(crate) fn new(config: &'v Value) -> Self {
        Self { config }
    }

    pub(crate) fn path(&self) -> &'v str {
        self.config.get("path").and_then(Value::as_str).unwrap_or(".")
    }

    pub(crate) fn files(&self) -> Vec<&'v str> {
        self.texts("files")
    }

    pub(crate) fn env_files(&self) -> Vec<&'v str> {
        self.texts("env_files")
    }

    pub(crate) fn profiles(&self) -> Vec<&'v str> {
        self.texts("profiles")
    }

    pub(crate) fn services(&self) -> Vec<&'v str> {
        self.texts("services")
    }

    pub(crate) fn project_name(&self) -> Option<&'v str> {
        self.config.get("project_name").and_then(Value::as_str)
    }

    /// The variables, sensitive ones in clear: for handing to Compose and nothing else.
    pub(crate) fn env_texts(&self) -> Vec<(String, String)> {
        let text = |(name, value): (&Arc<str>, &Value)| Some((name.to_string(), value.as_str()?.to_owned()));
        self.members("env").filter_map(text).collect()
    }

    pub(crate) fn scale(&self) -> Vec<(String, u64)> {
        let number = |(name, value): (&Arc<str>, &Value)| {
            let number = value.as_i64().and_then(|number| u64::try_from(number).ok())?;
            Some((name.to_string(), number))
        };
        self.members("scale").filter_map(number).collect()
    }

    pub(crate) fn build(&self) -> BuildWhen {
        match self.config.get("build").and_then(Value::as_str) {
            Some("always") => BuildWhen::Always,
            Some("never") => BuildWhen::Never,
            _ => BuildWhen::Changed,
        }
    }

    pub(crate) fn pull(&self) -> PullWhen {
        match self.config.get("pull").and_then(Value::as_str) {
            Some("always") => PullWhen::Always,
            Some("never") => PullWhen::Never,
            _ => PullWhen::Missing,
        }
    }

    pub(crate) fn wait(&self) -> bool {
        self.flag("wait", true)
    }

    pub(crate) fn remove_orphans(&self) -> bool {
        self.flag("remove_orphans", true)
    }

    pub(crate) fn remove_volumes(&self) -> bool {
        self.flag("remove_volumes", false)
    }

    /// What of it is not known yet and decides which project there is to be.
    pub(crate) fn is_known(&self) -> bool {
        !self.config.contains_unknown()
    }

    fn flag(&self, name: &str, otherwise: bool) -> bool {
        self.config.get(name).and_then(Value::as_bool).unwrap_or(otherwise)
    }

    fn texts(&self, name: &str) -> Vec<&'v str> {
        let items = self.config.get(name).and_then(Value::as_list).unwrap_or_default();
        items.iter().filter_map(Value::as_str).collect()
    }

    fn members(&self, name: &str) -> impl Iterator<Item = (&'v Arc<str>, &'v Value)> + use<'v> {
        self.config.get(name).and_then(Value::as_map).into_iter().flat_map(Map::iter)
    }
}

/// Everything that is wrong with a configuration in itself.
pub(crate) fn complaints(config: &Value) -> Vec<ProviderError> {
    let mut found = Vec::new();
    for name in ["path", "files", "project_name", "env_files", "profiles", "services", "scale"] {
        if config.get(name).is_some_and(Value::contains_sensitive) {
            let message = format!("`{name}` holds a sensitive value, and everybody on this machine can see it");
            found.push(
                ProviderError::invalid(AttrPath::of(name), message)
                    .with_hint("only the values of `env` may be sensitive"),
            );
        }
    }
    one_of(config, "build", &["changed", "always", "never"], &mut found);
    one_of(config, "pull", &["missing", "always", "never"], &mut found);
    if let Some(name) = config.get("project_name").and_then(Value::as_str)
        && !is_project_name(name)
    {
        let message = format!("{name:?} cannot be the name of a project");
        found.push(
            ProviderError::invalid(AttrPath::of("project_name"), message)
                .with_hint("it has small letters, digits, `-` and `_`, and begins with a letter or a digit"),
        );
    }
    for (service, count) in config.get("scale").and_then(Value::as_map).into_iter().flat_map(Map::iter) {
        let fits = count.is_unknown() || count.as_i64().is_some_and(|count| (0..=10_000).contains(&count));
        if !fits {
            let message = format!("`{service}` cannot have that many containers");
            found.push(ProviderError::invalid(AttrPath::of("scale").key(service.clone()), message));
        }
    }
    for name in config.get("env").and_then(Value::as_map).into_iter().flat_map(Map::keys) {
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!("{name:?} cannot be the name of a variable");
            found.push(ProviderError::invalid(AttrPath::of("env").key(name.clone()), message));
        }
    }
    for (name, value) in config.get("env").and_then(Value::as_map).into_iter().flat_map(Map::iter) {
        if value.as_str().is_some_and(|text| text.contains('\0')) {
            let message = format!("the value of {name} holds a NUL character");
            found.push(ProviderError::invalid(AttrPath::of("env").key(name.clone()), message));
        }
    }
    found
}

fn one_of(config: &Value, name: &str, allowed: &[&str], found: &mut Vec<ProviderError>) {
    if let Some(given) = config.get(name).and_then(Value::as_str)
        && !allowed.contains(&given)
    {
        let message = format!("`{name}` cannot be {given:?}");
        let hint = allowed.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        found.push(ProviderError::invalid(AttrPath::of(name), message).with_hint(format!("it is one of {hint}")));
    }
}

fn is_project_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.bytes().next().is_some_and(fits) && name.bytes().all(|byte| fits(byte) || byte == b'-' || byte == b'_')
}

/// A text made into the name of a project, as Compose does it.
pub(crate) fn project_name_of(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept = lower.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    kept.collect::<String>().trim_start_matches(['-', '_']).to_owned()
}
