//! Where a module's state is.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// The file that the engines keep their state in unless told otherwise.
const STATE_FILE: &str = "terraform.tfstate";

/// The folder that the local backend keeps other workspaces in unless told otherwise.
const WORKSPACES: &str = "terraform.tfstate.d";

/// A module's backend, as its `init` settled it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Backend {
    /// Terraform's local one.
    Local {
        /// The state file, from the module's own folder unless it is absolute.
        state: PathBuf,
    },
    /// Any other.
    Other {
        /// What the engine calls it.
        name: String,
    },
}

#[derive(Deserialize)]
struct Settled {
    backend: Option<SettledBackend>,
}

#[derive(Deserialize)]
struct SettledBackend {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    config: LocalConfig,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LocalConfig {
    path: Option<serde_json::Value>,
    workspace_dir: Option<serde_json::Value>,
}

impl Backend {
    /// What `init` wrote about it; a module without a `backend` block has the local one.
    pub(crate) fn settled(written: Option<&[u8]>, settings: &Settings) -> Self {
        let backend = written.and_then(|bytes| serde_json::from_slice::<Settled>(bytes).ok()?.backend);
        let config = match backend {
            Some(backend) if backend.kind != "local" => return Self::Other { name: backend.kind },
            Some(backend) => backend.config,
            None => LocalConfig::default(),
        };
        let text = |value: &Option<serde_json::Value>| value.as_ref()?.as_str().map(PathBuf::from);
        if settings.is_default_workspace() {
            return Self::Local { state: text(&config.path).unwrap_or_else(|| PathBuf::from(STATE_FILE)) };
        }
        let folder = text(&config.workspace_dir).unwrap_or_else(|| PathBuf::from(WORKSPACES));
        Self::Local { state: folder.join(&settings.workspace).join(STATE_FILE) }
    }

    /// The state file of the local backend, for a module in that folder.
    pub(crate) fn state_file(&self, folder: &Path) -> Option<PathBuf> {
        match self {
            Self::Local { state } => Some(folder.join(state)),
            Self::Other { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use deployctl_sdk::Value;

    use super::*;

    fn settings(workspace: &str) -> Settings {
        Settings::of(&Value::map([("workspace", Value::from(workspace))]))
    }

    #[test]
    fn the_local_state_is_where_the_module_says() {
        let local = |state: &str| Backend::Local { state: state.into() };
        assert_eq!(Backend::settled(None, &settings("default")), local("terraform.tfstate"));
        assert_eq!(Backend::settled(None, &settings("blue")), local("terraform.tfstate.d/blue/terraform.tfstate"));
        let written = br#"{"backend":{"type":"local","config":{"path":"s/x.tfstate","workspace_dir":null}}}"#;
        assert_eq!(Backend::settled(Some(written), &settings("default")), local("s/x.tfstate"));
        let written = br#"{"backend":{"type":"s3","config":{"bucket":"b"}}}"#;
        assert_eq!(Backend::settled(Some(written), &settings("default")), Backend::Other { name: "s3".to_owned() });
    }
}
