//! What the engine's failures mean, in the contract's terms.

use std::error::Error as _;

use bollard::errors::Error;
use deployctl_sdk::{ErrorKind, ProviderError};

use crate::endpoint::{Address, Endpoint};

/// A request that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
pub struct EngineError {
    /// The engine's answer, if it answered.
    status: Option<u16>,
    error: ProviderError,
}

impl EngineError {
    /// What a failure of the client means.
    pub fn of(error: &Error, endpoint: &Endpoint) -> Self {
        let provider_error = match error {
            Error::DockerResponseServerError { status_code, message } => {
                return Self { status: Some(*status_code), error: answered(*status_code, message) };
            }
            Error::DockerStreamError { error } => ProviderError::new(ErrorKind::Refused, error.trim()),
            Error::RequestTimeoutError => {
                let message = format!("the Docker Engine at {endpoint} took too long to answer");
                ProviderError::new(ErrorKind::Transient, message)
            }
            Error::SocketNotFoundError(_) => no_engine(endpoint, "there is no such socket"),
            Error::HyperLegacyError { .. } | Error::HyperResponseError { .. } | Error::IOError { .. } => {
                match io_error(error) {
                    Some(io) if io.kind() == std::io::ErrorKind::PermissionDenied => no_permission(endpoint),
                    _ => no_engine(endpoint, &innermost(error)),
                }
            }
            Error::CertPathError { path } | Error::CertParseError { path } | Error::CertMultipleKeys { path, .. } => {
                let message = format!("{} is not a usable certificate or key", path.display());
                let hint = "`cert_path` or DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem";
                ProviderError::new(ErrorKind::Refused, message).with_hint(hint)
            }
            other => ProviderError::new(ErrorKind::Internal, format!("the Docker Engine at {endpoint}: {other}")),
        };
        Self { status: None, error: provider_error }
    }

    /// There is no engine at the endpoint, and why.
    pub(crate) fn no_engine(endpoint: &Endpoint, why: &str) -> Self {
        Self::local(no_engine(endpoint, why))
    }

    /// An error that the engine had no part in.
    pub fn local(error: ProviderError) -> Self {
        Self { status: None, error }
    }

    /// Whether the engine says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.status == Some(404)
    }

    /// Whether the engine says that something else is in the way.
    pub fn is_conflict(&self) -> bool {
        self.status == Some(409)
    }

    /// Whether there was no answer at all.
    pub fn is_unreachable(&self) -> bool {
        self.error.kind == ErrorKind::Unreachable
    }

    /// The engine's own words.
    pub fn message(&self) -> &str {
        &self.error.message
    }

    /// The error for a person: what was being done, and what the engine said to it.
    pub fn doing(self, what: &str) -> ProviderError {
        match self.error.kind {
            ErrorKind::Unreachable => self.error,
            _ => ProviderError { message: format!("{what}: {}", self.error.message), ..self.error },
        }
    }
}

impl From<EngineError> for ProviderError {
    fn from(error: EngineError) -> Self {
        error.error
    }
}

fn answered(status: u16, message: &str) -> ProviderError {
    let kind = match status {
        503 | 429 => ErrorKind::Transient,
        _ => ErrorKind::Refused,
    };
    let message = message.trim();
    if message.is_empty() {
        return ProviderError::new(kind, format!("the engine answered with status {status}"));
    }
    ProviderError::new(kind, message)
}

fn no_engine(endpoint: &Endpoint, why: &str) -> ProviderError {
    let message = format!("no Docker Engine answers at {endpoint} ({}): {why}", endpoint.source);
    let hint = match endpoint.address {
        Address::Unix(_) => {
            "start it (`systemctl start docker`), or say where it is with DOCKER_HOST, a Docker context or the \
            provider's `host`"
        }
        _ => "check that it runs and that its address is right; `docker version` asks the same engine",
    };
    ProviderError::new(ErrorKind::Unreachable, message).with_hint(hint)
}

fn no_permission(endpoint: &Endpoint) -> ProviderError {
    let message = format!("no permission to use the Docker Engine at {endpoint}");
    let hint = "add yourself to the group that owns the socket, usually `docker` (`sudo usermod -aG docker $USER`, then \
        log in again), or use a rootless engine";
    ProviderError::new(ErrorKind::Unreachable, message).with_hint(hint)
}

fn io_error(error: &Error) -> Option<&std::io::Error> {
    // It stands for the error that it holds, and so names that one's cause as its own.
    if let Error::IOError { err } = error {
        return Some(err);
    }
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io);
        }
        next = error.source();
    }
    None
}

fn innermost(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = error.to_string();
        next = error.source();
    }
    text
}
