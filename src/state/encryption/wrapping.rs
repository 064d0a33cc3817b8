//! Wrapping a few bytes, the data keys, for whoever may open them: by age, or by AES-256-GCM under a key of the user's.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::str::FromStr as _;

use age::x25519::{Identity, Recipient};
use serde::{Deserialize, Serialize};

use super::{Cipher, Encryption, Method};
use crate::error::{Error, Result};
use crate::secret::Origin;
use crate::state::keys::parse_key;

/// What a wrapped key is bound to.
const CONTEXT: &str = "deployctl keyring";

/// Who can open what was wrapped, as anybody may read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Lock {
    /// These recipients.
    Age {
        /// `age1…`, sorted.
        recipients: Vec<String>,
    },
    /// Who has this key.
    AesGcm {
        /// The identity of the key.
        key: String,
    },
}

impl std::fmt::Display for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Age { recipients } => write!(f, "for the age recipients {}", recipients.join(", ")),
            Self::AesGcm { key } => write!(f, "under the AES-256-GCM key {key}"),
        }
    }
}

/// A method with its key at hand.
pub(super) enum Wrapper {
    Age { recipients: Vec<Recipient>, identities: Vec<Identity>, origin: Origin },
    AesGcm { key: Cipher, origin: Origin },
}

impl Wrapper {
    /// Fetches the key that a method needs. Commands may be run, so this waits.
    pub fn new(method: &Method, root: &Path) -> Result<Self> {
        let origin = method.origin().clone();
        let text = origin.text(root).map_err(|error| {
            let failure =
                Error::failed(format!("the key of `encryption \"{}\"` is not to be had: {error}", method.name()));
            Error { hint: error.hint, ..failure }
        })?;
        match method {
            Method::Age { recipients, .. } => {
                let recipients = recipients.iter().map(|text| {
                    Recipient::from_str(text)
                        .map_err(|why| Error::failed(format!("`{text}` is not an age recipient: {why}")))
                });
                let identities = identities(&text).ok_or_else(|| {
                    Error::failed(format!("{origin} does not hold an age identity"))
                        .with_hint("an identity is a line that begins with `AGE-SECRET-KEY-1`; `age-keygen` makes one")
                })?;
                Ok(Self::Age { recipients: recipients.collect::<Result<_>>()?, identities, origin })
            }
            Method::AesGcm { .. } => {
                Ok(Self::AesGcm { key: Cipher::new(parse_key(&text, &origin.to_string())?), origin })
            }
        }
    }

    /// Whom it wraps for.
    pub fn lock(&self) -> Lock {
        match self {
            Self::Age { recipients, .. } => {
                let mut recipients: Vec<String> = recipients.iter().map(ToString::to_string).collect();
                recipients.sort();
                recipients.dedup();
                Lock::Age { recipients }
            }
            Self::AesGcm { key, .. } => Lock::AesGcm { key: key.id().to_owned() },
        }
    }

    /// Wraps some bytes.
    pub fn wrap(&self, plain: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::AesGcm { key, .. } => key.seal(CONTEXT, plain),
            Self::Age { recipients, identities, origin } => {
                let own = identities.iter().map(|identity| identity.to_public().to_string());
                let mut known = recipients.iter().map(ToString::to_string);
                // Nobody should lock the door with the key inside.
                if !own.into_iter().any(|own| known.any(|recipient| recipient == own)) {
                    return Err(Error::failed(format!("{origin} holds no identity of any of the recipients"))
                        .with_hint("add its own recipient (`age-keygen -y`) to `recipients`: what is written must be read again here"));
                }
                let failed = |why: &dyn std::fmt::Display| {
                    Error::failed(format!("the data keys cannot be wrapped by age: {why}"))
                };
                let recipients = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
                let encryptor = age::Encryptor::with_recipients(recipients).map_err(|why| failed(&why))?;
                let mut wrapped = Vec::new();
                let mut writer = encryptor.wrap_output(&mut wrapped).map_err(|why| failed(&why))?;
                writer.write_all(plain).map_err(|why| failed(&why))?;
                writer.finish().map_err(|why| failed(&why))?;
                Ok(wrapped)
            }
        }
    }

    /// Undoes [`Wrapper::wrap`]; the error says in a few words what is at hand instead of what is needed.
    pub fn unwrap(&self, lock: &Lock, wrapped: &[u8]) -> Result<Vec<u8>, String> {
        match (self, lock) {
            (Self::AesGcm { key, origin }, Lock::AesGcm { key: wanted }) if key.id() != wanted => {
                Err(format!("{origin} holds the key {}", key.id()))
            }
            (Self::AesGcm { key, .. }, Lock::AesGcm { .. }) => {
                key.open(CONTEXT, wrapped.to_vec()).ok_or_else(|| "it was changed since".to_owned())
            }
            (Self::Age { identities, origin, .. }, Lock::Age { .. }) => {
                let mut plain = Vec::new();
                let held = || {
                    let own: Vec<String> = identities.iter().map(|identity| identity.to_public().to_string()).collect();
                    format!("{origin} holds the identity of {}", own.join(", "))
                };
                let opened = age::Decryptor::new(wrapped)
                    .and_then(|age| age.decrypt(identities.iter().map(|identity| identity as &dyn age::Identity)));
                match opened {
                    Ok(mut reader) => {
                        reader.read_to_end(&mut plain).map(|_| plain).map_err(|_| "it was changed since".to_owned())
                    }
                    Err(age::DecryptError::NoMatchingKeys) => Err(held()),
                    Err(_) => Err("it was changed since".to_owned()),
                }
            }
            (Self::Age { .. }, Lock::AesGcm { .. }) => Err("the configuration says `encryption \"age\"`".to_owned()),
            (Self::AesGcm { .. }, Lock::Age { .. }) => {
                Err("the configuration says `encryption \"aes_gcm\"`".to_owned())
            }
        }
    }
}

/// The identities in a text, comments and empty lines left out; `None` if there are none or a line is something else.
fn identities(text: &str) -> Option<Vec<Identity>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let found: Vec<Identity> = lines.map(|line| Identity::from_str(line).ok()).collect::<Option<_>>()?;
    (!found.is_empty()).then_some(found)
}

/// The wrapper of the method that keys are wrapped with, and those that they may still be wrapped with.
pub(super) fn wrappers(encryption: &Encryption) -> (Result<Wrapper>, Vec<Result<Wrapper>>) {
    let wrapper = |method: &Method| Wrapper::new(method, &encryption.root);
    (wrapper(&encryption.method), encryption.previous.iter().map(wrapper).collect())
}
