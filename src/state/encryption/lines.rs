//! How the lines of journal and history rest: each encrypted by itself, so that a line can be added without the others.
//!
//! A line is bound to all lines before it, through the checksum that the chain of the file has reached.

use std::borrow::Cow;

use super::Keyring;
use super::keyring::{changed, not_encrypted, unexpected};
use crate::error::Result;
use crate::state::frames::Chain;

/// The keys for lines; none where they are not encrypted.
#[derive(Debug, Clone)]
pub(crate) struct Lines(Option<Keyring>);

impl Lines {
    /// With these keys, or none.
    pub fn new(keyring: Option<Keyring>) -> Self {
        Self(keyring)
    }

    /// The line for this content, and the chain after it.
    pub fn line(&self, chain: &Chain, content: &[u8]) -> Result<(Vec<u8>, Chain)> {
        match &self.0 {
            None => Ok(chain.line(content)),
            Some(keyring) => Ok(chain.line(&keyring.newest()?.seal_line(chain.context(), content)?)),
        }
    }

    /// What the lines of a whole file hold.
    ///
    /// # Errors
    /// A line that is not encrypted and should be, or the reverse, or is not as it was written.
    pub fn open<'b>(&self, purpose: &str, contents: &[&'b [u8]], place: &str) -> Result<Vec<Cow<'b, [u8]>>> {
        let mut chain = Chain::new(purpose);
        let mut opened = Vec::with_capacity(contents.len());
        for content in contents {
            // What is not encrypted is a list or a map.
            opened.push(match (&self.0, content.starts_with(b"\"")) {
                (None, false) => Cow::Borrowed(*content),
                (None, true) => return Err(unexpected(place)),
                (Some(_), false) => return Err(not_encrypted(place)),
                (Some(keyring), true) => {
                    Cow::Owned(keyring.open_line(chain.context(), content).ok_or_else(|| changed(place))?)
                }
            });
            chain = chain.line(content).1;
        }
        Ok(opened)
    }
}
