//! A data key at work: bytes to ciphertext and back, each bound to the place where it lies.
//!
//! Each message has a key of its own, derived from the data key and 32 random bytes that stand in front of it, so that no
//! nonce is ever used twice however many messages there are. The place is authenticated with it: a ciphertext that is moved
//! to another name is refused like one that was changed.

use std::fmt;
use std::sync::Arc;

use aes_gcm::aead::{AeadInPlace as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deployctl_sdk::source;

use crate::error::{Error, Result};
use crate::state::keys::{derived, key_id};

/// What every encrypted document begins with; the identity of its data key and a line break follow.
const MAGIC: &[u8] = b"deployctl-encrypted 1 ";

const SALT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// A data key.
#[derive(Clone)]
pub(crate) struct Cipher {
    master: [u8; 32],
    id: Arc<str>,
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cipher({})", self.id)
    }
}

impl Cipher {
    /// The data key with these bytes.
    pub fn new(master: [u8; 32]) -> Self {
        Self { id: key_id(&master), master }
    }

    /// Which key it is, without giving it away.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key's bytes, to be wrapped.
    pub fn master(&self) -> &[u8; 32] {
        &self.master
    }

    /// A document as it may rest at `path`.
    pub fn seal(&self, path: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let head = head(&self.id);
        let mut bytes = Vec::with_capacity(head.len() + SALT_BYTES + plain.len() + TAG_BYTES);
        bytes.extend_from_slice(&head);
        self.append(&[&head, path.as_bytes()], plain, &mut bytes)?;
        Ok(bytes)
    }

    /// What [`Cipher::seal`] sealed under this key; `None` if a bit of it is another or it lay elsewhere.
    pub fn open(&self, path: &str, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let head = head(&self.id);
        let start = bytes.starts_with(&head).then_some(head.len())?;
        self.open_in_place(&[&head, path.as_bytes()], &mut bytes, start)?;
        Some(bytes)
    }

    /// A line as it may rest, as a JSON string; `context` says where.
    pub fn seal_line(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(SALT_BYTES + plain.len() + TAG_BYTES);
        self.append(&[b"line", context], plain, &mut bytes)?;
        Ok(format!(r#""{}:{}""#, self.id, STANDARD.encode(bytes)).into_bytes())
    }

    /// What [`Cipher::seal_line`] sealed under this key.
    pub fn open_line(&self, context: &[u8], line: &[u8]) -> Option<Vec<u8>> {
        let text =
            line.strip_prefix(b"\"")?.strip_suffix(b"\"")?.strip_prefix(self.id.as_bytes())?.strip_prefix(b":")?;
        let mut bytes = STANDARD.decode(text).ok()?;
        self.open_in_place(&[b"line", context], &mut bytes, 0)?;
        Some(bytes)
    }

    fn append(&self, context: &[&[u8]], plain: &[u8], to: &mut Vec<u8>) -> Result<()> {
        let mut salt = [0; SALT_BYTES];
        source::fill(&mut salt)
            .map_err(|error| Error::failed(format!("the system gives no random numbers: {error}")))?;
        to.extend_from_slice(&salt);
        let start = to.len();
        to.extend_from_slice(plain);
        let place = to.get_mut(start..).unwrap_or_default();
        let tag = self.message(&salt).encrypt_in_place_detached(&Nonce::default(), &joined(context), place);
        let tag = tag.map_err(|_| Error::failed("a document is too large to be encrypted"))?;
        to.extend_from_slice(&tag);
        Ok(())
    }

    /// Leaves the plain text alone in `bytes`, whose ciphertext begins at `start`.
    fn open_in_place(&self, context: &[&[u8]], bytes: &mut Vec<u8>, start: usize) -> Option<()> {
        let (salt, rest) = bytes.get_mut(start..)?.split_first_chunk_mut::<SALT_BYTES>()?;
        let (place, tag) = rest.split_last_chunk_mut::<TAG_BYTES>()?;
        let tag = Tag::clone_from_slice(tag);
        self.message(salt).decrypt_in_place_detached(&Nonce::default(), &joined(context), place, &tag).ok()?;
        bytes.truncate(bytes.len() - TAG_BYTES);
        bytes.drain(..start + SALT_BYTES);
        Some(())
    }

    fn message(&self, salt: &[u8; SALT_BYTES]) -> Aes256Gcm {
        Aes256Gcm::new(&derived(&self.master, &[b"deployctl document ".as_slice(), salt].concat()).into())
    }
}

/// Each part with its length in front, so that no two contexts are one text.
fn joined(context: &[&[u8]]) -> Vec<u8> {
    let parts = context.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes(), *part].concat());
    parts.collect()
}

fn head(id: &str) -> Vec<u8> {
    [MAGIC, id.as_bytes(), b"\n"].concat()
}

/// Whether these bytes are an encrypted document, or say that they are.
pub(crate) fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Under which data key a document says that it is encrypted.
pub(crate) fn under(bytes: &[u8]) -> Option<&str> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let end = rest.iter().take(64).position(|byte| *byte == b'\n')?;
    std::str::from_utf8(rest.get(..end)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_refused() {
        let cipher = Cipher::new([3; 32]);
        let sealed = cipher.seal("state.json", b"{\"serial\":12}").unwrap();
        assert_eq!(cipher.open("state.json", sealed.clone()).unwrap(), b"{\"serial\":12}");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(cipher.open("state.json", flipped).is_none(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(cipher.open("state.json", sealed[..length].to_vec()).is_none(), "cut at {length}");
        }
    }

    #[test]
    fn a_document_is_good_for_its_own_place_and_key_alone() {
        let cipher = Cipher::new([3; 32]);
        let sealed = cipher.seal("revisions/1", b"x").unwrap();
        assert!(cipher.open("revisions/2", sealed.clone()).is_none());
        assert!(Cipher::new([4; 32]).open("revisions/1", sealed.clone()).is_none());
        assert_ne!(cipher.seal("revisions/1", b"x").unwrap(), sealed, "two ciphertexts tell that they are equal");
        assert_eq!(under(&sealed), Some(cipher.id()));
    }

    #[test]
    fn a_line_stays_one_line_and_is_good_for_its_own_place() {
        let cipher = Cipher::new([3; 32]);
        let line = cipher.seal_line(b"1", b"two\nlines").unwrap();
        assert!(!line.contains(&b'\n'));
        assert_eq!(cipher.open_line(b"1", &line).unwrap(), b"two\nlines");
        assert!(cipher.open_line(b"2", &line).is_none());
        for bit in 0..line.len() * 8 {
            let mut flipped = line.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(cipher.open_line(b"1", &flipped).is_none(), "bit {bit}");
        }
    }
}
