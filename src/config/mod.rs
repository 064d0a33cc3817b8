//! Files to spanned blocks to a checked configuration.
//!
//! [`parse`] takes texts and nothing else, [`load`] asks a [`Files`](deployctl_sdk::Files) for them, [`check()`] holds the
//! result against what the providers offer, and [`resolve_variables`] settles what `var` stands for. Expressions stay
//! unevaluated here, apart from variables. This module must not know plans, states or engines.

#[cfg(test)]
mod bad_configurations;
mod blocks;
mod body;
mod brackets;
mod check;
mod duration;
mod encryption;
mod evaluate;
mod fields;
mod health;
mod labels;
mod load;
mod mask;
mod parse;
mod read_blocks;
mod read_resource;
mod schemas;
mod secret;
mod state_block;
mod state_settings;
mod syntax;
mod syntax_error;
#[cfg(test)]
mod tests;
mod validation;
mod variables;
mod version;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use deployctl_sdk::Address;

pub use blocks::{
    Assignment, Condition, DataBlock, Deployment, Encryption, EnvironmentBlock, Health, IgnoreChanges, KeyMethod,
    Lifecycle, Local, OutputBlock, ProviderBlock, ResourceBlock, Retention, Retry, SecretBlock, Settings, Strategy,
    Timeouts, Variable,
};
pub use body::{Body, BodyAttribute, BodyBlock, Label};
pub use check::check;
pub use duration::{NotADuration, parse as parse_duration};
pub use health::{BadHealth, HealthCheck, Probe};
pub use load::{load, load_checked};
pub use parse::parse;
pub use schemas::Schemas;
pub use secret::resolve_secrets;
pub use state_block::StateBlock;
pub use variables::{VariableInputs, resolve_variables, select_environment};

use crate::diagnostic::SourceMap;
use crate::lang::{Expression, StaticStep};

/// All that a folder's files say.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// The texts that spans point into.
    pub sources: Arc<SourceMap>,
    /// The `deployctl` block.
    pub settings: Settings,
    /// The variables, by name.
    pub variables: BTreeMap<Arc<str>, Variable>,
    /// The locals, by name.
    pub locals: BTreeMap<Arc<str>, Local>,
    /// The secrets, by name.
    pub secrets: BTreeMap<Arc<str>, SecretBlock>,
    /// The outputs, by name.
    pub outputs: BTreeMap<Arc<str>, OutputBlock>,
    /// The states of other configurations that are read, by name.
    pub data: BTreeMap<Arc<str>, DataBlock>,
    /// The provider blocks, in the order of the files.
    pub providers: Vec<ProviderBlock>,
    /// The resource blocks, in the order of the files.
    pub resources: Vec<ResourceBlock>,
    /// The `deployment` block.
    pub deployment: Deployment,
    /// The environments, by name.
    pub environments: BTreeMap<Arc<str>, EnvironmentBlock>,
    /// The files named `*.auto.vars.hcl` that lie beside the configuration, in the order of their names.
    pub auto_files: Vec<String>,
    /// Where in `resources` each one is: by type, then by name.
    index: HashMap<Arc<str>, HashMap<Arc<str>, usize>>,
}

impl Configuration {
    /// Where in [`Configuration::resources`] the resource of that type and name is.
    pub fn resource(&self, type_name: &str, name: &str) -> Option<usize> {
        self.index.get(type_name)?.get(name).copied()
    }

    /// The names of the secrets that any expression uses.
    pub fn used_secrets(&self) -> BTreeSet<&str> {
        if self.secrets.is_empty() {
            return BTreeSet::new();
        }
        let resources = self.resources.iter().flat_map(ResourceBlock::expressions);
        let providers = self.providers.iter().flat_map(|block| block.body.expressions());
        let locals = self.locals.values().map(|local| &local.value);
        let outputs = self.outputs.values().map(|output| &output.value);
        let expressions = resources.chain(providers).chain(locals).chain(outputs);
        let references = expressions.flat_map(crate::lang::references);
        let names = references.filter(|reference| reference.root == "secret").filter_map(|reference| {
            match reference.steps.first() {
                Some(StaticStep::Attr(name, _)) => Some(*name),
                _ => None,
            }
        });
        names.filter_map(|name| self.secrets.get_key_value(name)).map(|(name, _)| &**name).collect()
    }

    /// Whether there is a resource of that type.
    pub fn has_type(&self, type_name: &str) -> bool {
        self.index.contains_key(type_name)
    }

    /// The names of the resources of that type, in no order.
    pub fn names_of(&self, type_name: &str) -> impl Iterator<Item = &str> {
        self.index.get(type_name).into_iter().flat_map(|names| names.keys().map(|name| &**name))
    }

    /// Where in [`Configuration::providers`] the block of that name and alias is.
    pub fn provider(&self, name: &str, alias: Option<&str>) -> Option<usize> {
        self.providers.iter().position(|block| &*block.name == name && block.alias.as_deref() == alias)
    }
}

impl ResourceBlock {
    /// The resource's address, without the key of an instance.
    pub fn address(&self) -> Address {
        Address::new(self.type_name.clone(), self.name.clone())
    }

    /// The name and alias of the provider block that the resource uses. Where it names none, it is the one that its type's
    /// name begins with, as `docker` in `docker_image`.
    pub fn provider_reference(&self) -> (&str, Option<&str>) {
        match &self.provider {
            Some((name, alias)) => (name, alias.as_deref()),
            None => (self.type_name.split_once('_').map_or(&*self.type_name, |(provider, _)| provider), None),
        }
    }
}

impl ResourceBlock {
    /// Every expression that makes the resource depend on others. `health` and `postcondition` are among them: what they
    /// ask about must be there by then.
    pub fn expressions(&self) -> Vec<&Expression> {
        let mut found = self.body.expressions();
        found.extend(self.count.iter().chain(&self.for_each).chain(&self.depends_on));
        found.extend(&self.lifecycle.replace_triggered_by);
        for condition in self.lifecycle.preconditions.iter().chain(&self.lifecycle.postconditions) {
            found.extend([&condition.condition, &condition.error_message]);
        }
        if let Some(health) = &self.health {
            found.extend(health.body.expressions());
        }
        found
    }
}
