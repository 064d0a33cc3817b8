//! The environment variables that Docker's command line goes by, read in one place.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the environment says of Docker.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The address of the engine.
    pub const HOST: &str = "DOCKER_HOST";
    /// The name of the context to use.
    pub const CONTEXT: &str = "DOCKER_CONTEXT";
    /// The folder of `config.json`.
    pub const CONFIG: &str = "DOCKER_CONFIG";
    /// Whether to speak TLS and check the engine's certificate; anything but nothing means yes.
    pub const TLS_VERIFY: &str = "DOCKER_TLS_VERIFY";
    /// The folder of `ca.pem`, `cert.pem` and `key.pem`.
    pub const CERT_PATH: &str = "DOCKER_CERT_PATH";
    const HOME: &str = "HOME";

    /// The environment of this process.
    pub fn of_this_process() -> Self {
        let names = [Self::HOST, Self::CONTEXT, Self::CONFIG, Self::TLS_VERIFY, Self::CERT_PATH, Self::HOME];
        Self::of(names.into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))))
    }

    /// An environment with these variables.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().collect() }
    }

    /// A variable that is set to something.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The folder of Docker's own configuration.
    pub fn config_folder(&self) -> Option<PathBuf> {
        match self.get(Self::CONFIG) {
            Some(folder) => Some(PathBuf::from(folder)),
            None => Some(PathBuf::from(self.get(Self::HOME)?).join(".docker")),
        }
    }
}
