//! A module's configuration as this provider uses it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use deployctl_sdk::Value;
use deployctl_sdk::mask::Mask;

use crate::schema::attribute;
use crate::secrets::Secrets;
use crate::{object, source};

/// A configuration of which everything is known. It holds secrets in clear, so it has no `Debug`.
pub(crate) struct Settings {
    /// The module's folder, from the configuration's folder.
    pub(crate) path: String,
    /// The program's name or path.
    pub(crate) binary: String,
    /// The workspace.
    pub(crate) workspace: String,
    /// Settings for the backend, in clear.
    pub(crate) backend_config: BTreeMap<String, String>,
    /// Whether anything in them is sensitive.
    pub(crate) backend_is_secret: bool,
    /// Files with variables.
    pub(crate) var_files: Vec<String>,
    /// Variables, with their marks.
    pub(crate) vars: Value,
    /// Environment variables, in clear.
    pub(crate) env: BTreeMap<String, String>,
    /// What alone is planned.
    pub(crate) targets: Vec<String>,
    /// The most nested operations at one time.
    pub(crate) parallelism: i64,
    /// How long to wait for the state's lock.
    pub(crate) lock_timeout: String,
    /// Whether a plan that nobody looked at may be carried out.
    pub(crate) auto_approve: bool,
    /// Whether such a plan may delete.
    pub(crate) allow_destroy: bool,
    /// Hides everything sensitive of the configuration in a text.
    pub(crate) mask: Mask,
    /// Finds everything sensitive of the configuration in values.
    pub(crate) secrets: Secrets,
}

/// The name of the workspace that is always there.
pub(crate) const DEFAULT_WORKSPACE: &str = "default";

impl Settings {
    /// The settings in a configuration, or in a record's attributes.
    pub(crate) fn of(attributes: &Value) -> Self {
        let config = &object::config_of(attributes);
        let text = |name: &str, or: &str| config.get(name).and_then(Value::as_str).unwrap_or(or).to_owned();
        let backend = config.get(attribute::BACKEND_CONFIG).cloned().unwrap_or_default();
        Self {
            path: text(attribute::PATH, "."),
            binary: text(attribute::BINARY, "terraform"),
            workspace: text(attribute::WORKSPACE, DEFAULT_WORKSPACE),
            backend_is_secret: backend.contains_sensitive(),
            backend_config: strings(&backend),
            var_files: list(config.get(attribute::VAR_FILES)),
            vars: config.get(attribute::VARS).cloned().unwrap_or_default(),
            env: config.get(attribute::ENV).map(strings).unwrap_or_default(),
            targets: list(config.get(attribute::TARGETS)),
            parallelism: config.get(attribute::PARALLELISM).and_then(Value::as_i64).unwrap_or(10),
            lock_timeout: text(attribute::LOCK_TIMEOUT, "0s"),
            auto_approve: config.get(attribute::AUTO_APPROVE).and_then(Value::as_bool).unwrap_or(false),
            allow_destroy: config.get(attribute::ALLOW_DESTROY).and_then(Value::as_bool).unwrap_or(false),
            mask: Mask::of([config]),
            secrets: Secrets::of(config),
        }
    }

    /// Whether this is the workspace that is always there.
    pub(crate) fn is_default_workspace(&self) -> bool {
        self.workspace == DEFAULT_WORKSPACE
    }

    /// Hides what is sensitive in this too.
    pub(crate) fn keep_secret(&mut self, attributes: &Value) {
        let all = Value::list([object::config_of(attributes), Value::from(self.secrets.texts()).into_sensitive()]);
        self.secrets = Secrets::of(&all);
        self.mask = Mask::of([&all]);
    }

    /// The module's folder, normalised.
    pub(crate) fn folder(&self) -> PathBuf {
        source::normal(&self.path)
    }
}

fn list(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_list).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    let members = value.as_map().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.to_string(), value.as_str()?.to_owned()))).collect()
}
