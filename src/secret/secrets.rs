//! The secrets that a configuration declares, each fetched once and when it is first needed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use deployctl_sdk::Value;

use super::origin::{Origin, OriginError};
use super::registry::Registry;
use super::vault::{Query, Vaults};

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// This machine.
    Here(Origin),
    /// Vault or OpenBao.
    Vault(Box<Query>),
}

/// Where a secret comes from, and what came once it was asked for.
type Declared = (Source, OnceLock<Result<Value, OriginError>>);

/// The secrets of one configuration.
pub struct Secrets {
    root: PathBuf,
    declared: BTreeMap<Arc<str>, Declared>,
    registry: Arc<Registry>,
    vaults: Vaults,
}

impl Secrets {
    /// Secrets by name; `root` is the configuration's folder. What is fetched is noted in the registry.
    pub fn new(root: &Path, declared: BTreeMap<Arc<str>, Source>, registry: Arc<Registry>) -> Self {
        let declared = declared.into_iter().map(|(name, source)| (name, (source, OnceLock::new()))).collect();
        Self { root: root.to_owned(), declared, registry, vaults: Vaults::default() }
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.declared.keys()
    }

    /// What must not come to rest.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A secret, always sensitive; `None` where there is none of that name. The first time this waits for a command or for a
    /// server.
    ///
    /// # Errors
    /// Why it cannot be had. Never shows it.
    pub fn value(&self, name: &str) -> Option<Result<Value, OriginError>> {
        let (source, fetched) = self.declared.get(name)?;
        let fetched = fetched.get_or_init(|| {
            let value = match source {
                Source::Here(origin) => Value::from(origin.text(&self.root)?),
                Source::Vault(query) => self.vaults.read(query, &self.root)?,
            };
            note(&self.registry, &value);
            Ok(value.into_sensitive())
        });
        Some(fetched.clone())
    }

    /// The secrets that were fetched up to now.
    pub fn fetched(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.declared.iter().filter_map(|(name, (_, fetched))| Some((name, fetched.get()?.as_ref().ok()?)))
    }
}

fn note(registry: &Registry, value: &Value) {
    match value {
        Value::String(text) => registry.note(text),
        Value::Number(number) => registry.note(&number.to_string()),
        Value::List(items) => items.iter().for_each(|item| note(registry, item)),
        Value::Map(members) => members.values().for_each(|member| note(registry, member)),
        _ => {}
    }
}
