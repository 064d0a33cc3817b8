//! What a provider answers when something cannot be done.

use serde::{Deserialize, Serialize};

use crate::value::AttrPath;

/// An error of a provider. The texts must not contain a sensitive value; providers build them from names and kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What sort of error it is, which decides what the engine does about it.
    pub kind: ErrorKind,
    /// What happened, without a full stop at the end.
    pub message: String,
    /// What to do next, if there is something to do.
    pub hint: Option<String>,
    /// The attribute at fault, if it is one, so that the report can point at it.
    pub attribute: Option<AttrPath>,
    /// The engine's own words (last lines of a log, its diagnostics), shown indented under the message.
    pub detail: Vec<String>,
}

/// What sort of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The configuration asks for what cannot be: the fault of the one who wrote it.
    Invalid,
    /// The engine cannot be reached or does not answer.
    Unreachable,
    /// The engine said no, and will say it again.
    Refused,
    /// It may work when tried again: a time-out, a busy engine.
    Transient,
    /// Something that is not ours stands in the way, or would have been changed.
    NotOurs,
    /// The engine's own plan, made when ours was, does not fit any more what is there. Nothing was changed.
    Stale,
    /// It was cancelled on request.
    Cancelled,
    /// A provider or its engine broke a promise.
    Internal,
}

/// A file of a provider's own that cannot be had: the error names it and what was tried.
impl From<crate::fs::FsError> for ProviderError {
    fn from(error: crate::fs::FsError) -> Self {
        Self::new(ErrorKind::Refused, error.to_string())
    }
}

impl ProviderError {
    /// An error of that kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, attribute: None, detail: Vec::new() }
    }

    /// An attribute whose value cannot be.
    pub fn invalid(attribute: AttrPath, message: impl Into<String>) -> Self {
        Self { attribute: Some(attribute), ..Self::new(ErrorKind::Invalid, message) }
    }

    /// Says what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the engine's own words.
    #[must_use]
    pub fn with_detail(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(lines);
        self
    }
}
