//! The data key: what sensitive values and files rest under.
//!
//! Sealing is deterministic: the nonce is the start of a keyed digest of the plain text, so that an unchanged secret stays
//! the same text on disk, and two of them can be compared without the key being shown around. What that gives away is that
//! two secrets are equal, which the keyed digest, wanted for comparing, gives away in any case.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use deployctl_sdk::value::{Seal, SealError};
use deployctl_sdk::{Digest, source};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use tokio::sync::OnceCell;

use super::backend::{Backend, Condition};
use crate::error::{Error, Result};

/// The variable that holds the data key.
pub const STATE_KEY_VARIABLE: &str = "DEPLOYCTL_STATE_KEY";

const NONCE_BYTES: usize = 24;
const DIGEST_BYTES: usize = 32;

/// A key for everything sensitive in one state.
#[derive(Clone)]
pub struct DataKey {
    master: [u8; 32],
    cipher: XChaCha20Poly1305,
    digest: Hmac<Sha256>,
    id: Arc<str>,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}

impl DataKey {
    /// The key with these bytes.
    pub fn new(master: [u8; 32]) -> Self {
        let encryption = derived(&master, b"deployctl encryption");
        let mut id = derived(&master, b"deployctl key id").to_vec();
        id.truncate(4);
        Self {
            master,
            cipher: XChaCha20Poly1305::new(&encryption.into()),
            digest: keyed(&derived(&master, b"deployctl digest")),
            id: id.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        }
    }

    /// A new random key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn random() -> Result<Self> {
        let mut master = [0; 32];
        source::fill(&mut master)
            .map_err(|error| Error::failed(format!("the system gives no random numbers: {error}")))?;
        Ok(Self::new(master))
    }

    /// Reads a key written as 64 hexadecimal digits or as base64 of 32 bytes.
    ///
    /// # Errors
    /// When the text is neither; `from` says where it came from. The text is not shown.
    pub fn parse(text: &str, from: &str) -> Result<Self> {
        let text = text.trim();
        if let Ok(digest) = text.to_ascii_lowercase().parse::<Digest>() {
            return Ok(Self::new(*digest.as_bytes()));
        }
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(Self::new).ok_or_else(|| {
            Error::failed(format!("{from} does not hold a data key")).with_hint(
                "a data key is 32 random bytes, in base64 or as 64 hexadecimal digits; `openssl rand -base64 32` makes one",
            )
        })
    }

    /// Which key it is, without giving it away.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The keyed digest of some bytes: equal for equal bytes under one key, and worth nothing without it.
    pub fn digest(&self, bytes: &[u8]) -> Digest {
        let mut mac = self.digest.clone();
        mac.update(bytes);
        Digest::from_bytes(mac.finalize().into_bytes().into())
    }

    /// The bytes as they may rest: the keyed digest and the ciphertext.
    ///
    /// # Errors
    /// Only for more bytes than the cipher can take, which no memory holds.
    pub fn seal_bytes(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let digest = self.digest(plain);
        let (nonce, _) = digest.as_bytes().split_at(NONCE_BYTES);
        let cipher = self.cipher.encrypt(XNonce::from_slice(nonce), plain);
        let cipher = cipher.map_err(|_| Error::failed("sealing failed"))?;
        Ok([digest.as_bytes().as_slice(), &cipher].concat())
    }

    /// What [`DataKey::seal_bytes`] sealed.
    ///
    /// # Errors
    /// For another key, or damaged bytes.
    pub fn open_bytes(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        let opened = sealed.split_at_checked(DIGEST_BYTES).and_then(|(digest, cipher)| {
            let plain = self.cipher.decrypt(XNonce::from_slice(digest.get(..NONCE_BYTES)?), cipher).ok()?;
            (self.digest(&plain).as_bytes() == digest).then_some(plain)
        });
        opened.ok_or_else(|| {
            Error::failed(format!("it is damaged, or was sealed with another data key than {}", self.id))
        })
    }
}

impl Seal for DataKey {
    fn seal(&self, plain: &[u8]) -> Result<String, SealError> {
        let sealed = self.seal_bytes(plain).map_err(|error| SealError(error.message))?;
        Ok(format!("{}:{}", self.id, STANDARD.encode(sealed)))
    }

    fn open(&self, sealed: &str) -> Result<Vec<u8>, SealError> {
        let (id, text) = sealed.split_once(':').ok_or_else(|| SealError("it is not a sealed value".to_owned()))?;
        if id != &*self.id {
            return Err(SealError(format!("it was sealed with the data key {id}, and the one given is {}", self.id)));
        }
        let bytes = STANDARD.decode(text).map_err(|_| SealError("it is not a sealed value".to_owned()))?;
        self.open_bytes(&bytes).map_err(|error| SealError(error.message))
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // A key shorter than the hash's block is padded with zeros by definition; done here, no length can be wrong.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(place, byte)| *place = *byte);
    <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into())
}

fn derived(master: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    let mut mac = keyed(master);
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}

/// Where a state's data key comes from.
pub struct Keys {
    backend: Arc<dyn Backend>,
    path: String,
    key: OnceCell<DataKey>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("key", &self.key.get()).finish_non_exhaustive()
    }
}

impl Keys {
    /// The given key, or else the one in the file at `path`.
    pub(crate) fn new(backend: Arc<dyn Backend>, path: String, given: Option<DataKey>) -> Self {
        Self { backend, path, key: OnceCell::new_with(given) }
    }

    /// The key, if there is one.
    ///
    /// # Errors
    /// When the key file cannot be read or holds something else.
    pub async fn existing(&self) -> Result<Option<&DataKey>> {
        if let Some(key) = self.key.get() {
            return Ok(Some(key));
        }
        if !self.backend.keeps_key() {
            return Ok(None);
        }
        let Some(bytes) = self.backend.get(&self.path).await? else { return Ok(None) };
        let key = DataKey::parse(&String::from_utf8_lossy(&bytes), &self.backend.place(&self.path))?;
        Ok(Some(self.key.get_or_init(|| async { key }).await))
    }

    /// The key, made now if there is none and the backend is a place for it.
    ///
    /// # Errors
    /// When there is none and none can be made here.
    pub async fn ready(&self) -> Result<&DataKey> {
        if let Some(key) = self.existing().await? {
            return Ok(key);
        }
        if !self.backend.keeps_key() {
            return Err(Error::failed(format!(
                "there are sensitive values to be kept in {}, and no data key to seal them with",
                self.backend.place("")
            ))
            .with_hint(format!(
                "set {STATE_KEY_VARIABLE} to 32 random bytes in base64; `openssl rand -base64 32` makes them"
            )));
        }
        let key = DataKey::random()?;
        let text = format!("{}\n", STANDARD.encode(key.master));
        if self.backend.put(&self.path, text.into_bytes(), Condition::Absent).await?.is_some() {
            return Ok(self.key.get_or_init(|| async { key }).await);
        }
        // Another process was faster; its key is the one.
        self.existing().await?.ok_or_else(|| Error::failed("the data key vanished while it was being made"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealing_is_stable_and_undone_only_by_the_same_key() {
        let (one, other) = (DataKey::new([1; 32]), DataKey::new([2; 32]));
        let sealed = one.seal(b"hunter2").unwrap();
        assert_eq!(one.seal(b"hunter2").unwrap(), sealed);
        assert_eq!(one.open(&sealed).unwrap(), b"hunter2");
        let error = other.open(&sealed).unwrap_err().to_string();
        assert!(error.contains(one.id()) && error.contains(other.id()), "{error}");
        assert!(other.open_bytes(&one.seal_bytes(b"hunter2").unwrap()).is_err());
        assert_ne!(one.digest(b"hunter2"), other.digest(b"hunter2"));
        assert!(!format!("{one:?}").contains("1, 1"));
    }

    #[test]
    fn every_flipped_bit_of_what_is_sealed_is_refused() {
        let key = DataKey::new([7; 32]);
        let sealed = key.seal_bytes(b"secret").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open_bytes(&flipped).is_err(), "{bit}");
        }
    }

    #[test]
    fn keys_are_read_in_both_forms() {
        let base64 = STANDARD.encode([9; 32]);
        let hex = "09".repeat(32);
        assert_eq!(DataKey::parse(&base64, "x").unwrap().id(), DataKey::parse(&hex, "x").unwrap().id());
        for wrong in ["", "abc", &"0".repeat(63), &STANDARD.encode([9; 31])] {
            let error = DataKey::parse(wrong, "DEPLOYCTL_STATE_KEY").unwrap_err();
            assert!(error.message.contains("DEPLOYCTL_STATE_KEY"));
        }
    }
}
