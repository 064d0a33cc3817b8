//! Where the Docker Engine is, and a connection to it: what the providers that drive one share.
//!
//! The [endpoint](Endpoint) is found as Docker's own command line finds it: settings of the provider, `DOCKER_HOST`,
//! `DOCKER_CONTEXT`, the current context of `config.json`, and at last the default socket. The [engine](Engine) is
//! connected when it is first needed, and stops asking for a moment once it does not answer.
//!
//! It must not know resources, plans or records: those belong to the providers.

mod config_file;
mod context;
mod credentials;
mod endpoint;
mod engine;
mod environment;
mod error;
mod settings;
#[cfg(unix)]
mod ssh;

pub use config_file::ConfigFile;
pub use credentials::{all_credentials, credentials};
pub use endpoint::{Address, Endpoint, Tls};
pub use engine::{Engine, PAUSE};
pub use environment::Environment;
pub use error::EngineError;
pub use settings::Settings;
