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
use deployctl_sdk::value::{Clear, Fingerprint, Seal, SealError, Withheld};
use deployctl_sdk::{Digest, Value, source};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use tokio::sync::OnceCell;

use super::backend::{Backend, Condition};
use super::encryption::{self, Encryption, KEYRING, Keyring, Lines};
use crate::error::{Error, Result};
use crate::secret::Registry;

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
    /// What must not rest, not even sealed.
    secrets: Arc<Registry>,
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
        Self {
            master,
            cipher: XChaCha20Poly1305::new(&encryption.into()),
            digest: keyed(&derived(&master, b"deployctl digest")),
            id: key_id(&master),
            secrets: Arc::default(),
        }
    }

    /// The same key, which seals nothing of what these hold.
    #[must_use]
    pub fn withholding(self, secrets: Arc<Registry>) -> Self {
        Self { secrets, ..self }
    }

    /// Whether anything in a value must not rest.
    pub(crate) fn is_from_secret(&self, value: &Value) -> bool {
        self.secrets.touches(value)
    }

    /// Whether there is any secret that must not rest.
    pub(crate) fn withholds(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// The digest by which it is seen whether a secret has changed.
    pub(crate) fn digest_of_secret(&self, secret: &Value) -> String {
        let bytes =
            serde_json::to_vec(&deployctl_sdk::value::Tagged::new(&secret.reveal(), &Clear)).unwrap_or_default();
        self.fingerprint(&String::from_utf8_lossy(&bytes))
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
        parse_key(text, from).map(Self::new)
    }

    /// The key's bytes, to be kept where nobody else reads.
    pub(crate) fn master(&self) -> &[u8; 32] {
        &self.master
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

    fn withhold(&self, text: &str, sensitive: bool) -> Option<String> {
        self.secrets.holds(text, sensitive).then(|| self.fingerprint(text))
    }

    fn recall(&self, digest: &str) -> Result<Withheld, SealError> {
        match digest.split_once(':') {
            Some((id, _)) if id == &*self.id => Ok(Withheld::new(digest, Arc::new(self.clone()))),
            Some((id, _)) => {
                Err(SealError(format!("its digest is under the data key {id}, and the one given is {}", self.id)))
            }
            None => Err(SealError("it is not the digest of a secret".to_owned())),
        }
    }
}

impl Fingerprint for DataKey {
    fn fingerprint(&self, text: &str) -> String {
        format!("{}:{}", self.id, self.digest(format!("deployctl secret\n{text}").as_bytes()))
    }
}

/// A key for what is sealed as a whole afterwards: sensitive values stay as they are, and secrets are withheld.
pub(crate) struct Inside<'k>(pub &'k DataKey);

impl Seal for Inside<'_> {
    fn seal(&self, plain: &[u8]) -> Result<String, SealError> {
        Clear.seal(plain)
    }

    fn open(&self, sealed: &str) -> Result<Vec<u8>, SealError> {
        Clear.open(sealed)
    }

    fn withhold(&self, text: &str, sensitive: bool) -> Option<String> {
        self.0.withhold(text, sensitive)
    }

    fn recall(&self, digest: &str) -> Result<Withheld, SealError> {
        self.0.recall(digest)
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // A key shorter than the hash's block is padded with zeros by definition; done here, no length can be wrong.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(place, byte)| *place = *byte);
    <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into())
}

/// Reads the bytes of a key: 64 hexadecimal digits or base64 of 32 bytes. `from` says where the text came from; the text is
/// not shown.
pub(crate) fn parse_key(text: &str, from: &str) -> Result<[u8; 32]> {
    let text = text.trim();
    if let Ok(digest) = text.to_ascii_lowercase().parse::<Digest>() {
        return Ok(*digest.as_bytes());
    }
    let bytes = STANDARD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.ok_or_else(|| {
        Error::failed(format!("{from} does not hold a data key")).with_hint(
            "a data key is 32 random bytes, in base64 or as 64 hexadecimal digits; `openssl rand -base64 32` makes one",
        )
    })
}

/// A key's identity, which does not give it away.
pub(crate) fn key_id(master: &[u8; 32]) -> Arc<str> {
    let id = derived(master, b"deployctl key id");
    id.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// A key for one purpose, from a key for all.
pub(crate) fn derived(master: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    let mut mac = keyed(master);
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}

/// Where a state's keys come from.
pub struct Keys {
    backend: Arc<dyn Backend>,
    path: String,
    given: Option<DataKey>,
    encryption: Option<Encryption>,
    secrets: Arc<Registry>,
    key: OnceCell<DataKey>,
    keyring: OnceCell<Keyring>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("key", &self.key.get())
            .field("keyring", &self.keyring.get())
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// The given key, or else the one in the file at `path`. With `encryption`, the keyring's.
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        path: String,
        given: Option<DataKey>,
        encryption: Option<Encryption>,
        secrets: Arc<Registry>,
    ) -> Self {
        let given = given.map(|key| key.withholding(secrets.clone()));
        Self { backend, path, given, encryption, secrets, key: OnceCell::new(), keyring: OnceCell::new() }
    }

    /// What must not rest: who fetches secrets notes them here.
    pub fn secrets(&self) -> &Arc<Registry> {
        &self.secrets
    }

    /// The key that was given from outside.
    pub(crate) fn given(&self) -> Option<&DataKey> {
        self.given.as_ref()
    }

    /// How documents are encrypted, if they are.
    pub(crate) fn encryption(&self) -> Option<&Encryption> {
        self.encryption.as_ref()
    }

    /// The key that sensitive values are sealed under, if there is one.
    ///
    /// # Errors
    /// When the key file or the keyring cannot be read, holds something else, or is another than the key that was given.
    pub async fn existing(&self) -> Result<Option<&DataKey>> {
        match (&self.encryption, &self.given) {
            (Some(_), given) => Ok(self.keyring().await?.map(|keyring| &keyring.values).or(given.as_ref())),
            (None, Some(given)) => Ok(Some(given)),
            (None, None) => self.in_file().await,
        }
    }

    /// The key in the key file, where there is one.
    pub(crate) async fn in_file(&self) -> Result<Option<&DataKey>> {
        if let Some(key) = self.key.get() {
            return Ok(Some(key));
        }
        if !self.backend.keeps_key() {
            return Ok(None);
        }
        let Some(bytes) = self.backend.get(&self.path).await? else { return Ok(None) };
        let key = DataKey::parse(&String::from_utf8_lossy(&bytes), &self.backend.place(&self.path))?;
        let key = key.withholding(self.secrets.clone());
        Ok(Some(self.key.get_or_init(|| async { key }).await))
    }

    /// The keyring, where documents are encrypted and there is one yet.
    pub(crate) async fn keyring(&self) -> Result<Option<&Keyring>> {
        let Some(encryption) = &self.encryption else { return Ok(None) };
        if let Some(keyring) = self.keyring.get() {
            return Ok(Some(keyring));
        }
        let Some(bytes) = self.backend.get(KEYRING).await? else { return Ok(None) };
        let place = self.backend.place(KEYRING);
        let opened = waiting(encryption, move |encryption| Keyring::from_bytes(&bytes, encryption, &place)).await?;
        let opened = opened.withholding(self.secrets.clone());
        if let Some(given) = self.given.as_ref().filter(|given| given.id() != opened.values.id()) {
            return Err(Error::failed(format!(
                "{STATE_KEY_VARIABLE} is the data key {}, and the sensitive values of {} are sealed under {}",
                given.id(),
                self.backend.place(""),
                opened.values.id()
            ))
            .with_hint(format!("unset {STATE_KEY_VARIABLE}: the keyring holds that key")));
        }
        Ok(Some(self.keyring.get_or_init(|| async { opened }).await))
    }

    /// The key, made now if there is none and the backend is a place for it.
    ///
    /// # Errors
    /// When there is none and none can be made here.
    pub async fn ready(&self) -> Result<&DataKey> {
        if self.encryption.is_some() {
            return self.ready_keyring().await.map(|keyring| &keyring.values);
        }
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
        let key = DataKey::random()?.withholding(self.secrets.clone());
        if self.keep(&key).await? {
            return Ok(self.key.get_or_init(|| async { key }).await);
        }
        // Another process was faster; its key is the one.
        self.existing().await?.ok_or_else(|| Error::failed("the data key vanished while it was being made"))
    }

    /// Keeps a key in the key file, unless there is one. Answers whether it did.
    pub(crate) async fn keep(&self, key: &DataKey) -> Result<bool> {
        let text = format!("{}\n", STANDARD.encode(key.master));
        Ok(self.backend.put(&self.path, text.into_bytes(), Condition::Absent).await?.is_some())
    }

    async fn ready_keyring(&self) -> Result<&Keyring> {
        if let Some(keyring) = self.keyring().await? {
            return Ok(keyring);
        }
        let gone = || Error::failed("the keyring vanished while it was being made");
        let keyring = self.new_keyring().await?;
        let bytes = self.wrapped(&keyring).await?;
        // If another process was faster, its keyring is the one.
        self.backend.put(KEYRING, bytes, Condition::Absent).await?;
        let keyring = self.keyring().await?.ok_or_else(gone)?;
        if self.in_file().await?.is_some_and(|key| key.id() == keyring.values.id()) {
            self.backend.delete(&self.path).await?;
        }
        Ok(keyring)
    }

    /// A keyring for a state that has none: what its values are sealed under already goes into it.
    pub(crate) async fn new_keyring(&self) -> Result<Keyring> {
        let values = match (&self.given, self.in_file().await?) {
            (Some(given), _) => given.clone(),
            (None, Some(kept)) => kept.clone(),
            (None, None) => DataKey::random()?,
        };
        Keyring::new(values)
    }

    /// A keyring's document.
    pub(crate) async fn wrapped(&self, keyring: &Keyring) -> Result<Vec<u8>> {
        let encryption = self.encryption.as_ref().ok_or_else(|| Error::failed("nothing says how to encrypt"))?;
        let keyring = keyring.clone();
        waiting(encryption, move |encryption| keyring.to_bytes(encryption)).await
    }

    /// A document as it may rest at `path`.
    ///
    /// # Errors
    /// When its key is not to be had.
    pub(crate) async fn seal_document(&self, path: &str, plain: Vec<u8>) -> Result<Vec<u8>> {
        match &self.encryption {
            None => Ok(plain),
            Some(_) => self.ready_keyring().await?.newest()?.seal(path, &plain),
        }
    }

    /// What [`Keys::seal_document`] made.
    ///
    /// # Errors
    /// When its key is not to be had, it was changed, or it is encrypted where it should not be or the reverse.
    pub(crate) async fn open_document(&self, path: &str, resting: Vec<u8>) -> Result<Vec<u8>> {
        let place = || self.backend.place(path);
        match (&self.encryption, self.keyring().await?) {
            (None, _) if encryption::is_encrypted(&resting) => Err(encryption::unexpected(&place())),
            (None, _) => Ok(resting),
            (Some(_), Some(keyring)) => keyring.open(path, resting, &place()),
            (Some(_), None) if encryption::is_encrypted(&resting) => {
                Err(Error::failed(format!("{} is encrypted, and there is no {}", place(), self.backend.place(KEYRING)))
                    .with_hint("put the keyring back from a backup: without it nothing of the state can be opened"))
            }
            (Some(_), None) => Err(encryption::not_encrypted(&place())),
        }
    }

    /// The keys that lines are encrypted under, made now if there are none.
    pub(crate) async fn lines_ready(&self) -> Result<Lines> {
        if self.encryption.is_some() {
            self.ready_keyring().await?;
        }
        self.lines().await
    }

    /// The keys that lines are encrypted under. Without a keyring there is no line that could be read.
    pub(crate) async fn lines(&self) -> Result<Lines> {
        match (&self.encryption, self.keyring().await?) {
            (Some(_), None) => Ok(Lines::new(Some(self.new_keyring().await?))),
            (_, keyring) => Ok(Lines::new(keyring.cloned())),
        }
    }

    /// The key that plans are sealed under, if there is one: it goes with the data key, so that rotating takes it from whoever
    /// had the old one.
    ///
    /// # Errors
    /// As [`Keys::existing`].
    pub async fn for_plans(&self) -> Result<Option<DataKey>> {
        match (&self.encryption, self.keyring().await?) {
            (None, _) => Ok(self.existing().await?.cloned()),
            (Some(_), Some(keyring)) => {
                let key = DataKey::new(derived(keyring.newest()?.master(), b"deployctl plan"));
                Ok(Some(key.withholding(self.secrets.clone())))
            }
            (Some(_), None) => Ok(None),
        }
    }

    /// As [`Keys::for_plans`], made now if there is none.
    ///
    /// # Errors
    /// As [`Keys::ready`].
    pub async fn ready_for_plans(&self) -> Result<DataKey> {
        let key = self.ready().await?;
        Ok(self.for_plans().await?.unwrap_or_else(|| key.clone()))
    }
}

/// Does something that may wait for a command, where it does not hold up anything else.
async fn waiting<T: Send + 'static>(
    encryption: &Encryption,
    work: impl FnOnce(&Encryption) -> Result<T> + Send + 'static,
) -> Result<T> {
    let encryption = encryption.clone();
    let done = tokio::task::spawn_blocking(move || work(&encryption)).await;
    done.map_err(|_| Error::failed("the encryption's key did not come"))?
}

#[cfg(test)]
mod tests;
