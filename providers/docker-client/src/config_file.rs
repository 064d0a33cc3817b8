//! Docker's own `config.json`: the current context, and who holds the credentials of which registry.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use deployctl_sdk::{ErrorKind, ProviderError, fs};
use serde::Deserialize;

/// What is read of `config.json`. Everything else in it is somebody else's business.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigFile {
    /// The context that `docker context use` chose.
    pub current_context: Option<String>,
    /// Credentials by registry, kept in the file itself.
    pub auths: BTreeMap<String, StoredAuth>,
    /// The suffix of the credential helper for all registries: `X` means the program `docker-credential-X`.
    pub creds_store: Option<String>,
    /// Credential helpers by registry.
    pub cred_helpers: BTreeMap<String, String>,
    /// Folders with plugins of Docker's command line, before those where it looks by itself.
    pub cli_plugins_extra_dirs: Vec<PathBuf>,
}

/// Credentials as `config.json` has them. All of it is secret.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "lowercase", default)]
pub struct StoredAuth {
    /// `user:password` in base64.
    pub auth: Option<String>,
    /// The user's name.
    pub username: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// A token that stands for both.
    pub identitytoken: Option<String>,
    /// A token for the registry itself.
    pub registrytoken: Option<String>,
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigFile")
            .field("current_context", &self.current_context)
            .field("registries", &self.auths.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl ConfigFile {
    /// Reads `config.json` in Docker's configuration folder; an empty one if there is none.
    ///
    /// # Errors
    /// When it cannot be read or is not what it should be. The content is never shown: it may hold passwords.
    pub fn read(folder: &Path) -> Result<Self, ProviderError> {
        let path = folder.join("config.json");
        let bytes = match fs::read_if_there(&path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Self::default()),
            Err(error) => return Err(ProviderError::new(ErrorKind::Refused, error.to_string())),
        };
        serde_json::from_slice(&bytes).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            ProviderError::new(
                ErrorKind::Refused,
                format!("{} is not a configuration of Docker: see {place}", path.display()),
            )
        })
    }
}
