//! Where the engine is, and how that was decided.

use std::fmt;
use std::path::PathBuf;

use deployctl_sdk::{AttrPath, ErrorKind, ProviderError};

use crate::config_file::ConfigFile;
use crate::context;
use crate::environment::Environment;
use crate::settings::Settings;

/// The engine's address and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where.
    pub address: Address,
    /// The certificates, if TLS is spoken.
    pub tls: Option<Tls>,
    /// What decided it, in words: `DOCKER_HOST`, a context's name.
    pub source: String,
}

/// An address of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A unix socket.
    Unix(PathBuf),
    /// `host:port`.
    Tcp(String),
    /// `[user@]host[:port]`, where `docker system dial-stdio` is run.
    Ssh(String),
    /// A named pipe of Windows.
    Pipe(String),
}

/// The certificates of a TLS connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Where `ca.pem`, `cert.pem` and `key.pem` are.
    pub folder: PathBuf,
}

impl Address {
    #[cfg(not(windows))]
    fn default_here() -> Self {
        Self::Unix(PathBuf::from("/var/run/docker.sock"))
    }

    #[cfg(windows)]
    fn default_here() -> Self {
        Self::Pipe("//./pipe/docker_engine".to_owned())
    }

    /// Reads an address as `DOCKER_HOST` has it.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, ProviderError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
        let rest = if scheme == "unix" { rest } else { rest.trim_end_matches('/') };
        match scheme {
            _ if rest.is_empty() => {}
            "unix" => return Ok(Self::Unix(PathBuf::from(rest))),
            "tcp" | "http" | "https" if !rest.contains('/') => return Ok(Self::Tcp(rest.to_owned())),
            "ssh" if !rest.contains('/') => return Ok(Self::Ssh(rest.to_owned())),
            "npipe" => return Ok(Self::Pipe(rest.to_owned())),
            _ => {}
        }
        let message = format!("`{text}` is not the address of a Docker Engine");
        let hint = "write `unix:///path/to/docker.sock`, `tcp://host:port` or `ssh://user@host`";
        Err(ProviderError::new(ErrorKind::Invalid, message).with_hint(hint))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(authority) => write!(f, "tcp://{authority}"),
            Self::Ssh(authority) => write!(f, "ssh://{authority}"),
            Self::Pipe(path) => write!(f, "npipe://{path}"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Endpoint {
    /// Finds the engine as Docker's command line does: the block's settings, `DOCKER_HOST`, `DOCKER_CONTEXT`, the current
    /// context, the default socket.
    ///
    /// # Errors
    /// When the settings contradict each other, or name what there is not.
    pub fn find(settings: &Settings, environment: &Environment) -> Result<Self, ProviderError> {
        if settings.host.is_some() && settings.context.is_some() {
            let message = "both `host` and `context` are given";
            return Err(ProviderError::invalid(AttrPath::of("context"), message).with_hint("leave one of them out"));
        }
        if let Some(host) = &settings.host {
            let address = Address::parse(host)
                .map_err(|error| ProviderError { attribute: Some(AttrPath::of("host")), ..error })?;
            return Ok(Self::at(address, "the provider's `host`", settings, environment));
        }
        if settings.context.is_none()
            && let Some(host) = environment.get(Environment::HOST)
        {
            return Ok(Self::at(Address::parse(host)?, Environment::HOST, settings, environment));
        }
        let folder = environment.config_folder();
        let chosen = match (&settings.context, environment.get(Environment::CONTEXT), &folder) {
            (Some(name), _, _) => Some(name.clone()),
            (None, Some(name), _) => Some(name.to_owned()),
            (None, None, Some(folder)) => ConfigFile::read(folder)?.current_context,
            (None, None, None) => None,
        };
        match chosen.filter(|name| !name.is_empty() && name != context::DEFAULT) {
            None => Ok(Self::at(Address::default_here(), "Docker's default", settings, environment)),
            Some(name) => {
                let folder = folder.ok_or_else(|| {
                    let message = format!("the Docker context `{name}` cannot be looked up: there is no home folder");
                    ProviderError::new(ErrorKind::Refused, message).with_hint("set HOME or DOCKER_CONFIG")
                })?;
                context::endpoint(&folder, &name)
            }
        }
    }

    fn at(address: Address, source: &str, settings: &Settings, environment: &Environment) -> Self {
        let wanted = settings
            .tls_verify
            .unwrap_or_else(|| settings.cert_path.is_some() || environment.get(Environment::TLS_VERIFY).is_some());
        let tls = if wanted && matches!(address, Address::Tcp(_)) {
            let folder = settings
                .cert_path
                .clone()
                .or_else(|| environment.get(Environment::CERT_PATH).map(PathBuf::from))
                .or_else(|| environment.config_folder());
            folder.map(|folder| Tls { folder })
        } else {
            None
        };
        Self { address, tls, source: source.to_owned() }
    }

    /// The variables that make Docker's own programs talk to the same engine. Variables that are not among them but are
    /// [named here](Environment) must be taken out.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![(Environment::HOST, self.address.to_string())];
        if let Some(tls) = &self.tls {
            variables.push((Environment::TLS_VERIFY, "1".to_owned()));
            variables.push((Environment::CERT_PATH, tls.folder.display().to_string()));
        }
        variables
    }
}
