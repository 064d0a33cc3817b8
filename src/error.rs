//! What the library answers when something cannot be done. The command line turns the kind into an exit code.

use std::sync::Arc;

use deployctl_sdk::ProviderError;

use crate::diagnostic::{Diagnostic, SourceMap};

/// The result of anything that can fail for a user's reason.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure it is; each has its documented exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something was tried and did not work.
    Failed,
    /// The saved plan does not fit the state any more.
    Stale,
    /// Another run holds the lock.
    Locked,
    /// It was interrupted on request.
    Interrupted,
    /// A protection or policy forbids it.
    Refused,
    /// The command line was used wrongly.
    Usage,
    /// The configuration is invalid.
    Invalid,
}

/// A failure with what to do next. Its texts never hold a sensitive value.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What sort of failure.
    pub kind: ErrorKind,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// More lines, shown indented: an engine's own words, a list of names.
    pub detail: Vec<String>,
    /// The places at fault, where the failure is in the configuration.
    pub report: Option<Report>,
}

/// Complaints with the texts they point into.
#[derive(Debug, Clone)]
pub struct Report {
    /// The texts.
    pub sources: Arc<SourceMap>,
    /// The complaints, sorted.
    pub diagnostics: Vec<Diagnostic>,
}

impl Error {
    /// A failure of that kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, detail: Vec::new(), report: None }
    }

    /// Something did not work.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The command line was used wrongly.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// A provider could not do `what`.
    pub fn of_provider(what: &str, error: ProviderError) -> Self {
        let kind = match error.kind {
            deployctl_sdk::ErrorKind::Invalid => ErrorKind::Invalid,
            deployctl_sdk::ErrorKind::NotOurs => ErrorKind::Refused,
            deployctl_sdk::ErrorKind::Cancelled => ErrorKind::Interrupted,
            _ => ErrorKind::Failed,
        };
        let failure = Self::new(kind, format!("{what}: {}", error.message)).with_detail(error.detail);
        Self { hint: error.hint, ..failure }
    }

    /// The configuration is invalid.
    pub fn invalid(sources: Arc<SourceMap>, mut diagnostics: Vec<Diagnostic>) -> Self {
        crate::diagnostic::sort(&mut diagnostics);
        let message = match diagnostics.len() {
            1 => "1 error in the configuration".to_owned(),
            count => format!("{count} errors in the configuration"),
        };
        Self { report: Some(Report { sources, diagnostics }), ..Self::new(ErrorKind::Invalid, message) }
    }

    /// Says what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds lines.
    #[must_use]
    pub fn with_detail(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(lines);
        self
    }
}
