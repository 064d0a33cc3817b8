//! What the providers offer, ready to be looked up.

use std::collections::HashMap;

use deployctl_sdk::{ProviderSchema, ResourceSchema};

/// The schemas of all providers.
#[derive(Debug, Clone, Default)]
pub struct Schemas {
    providers: Vec<ProviderSchema>,
    /// Where each type is: the provider, and the type within it.
    types: HashMap<String, (usize, usize)>,
}

impl Schemas {
    /// Of these providers.
    pub fn new(providers: Vec<ProviderSchema>) -> Self {
        let mut types = HashMap::new();
        for (position, provider) in providers.iter().enumerate() {
            for (within, resource) in provider.resources.iter().enumerate() {
                types.insert(resource.name.clone(), (position, within));
            }
        }
        Self { providers, types }
    }

    /// The type of that name, and the provider it belongs to.
    pub fn resource(&self, type_name: &str) -> Option<(&ProviderSchema, &ResourceSchema)> {
        let (provider, within) = *self.types.get(type_name)?;
        let provider = self.providers.get(provider)?;
        Some((provider, provider.resources.get(within)?))
    }

    /// The provider of that name.
    pub fn provider(&self, name: &str) -> Option<&ProviderSchema> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// All providers.
    pub fn providers(&self) -> &[ProviderSchema] {
        &self.providers
    }

    /// The names of all types, in no order.
    pub fn type_names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }
}
