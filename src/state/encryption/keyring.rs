//! The keyring: the data keys of one state, as a document that only those can open whom they are wrapped for.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deployctl_sdk::source;
use serde::{Deserialize, Serialize};

use super::wrapping::{self, Lock};
use super::{Cipher, Encryption, is_encrypted, under};
use crate::error::{Error, Result};
use crate::secret::Registry;
use crate::state::envelope::{self, Format};
use crate::state::keys::DataKey;
use crate::state::upgrade;

/// Where it lies.
pub(crate) const KEYRING: &str = "keyring.json";

const FORMAT: Format = Format { name: "deployctl-keyring", title: "keyring", version: 1, upgrades: upgrade::NONE };

/// The keyring, open.
#[derive(Clone)]
pub(crate) struct Keyring {
    /// What sensitive values are sealed under, and what contents and secrets are compared by. It lives as long as the state
    /// does: it is never seen but through what the data keys encrypt.
    pub values: DataKey,
    /// The data keys, the newest last. More than one while a rotation is under way.
    ciphers: Vec<Cipher>,
    /// Whether it is wrapped as the configuration says, and not as it said before.
    pub as_configured: bool,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("values", &self.values).field("ciphers", &self.ciphers).finish_non_exhaustive()
    }
}

/// The document's body.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    /// Who can open it.
    wrapped_for: Lock,
    /// The data keys in it, the newest last.
    keys: Vec<String>,
    /// The keys themselves.
    wrapped: String,
}

/// What is wrapped.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    values: String,
    keys: Vec<String>,
}

impl Keyring {
    /// A keyring with a new data key.
    pub fn new(values: DataKey) -> Result<Self> {
        let mut new = Self { values, ciphers: Vec::new(), as_configured: true };
        new.add_key()?;
        Ok(new)
    }

    /// The same keyring, whose key for values seals nothing of what these hold.
    pub fn withholding(mut self, secrets: Arc<Registry>) -> Self {
        self.values = self.values.withholding(secrets);
        self
    }

    /// Adds a new data key, under which everything is written from now on.
    pub fn add_key(&mut self) -> Result<()> {
        let mut master = [0; 32];
        source::fill(&mut master)
            .map_err(|error| Error::failed(format!("the system gives no random numbers: {error}")))?;
        self.ciphers.push(Cipher::new(master));
        Ok(())
    }

    /// Forgets all data keys but the newest.
    pub fn drop_old_keys(&mut self) {
        let old = self.ciphers.len().saturating_sub(1);
        self.ciphers.drain(..old);
    }

    /// Whether there are data keys that only what a rotation has not reached yet is under.
    pub fn is_rotating(&self) -> bool {
        self.ciphers.len() > 1
    }

    /// The newest data key.
    pub fn newest(&self) -> Result<&Cipher> {
        self.ciphers.last().ok_or_else(|| Error::failed("the keyring holds no data key"))
    }

    /// The data key of that identity.
    pub fn cipher(&self, id: &str) -> Option<&Cipher> {
        self.ciphers.iter().find(|cipher| cipher.id() == id)
    }

    /// A document's plain bytes. `place` is where it lies, for messages.
    ///
    /// # Errors
    /// Bytes that are not encrypted, are under another key, were changed, or lay elsewhere.
    pub fn open(&self, path: &str, bytes: Vec<u8>, place: &str) -> Result<Vec<u8>> {
        if !is_encrypted(&bytes) {
            return Err(not_encrypted(place));
        }
        let id = under(&bytes).unwrap_or_default().to_owned();
        let cipher = self.cipher(&id).ok_or_else(|| self.unknown_key(place, &id))?;
        cipher.open(path, bytes).ok_or_else(|| changed(place))
    }

    /// A line's plain bytes; `None` if it was changed or stood elsewhere.
    pub fn open_line(&self, context: &[u8], line: &[u8]) -> Option<Vec<u8>> {
        self.ciphers.iter().find_map(|cipher| cipher.open_line(context, line))
    }

    fn unknown_key(&self, place: &str, id: &str) -> Error {
        let known: Vec<&str> = self.ciphers.iter().map(Cipher::id).collect();
        let id: String = id.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
        Error::failed(format!(
            "{place} is encrypted under the data key {id}, and the keyring holds {}",
            known.join(", ")
        ))
        .with_hint(
            "one of the two was put back from an older copy, or belongs to another state; put both back together",
        )
    }

    /// As a document, wrapped as the configuration says. Fetches the key, so it waits.
    pub fn to_bytes(&self, encryption: &Encryption) -> Result<Vec<u8>> {
        let wrapper = wrapping::wrappers(encryption).0?;
        let secret = Secret {
            values: STANDARD.encode(self.values.master()),
            keys: self.ciphers.iter().map(|cipher| STANDARD.encode(cipher.master())).collect(),
        };
        let failed = |error: serde_json::Error| Error::failed(error.to_string());
        let wrapped = wrapper.wrap(&serde_json::to_vec(&secret).map_err(failed)?)?;
        let body = Body {
            wrapped_for: wrapper.lock(),
            keys: self.ciphers.iter().map(|cipher| cipher.id().to_owned()).collect(),
            wrapped: STANDARD.encode(wrapped),
        };
        Ok(envelope::wrap(&FORMAT, &serde_json::to_vec(&body).map_err(failed)?))
    }

    /// From its document. Fetches the keys that it may be wrapped with, so it waits.
    pub fn from_bytes(bytes: &[u8], encryption: &Encryption, place: &str) -> Result<Self> {
        let body = envelope::unwrap(&FORMAT, bytes, place)?;
        let damaged =
            || Error::failed(format!("the keyring {place} is damaged")).with_hint("put it back from a backup");
        let body: Body = serde_json::from_slice(&body).map_err(|_| damaged())?;
        let wrapped = STANDARD.decode(&body.wrapped).map_err(|_| damaged())?;
        let (configured, previous) = wrapping::wrappers(encryption);
        let mut reasons = Vec::new();
        // What cannot be had is reported only if nothing else opens it.
        let mut unavailable = None;
        for (wrapper, as_configured) in
            std::iter::once((configured, true)).chain(previous.into_iter().map(|one| (one, false)))
        {
            match wrapper {
                Ok(wrapper) => match wrapper.unwrap(&body.wrapped_for, &wrapped) {
                    Ok(secret) => {
                        let as_configured = as_configured && wrapper.lock() == body.wrapped_for;
                        return Self::opened(&secret, &body, as_configured).ok_or_else(damaged);
                    }
                    Err(why) => reasons.push(why),
                },
                Err(error) => unavailable = unavailable.or(Some(error)),
            }
        }
        Err(unavailable.unwrap_or_else(|| wrong_key(&body.wrapped_for, place, &reasons)))
    }

    fn opened(secret: &[u8], body: &Body, as_configured: bool) -> Option<Self> {
        let secret: Secret = serde_json::from_slice(secret).ok()?;
        let key = |text: &String| STANDARD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let ciphers: Vec<Cipher> = secret.keys.iter().map(|text| key(text).map(Cipher::new)).collect::<Option<_>>()?;
        // What anybody may read must not say anything else than what is wrapped.
        if !ciphers.iter().map(Cipher::id).eq(body.keys.iter().map(String::as_str)) {
            return None;
        }
        Some(Self { values: DataKey::new(key(&secret.values)?), ciphers, as_configured })
    }
}

fn wrong_key(lock: &Lock, place: &str, reasons: &[String]) -> Error {
    Error::failed(format!("the keyring {place} is wrapped {lock}, which cannot be opened here"))
        .with_detail(reasons.iter().cloned())
        .with_hint("give the key that it is wrapped with; where that is an earlier one, name it in a `previous` block and run `deployctl state rotate-key`")
}

/// A document that should be encrypted and is not.
pub(crate) fn not_encrypted(place: &str) -> Error {
    Error::failed(format!("{place} is not encrypted, and the configuration says `encryption`"))
        .with_hint("where the block is new, or a rotation was interrupted, `deployctl state rotate-key` encrypts what is there; otherwise somebody put it there")
}

/// A document whose ciphertext is not as it was written.
pub(crate) fn changed(place: &str) -> Error {
    Error::failed(format!("{place} was changed since it was encrypted, or belongs elsewhere"))
        .with_hint("put it back from a backup; nothing was read from it")
}

/// A document that is encrypted where nothing says how.
pub(crate) fn unexpected(place: &str) -> Error {
    Error::failed(format!("{place} is encrypted, and the configuration has no `encryption` block"))
        .with_hint("put the block back that it was encrypted with; `deployctl state rotate-key --decrypt` brings it to rest without, as long as the block is there")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Origin;
    use crate::state::encryption::Method;

    fn aes(folder: &std::path::Path, name: &str, key: [u8; 32]) -> Method {
        let _ = deployctl_sdk::fs::write_new(&folder.join(name), STANDARD.encode(key).as_bytes(), 0o600);
        Method::AesGcm { key: Origin::File(name.into()) }
    }

    fn age(folder: &std::path::Path, name: &str) -> Method {
        use age::secrecy::ExposeSecret as _;
        let identity = age::x25519::Identity::generate();
        let text = format!("# made for a test\n{}\n", identity.to_string().expose_secret());
        deployctl_sdk::fs::write_new(&folder.join(name), text.as_bytes(), 0o600).unwrap();
        Method::Age { recipients: vec![identity.to_public().to_string()], identity: Origin::File(name.into()) }
    }

    fn with(method: &Method, previous: &[&Method], folder: &std::path::Path) -> Encryption {
        let previous = previous.iter().map(|method| (*method).clone()).collect();
        Encryption { method: method.clone(), previous, root: folder.to_owned() }
    }

    #[test]
    fn only_whom_it_is_wrapped_for_opens_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let methods = [aes(folder, "a", [1; 32]), aes(folder, "b", [2; 32]), age(folder, "c"), age(folder, "d")];
        for (at, method) in methods.iter().enumerate() {
            let ring = Keyring::new(DataKey::new([9; 32])).unwrap();
            let bytes = ring.to_bytes(&with(method, &[], folder)).unwrap();
            for (other_at, other) in methods.iter().enumerate() {
                let opened = Keyring::from_bytes(&bytes, &with(other, &[], folder), "here");
                assert_eq!(opened.is_ok(), at == other_at, "{method:?} by {other:?}");
                // Named as an earlier one it opens, and is known to be due.
                let opened = Keyring::from_bytes(&bytes, &with(other, &[method], folder), "here").unwrap();
                assert_eq!(opened.as_configured, at == other_at);
            }
        }
    }

    #[test]
    fn the_wrong_key_is_named_and_so_is_the_right_one() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (aes(folder.path(), "a", [1; 32]), aes(folder.path(), "b", [2; 32]));
        let ring = Keyring::new(DataKey::new([9; 32])).unwrap();
        let bytes = ring.to_bytes(&with(&one, &[], folder.path())).unwrap();
        let error = Keyring::from_bytes(&bytes, &with(&two, &[], folder.path()), "keyring.json").unwrap_err();
        assert!(error.message.contains(Cipher::new([1; 32]).id()), "{error}");
        assert!(error.detail.concat().contains(Cipher::new([2; 32]).id()), "{error:?}");
    }

    #[test]
    fn any_flipped_bit_of_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for method in [aes(folder.path(), "a", [1; 32]), age(folder.path(), "b")] {
            let encryption = with(&method, &[], folder.path());
            let bytes = Keyring::new(DataKey::new([9; 32])).unwrap().to_bytes(&encryption).unwrap();
            for bit in (0..bytes.len() * 8).step_by(3) {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(Keyring::from_bytes(&flipped, &encryption, "here").is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn nobody_locks_the_door_with_the_key_inside() {
        let folder = tempfile::tempdir().unwrap();
        let (Method::Age { recipients, .. }, Method::Age { identity, .. }) =
            (age(folder.path(), "a"), age(folder.path(), "b"))
        else {
            unreachable!()
        };
        let error = Keyring::new(DataKey::new([9; 32])).unwrap();
        let error = error.to_bytes(&with(&Method::Age { recipients, identity }, &[], folder.path())).unwrap_err();
        assert!(error.message.contains("holds no identity"), "{error}");
    }
}
