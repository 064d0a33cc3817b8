//! Reading with a data key that may be missing: only what is sealed needs one.

use deployctl_sdk::value::{Seal, SealError, Withheld};

use super::keys::DataKey;

/// A key that may be missing.
pub(crate) struct Sealing<'k>(pub Option<&'k DataKey>);

impl<'k> Sealing<'k> {
    fn key(&self) -> Result<&'k DataKey, SealError> {
        self.0.ok_or_else(|| SealError("it is sealed, and there is no data key".to_owned()))
    }
}

impl Seal for Sealing<'_> {
    fn seal(&self, plain: &[u8]) -> Result<String, SealError> {
        self.key()?.seal(plain)
    }

    fn open(&self, sealed: &str) -> Result<Vec<u8>, SealError> {
        self.key()?.open(sealed)
    }

    fn withhold(&self, text: &str, sensitive: bool) -> Option<String> {
        self.0?.withhold(text, sensitive)
    }

    fn recall(&self, digest: &str) -> Result<Withheld, SealError> {
        self.key()?.recall(digest)
    }
}
