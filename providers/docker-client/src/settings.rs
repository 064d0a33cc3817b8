//! What a `provider` block may say of where the engine is: the same for every provider that drives one.

use std::path::{Path, PathBuf};

use deployctl_sdk::{Attribute, Type, Value};

/// Where the engine is, as far as the configuration says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The engine's address.
    pub host: Option<String>,
    /// The Docker context to use.
    pub context: Option<String>,
    /// The folder of `ca.pem`, `cert.pem` and `key.pem`.
    pub cert_path: Option<PathBuf>,
    /// Whether to speak TLS to a TCP address.
    pub tls_verify: Option<bool>,
}

impl Settings {
    /// The settings for a provider's schema.
    pub fn schema() -> Vec<Attribute> {
        vec![
            Attribute::optional(
                "host",
                Type::String,
                "The engine's address: `unix:///var/run/docker.sock`, `tcp://host:2376` or `ssh://user@host`. Without it \
                `DOCKER_HOST`, `DOCKER_CONTEXT` and the current context of Docker's own configuration decide, in this \
                order, and at last the default socket.",
            ),
            Attribute::optional(
                "context",
                Type::String,
                "The name of a Docker context (`docker context ls`). Not together with `host`.",
            ),
            Attribute::optional(
                "cert_path",
                Type::String,
                "The folder of `ca.pem`, `cert.pem` and `key.pem` for a `tcp://` address. A relative path starts at the \
                configuration's folder. Without it `DOCKER_CERT_PATH`, then Docker's own configuration folder.",
            ),
            Attribute::optional(
                "tls_verify",
                Type::Bool,
                "Whether to speak TLS to a `tcp://` address and check the engine's certificate. Without it yes if \
                `cert_path` or `DOCKER_TLS_VERIFY` is set.",
            ),
        ]
    }

    /// Reads the settings of a `provider` block. Relative paths start at `root`.
    pub fn of(settings: &Value, root: &Path) -> Self {
        let text = |name: &str| settings.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            host: text("host"),
            context: text("context"),
            cert_path: text("cert_path").map(|path| root.join(path)),
            tls_verify: settings.get("tls_verify").and_then(Value::as_bool),
        }
    }
}
