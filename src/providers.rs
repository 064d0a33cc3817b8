//! Which providers this build has, and the connections a run has made with them.
//!
//! A provider is chosen by its name alone; nothing here knows what any of them does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use deployctl_sdk::{Connection, ErrorKind, Place, Provider, ProviderError, ProviderSchema};
use tokio::sync::Mutex;

use crate::builtin::Builtin;
use crate::state::ProviderRef;

/// The providers by name.
#[derive(Clone, Default)]
pub struct Providers {
    by_name: BTreeMap<String, Arc<dyn Provider>>,
}

impl Providers {
    /// The providers of this build. `supervisor` is the program that keeps local processes running: deployctl itself.
    pub fn built_in(supervisor: PathBuf) -> Self {
        let mut providers = Self::default();
        providers.add(Arc::new(Builtin::new()));
        #[cfg(feature = "local")]
        providers.add(Arc::new(deployctl_provider_local::LocalProvider::new(supervisor)));
        #[cfg(not(feature = "local"))]
        let _ = supervisor;
        #[cfg(feature = "docker")]
        providers.add(deployctl_provider_docker::provider());
        #[cfg(feature = "ansible")]
        providers.add(Arc::new(deployctl_provider_ansible::AnsibleProvider::new()));
        #[cfg(feature = "compose")]
        providers.add(deployctl_provider_compose::provider());
        #[cfg(feature = "kubernetes")]
        providers.add(deployctl_provider_kubernetes::provider());
        #[cfg(feature = "terraform")]
        providers.add(deployctl_provider_terraform::provider());
        providers
    }

    /// Adds one, in the place of an earlier one of the same name.
    pub fn add(&mut self, provider: Arc<dyn Provider>) {
        self.by_name.insert(provider.schema().name.clone(), provider);
    }

    /// The provider of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.by_name.get(name)
    }

    /// What all of them offer.
    pub fn schemas(&self) -> Vec<ProviderSchema> {
        self.by_name.values().map(|provider| provider.schema().clone()).collect()
    }
}

/// The connections of one run: one for each provider and settings, made when first needed.
pub struct Connections {
    providers: Providers,
    place: Place,
    open: Mutex<Vec<(ProviderRef, Arc<dyn Connection>)>>,
}

impl Connections {
    /// No connection yet.
    pub fn new(providers: Providers, place: Place) -> Self {
        Self { providers, place, open: Mutex::new(Vec::new()) }
    }

    /// Where the run takes place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The connection for that provider with those settings.
    ///
    /// # Errors
    /// When this build has no such provider, or it refuses the settings.
    pub async fn get(&self, reference: &ProviderRef) -> Result<Arc<dyn Connection>, ProviderError> {
        let mut open = self.open.lock().await;
        let same = |other: &ProviderRef| other.name == reference.name && other.settings == reference.settings;
        if let Some((_, connection)) = open.iter().find(|(other, _)| same(other)) {
            return Ok(connection.clone());
        }
        let provider = self.providers.get(&reference.name).ok_or_else(|| missing(&reference.name))?;
        if reference.settings.contains_withheld() {
            let message = format!("the settings of the provider `{}` hold a secret, which is not kept", reference.name);
            return Err(ProviderError::new(ErrorKind::Invalid, message)
                .with_hint("keep its `provider` block in the configuration until what was made with it is gone"));
        }
        let connection = provider.configure(&reference.settings, &self.place).await?;
        open.push((reference.clone(), connection.clone()));
        Ok(connection)
    }

    /// The versions of the engines' programs that were met, by name; where a program is used through several provider
    /// blocks, each block's own beside it.
    pub async fn engines(&self) -> BTreeMap<String, String> {
        // Taken out first: an engine may take its time, and the others need the lock.
        let open = self.open.lock().await.clone();
        let asked = open.iter().map(|(reference, connection)| async move { (reference, connection.engine().await) });
        let answers = futures_util::future::join_all(asked).await;
        let named = answers.into_iter().filter_map(|(reference, engine)| {
            let engine = engine?;
            let name = match &reference.alias {
                Some(alias) => format!("{} ({alias})", engine.program),
                None => engine.program,
            };
            Some((name, engine.version))
        });
        named.collect()
    }

    /// The provider of that name, unconnected.
    ///
    /// # Errors
    /// When this build has no such provider.
    pub fn provider(&self, name: &str) -> Result<&Arc<dyn Provider>, ProviderError> {
        self.providers.get(name).ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> ProviderError {
    ProviderError::new(deployctl_sdk::ErrorKind::Refused, format!("this build of deployctl has no provider `{name}`"))
        .with_hint("install a build that includes it; `deployctl version` lists the providers of a build")
}
