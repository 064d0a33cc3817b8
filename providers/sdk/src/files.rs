//! The files that a configuration names, read through one door.
//!
//! A plan must deploy what was reviewed, whatever the checkout holds by then. So nobody reads a file of the configuration
//! directly: it is asked for here, and whoever answers (the checkout, a saved plan, a revision) also remembers it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of some content, which is also its name in the store of captured files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest computed elsewhere, piece by piece.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Enough of the digest for a person to tell it from others.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 digest in lower-case hexadecimal")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(NotADigest),
        };
        let text: &[u8; 64] = text.as_bytes().try_into().map_err(|_| NotADigest)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One file as it was when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedFile {
    /// Its path as the configuration names it, relative to the configuration's folder unless it is absolute.
    pub path: String,
    /// Its content.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Whether its owner may run it.
    pub executable: bool,
}

/// Whether a file or folder of that name is what a program keeps beside the sources that it works on, and changes each time:
/// no source, so no listing has it. Otherwise running the program would make other inputs of the same sources.
pub fn is_kept_by_program(name: &str) -> bool {
    matches!(name, ".terraform" | "terraform.tfstate.d" | ".terraform.tfstate.lock.info")
        || name.ends_with(".tfstate")
        || name.contains(".tfstate.")
}

/// Why a file could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct FileError {
    /// The path as it was asked for.
    pub path: PathBuf,
    /// Why, in words.
    pub reason: String,
}

/// Where the files of a configuration come from: the checkout, a saved plan or a revision.
pub trait Files: Send + Sync {
    /// Reads a file, remembers it as an input, and answers what it holds.
    ///
    /// # Errors
    /// [`FileError`] when there is no such file, it cannot be read, or it was not part of the captured inputs.
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError>;

    /// Reads a file and remembers it as an input, for its digest.
    ///
    /// # Errors
    /// As [`Files::read`].
    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError>;

    /// The length of a file in bytes, to be known before it is read.
    ///
    /// # Errors
    /// As [`Files::read`].
    fn size(&self, path: &Path) -> Result<u64, FileError> {
        self.capture(path).map(|file| file.size)
    }

    /// The files below a folder (relative to it, with `/`, sorted), symbolic links to files included and links to folders
    /// not followed; remembers the listing as an input.
    ///
    /// # Errors
    /// [`FileError`] when there is no such folder, or it cannot be read.
    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError>;

    /// The names of the files directly in a folder that end with `suffix`, sorted; remembers them as an input.
    ///
    /// # Errors
    /// As [`Files::list`].
    fn entries(&self, folder: &Path, suffix: &str) -> Result<Vec<String>, FileError>;

    /// What a captured file holds.
    ///
    /// # Errors
    /// [`FileError`] when the content is not in the store, or is damaged.
    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError>;
}
