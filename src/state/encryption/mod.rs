//! Encryption at rest: documents leave this machine as ciphertext, whatever backend keeps them.
//!
//! A state has a *keyring*, itself a document: it holds the data keys, wrapped for age recipients or under a key that the
//! user keeps ([`wrapping`], [`keyring`]). Documents and the lines of journal and history are encrypted under the newest
//! data key ([`cipher`]). To rotate is to make a new data key, wrap all again, and bring every document under it
//! ([`rotate`]); it may be killed at any point and gone on with. An older state that somebody put back is noticed against
//! what this machine has seen ([`seen`]) and against the revisions that lie beside it.
//!
//! This module knows neither configurations nor what the documents mean.

mod cipher;
mod keyring;
mod lines;
mod rotate;
mod seen;
mod wrapping;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::secret::Origin;

pub(crate) use cipher::{Cipher, is_encrypted, under};
pub(crate) use keyring::{KEYRING, Keyring, not_encrypted, unexpected};
pub(crate) use lines::Lines;
pub use rotate::Rotated;
pub(crate) use seen::{Seen, older};

/// How a state's documents are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// What its data keys are wrapped with.
    pub method: Method,
    /// What they may still be wrapped with, until the keys are rotated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Method>,
    /// The folder that relative paths and commands begin at.
    #[serde(skip)]
    pub root: PathBuf,
}

/// What data keys are wrapped with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// For age recipients.
    Age {
        /// Who can open them: `age1…`.
        recipients: Vec<String>,
        /// What opens them here: one identity or several, as `age-keygen` writes them.
        identity: Origin,
    },
    /// Under a key of 32 bytes, by AES-256-GCM.
    AesGcm {
        /// The key.
        key: Origin,
    },
}

impl Method {
    /// Its name in a configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Age { .. } => "age",
            Self::AesGcm { .. } => "aes_gcm",
        }
    }

    /// Where what opens it comes from.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Age { identity, .. } => identity,
            Self::AesGcm { key } => key,
        }
    }
}

impl Encryption {
    /// Whether a command gives one of its keys: such settings must come from a configuration, never from a file that
    /// somebody passed on.
    pub fn runs_commands(&self) -> bool {
        let mut methods = std::iter::once(&self.method).chain(&self.previous);
        methods.any(|method| matches!(method.origin(), Origin::Command(_)))
    }
}
