//! What is asked of Vault, and as whom.

use std::path::PathBuf;

use crate::secret::origin::Origin;

/// Where Vault is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// Its address, `https://host:8200`.
    pub address: String,
    /// The namespace, where it has such.
    pub namespace: Option<String>,
}

/// How to become somebody there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Login {
    /// With a token: from here, or where Vault's own program has it (`VAULT_TOKEN`, `~/.vault-token`).
    Token(Option<Origin>),
    /// By AppRole.
    AppRole {
        /// Where the method is mounted.
        mount: String,
        /// Who.
        role_id: String,
        /// What proves it.
        secret_id: Origin,
    },
    /// As a workload of Kubernetes.
    Kubernetes {
        /// Where the method is mounted.
        mount: String,
        /// The role.
        role: String,
        /// The service account's token.
        token_file: PathBuf,
    },
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Where.
    pub server: Server,
    /// As whom.
    pub login: Login,
    /// The path as `vault kv get` takes it, with the engine's mount in front; without it where `mount` says it.
    pub path: String,
    /// Where the KV engine is mounted; asked of the server where it is not said.
    pub mount: Option<String>,
    /// The version of the KV engine, 1 or 2; asked of the server where it is not said.
    pub engine_version: Option<u8>,
    /// Which field; all of them as a map where it is not said.
    pub field: Option<String>,
    /// Which version of the secret; the newest where it is not said.
    pub version: Option<u64>,
}
