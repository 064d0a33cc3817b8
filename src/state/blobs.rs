//! Contents by their digest: what configurations were made of, kept once however many revisions need it.
//!
//! What may be read by anybody lies under its plain digest; what may hold a secret is sealed and lies under its keyed digest,
//! since a plain one would let somebody guess. Both are compressed, and both are checked when they are read.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use deployctl_sdk::Digest;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::backend::{Backend, Condition};
use super::keys::Keys;
use crate::error::{Error, Result};

/// Where contents lie.
pub(crate) const FOLDER: &str = "blobs/";

const PLAIN: u8 = b'p';
const SEALED: u8 = b's';

/// The most bytes that one content may unpack to.
const MAX_UNPACKED: u64 = 4 << 30;

/// The contents of one environment.
pub struct Blobs {
    backend: Arc<dyn Backend>,
    keys: Arc<Keys>,
}

impl Blobs {
    pub(crate) fn new(backend: Arc<dyn Backend>, keys: Arc<Keys>) -> Self {
        Self { backend, keys }
    }

    /// Keeps a content, sealed if it may hold a secret. Answers under which digest it lies.
    ///
    /// # Errors
    /// When it cannot be written, or there is no key to seal it with.
    pub async fn put(&self, bytes: &[u8], sensitive: bool) -> Result<Digest> {
        // A plain digest as the name of what is encrypted would let somebody guess it.
        let sensitive = sensitive || self.keys.encryption().is_some();
        let key = if sensitive { Some(self.keys.ready().await?) } else { None };
        let digest = key.map_or_else(|| Digest::of(bytes), |key| key.digest(bytes));
        let path = path_of(&digest);
        if self.backend.exists(&path).await? {
            return Ok(digest);
        }
        let packed = pack(bytes)?;
        let resting = match key {
            Some(key) => [&[SEALED], key.seal_bytes(&packed)?.as_slice()].concat(),
            None => [&[PLAIN], packed.as_slice()].concat(),
        };
        let resting = self.keys.seal_document(&path, resting).await?;
        self.backend.put(&path, resting, Condition::Any).await?;
        Ok(digest)
    }

    /// The content that lies under a digest.
    ///
    /// # Errors
    /// When it is not there, is damaged, or was sealed under another key.
    pub async fn get(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = path_of(digest);
        let place = self.backend.place(&path);
        let Some(resting) = self.backend.get(&path).await? else {
            return Err(Error::failed(format!("the captured content {place} is missing"))
                .with_hint("it may have been pruned; a revision whose contents are gone cannot be brought back"));
        };
        let resting = self.keys.open_document(&path, resting).await?;
        let damaged = || Error::failed(format!("the captured content {place} is damaged"));
        match resting.split_first() {
            Some((&PLAIN, packed)) => {
                let bytes = unpack(packed).ok_or_else(damaged)?;
                if Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(damaged()) }
            }
            Some((&SEALED, sealed)) => {
                let Some(key) = self.keys.existing().await? else {
                    return Err(Error::failed(format!(
                        "the captured content {place} is sealed, and there is no data key"
                    ))
                    .with_hint("set DEPLOYCTL_STATE_KEY to the key that it was sealed under"));
                };
                let packed = key.open_bytes(sealed).map_err(|error| {
                    Error::failed(format!("the captured content {place} cannot be opened: {}", error.message))
                })?;
                let bytes = unpack(&packed).ok_or_else(damaged)?;
                if key.digest(&bytes) == *digest { Ok(bytes) } else { Err(damaged()) }
            }
            _ => Err(damaged()),
        }
    }
}

/// Where a content lies.
pub(crate) fn path_of(digest: &Digest) -> String {
    let text = digest.to_string();
    let (first, rest) = text.split_at(2);
    format!("{FOLDER}{first}/{rest}")
}

fn pack(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.map_err(|error| Error::failed(format!("a content cannot be packed: {error}")))
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed).take(MAX_UNPACKED).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
