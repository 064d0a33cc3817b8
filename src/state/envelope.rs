//! The outermost layer of every document in a state's folder: what it is, of which version, and a checksum over the rest.
//!
//! The layer is matched byte by byte and not parsed as JSON, though it is JSON: whatever is not exactly what this program
//! writes is refused, so that no flipped bit anywhere can pass. What is in the body is the caller's affair.

use std::borrow::Cow;
use std::ops::Range;

use deployctl_sdk::Digest;
use sha2::{Digest as _, Sha256};

use super::upgrade::{self, Upgrade};
use crate::error::{Error, Result};

/// A sort of document.
pub(crate) struct Format {
    /// The name in the document.
    pub name: &'static str,
    /// What it is called in messages.
    pub title: &'static str,
    /// The version that this program writes.
    pub version: u32,
    /// How to get from each older version to the next.
    pub upgrades: &'static [Upgrade],
}

/// The state document.
pub(crate) const STATE: Format =
    Format { name: "deployctl-state", title: "state", version: 1, upgrades: upgrade::STATE };

/// A revision.
pub(crate) const REVISION: Format =
    Format { name: "deployctl-revision", title: "revision", version: 1, upgrades: upgrade::NONE };

/// Puts a body into its envelope.
pub(crate) fn wrap(format: &Format, body: &[u8]) -> Vec<u8> {
    let copied = Wrapped::write(format, body.len(), |out| {
        out.extend_from_slice(body);
        Ok::<_, std::convert::Infallible>(())
    });
    let Ok(wrapped) = copied;
    wrapped.bytes
}

/// A document that was written into its envelope, so that a large body is held once.
pub(crate) struct Wrapped {
    /// The whole document.
    pub bytes: Vec<u8>,
    /// Its checksum, by which [`unwrap_known`] knows it again.
    pub checksum: Digest,
    body: Range<usize>,
}

impl Wrapped {
    /// Lets `write` append a body of about `room` bytes.
    ///
    /// # Errors
    /// What `write` answers.
    pub(crate) fn write<E>(
        format: &Format,
        room: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Self, E> {
        Self::of_version(format, format.version, room, write)
    }

    fn of_version<E>(
        format: &Format,
        version: u32,
        room: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Self, E> {
        // As long as the one with the checksum, which is known only afterwards.
        let blank = head(format, version, &Digest::from_bytes([0; 32]));
        let mut bytes = Vec::with_capacity(blank.len() + room + TAIL.len());
        bytes.extend_from_slice(blank.as_bytes());
        write(&mut bytes)?;
        let body = blank.len()..bytes.len();
        let checksum = checksum(format, version, bytes.get(body.clone()).unwrap_or_default());
        if let Some(place) = bytes.get_mut(..body.start) {
            place.copy_from_slice(head(format, version, &checksum).as_bytes());
        }
        bytes.extend_from_slice(TAIL);
        Ok(Self { bytes, checksum, body })
    }

    /// The body alone.
    pub(crate) fn body(&self) -> &[u8] {
        self.bytes.get(self.body.clone()).unwrap_or_default()
    }
}

const TAIL: &[u8] = b"}\n";

fn head(format: &Format, version: u32, checksum: &Digest) -> String {
    format!(r#"{{"format":"{}","format_version":{version},"checksum":"sha256:{checksum}","body":"#, format.name)
}

/// The version stands under the checksum too: flipping a bit in it must not start an upgrade.
fn checksum(format: &Format, version: u32, body: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(format.name);
    hasher.update(b"\n");
    hasher.update(version.to_string());
    hasher.update(b"\n");
    hasher.update(body);
    Digest::from_bytes(hasher.finalize().into())
}

/// Takes a body out of its envelope, in the form of this program's version; `place` is where it lies, for messages.
///
/// # Errors
/// When the bytes are not such a document, were changed, or are of a newer version.
pub(crate) fn unwrap<'b>(format: &Format, bytes: &'b [u8], place: &str) -> Result<Cow<'b, [u8]>> {
    unwrap_known(format, bytes, place).map(|(body, _)| body)
}

/// As [`unwrap`], with the checksum, which was found to be true of all the bytes: documents with the same one are the same.
///
/// # Errors
/// As [`unwrap`].
pub(crate) fn unwrap_known<'b>(format: &Format, bytes: &'b [u8], place: &str) -> Result<(Cow<'b, [u8]>, Digest)> {
    let (version, rest) = version(format, bytes).ok_or_else(|| damaged(format, place))?;
    if version > format.version {
        return Err(newer(format.title, place, version, format.version));
    }
    let body = rest
        .strip_prefix(br#","checksum":"sha256:"#)
        .and_then(|rest| rest.split_at_checked(64))
        .and_then(|(given, rest)| Some((given, rest.strip_prefix(br#"","body":"#)?.strip_suffix(TAIL)?)));
    let (given, body) = body.ok_or_else(|| damaged(format, place))?;
    let checksum = checksum(format, version, body);
    if given != checksum.to_string().as_bytes() {
        return Err(damaged(format, place));
    }
    Ok((upgrade::to_current(format, version, body, place)?, checksum))
}

fn version<'b>(format: &Format, bytes: &'b [u8]) -> Option<(u32, &'b [u8])> {
    let rest = bytes.strip_prefix(br#"{"format":""#)?.strip_prefix(format.name.as_bytes())?;
    let rest = rest.strip_prefix(br#"","format_version":"#)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at_checked(digits)?;
    let text = std::str::from_utf8(digits).ok()?;
    let version = text.parse::<u32>().ok()?;
    // One form only: no leading zeros.
    (version.to_string() == text).then_some((version, rest))
}

/// The document is of a version that this program does not know.
pub(crate) fn newer(title: &str, place: &str, version: u32, known: u32) -> Error {
    Error::failed(format!(
        "the {title} in {place} has format version {version}, and this deployctl knows versions up to {known}"
    ))
    .with_hint("it was written by a newer deployctl: use that one, or a newer one still")
}

fn damaged(format: &Format, place: &str) -> Error {
    Error::failed(format!("the {} in {place} is damaged or was edited: its checksum does not fit", format.title))
        .with_hint(
            "put it back from a backup; `deployctl state recover` rebuilds a lost state from what is really there",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_version(format: &Format, version: u32, body: &[u8]) -> Vec<u8> {
        let copied = Wrapped::of_version(format, version, 0, |out| {
            out.extend_from_slice(body);
            Ok::<_, ()>(())
        });
        copied.unwrap().bytes
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        let bytes = wrap(&STATE, br#"{"serial":12}"#);
        assert_eq!(&*unwrap(&STATE, &bytes, "here").unwrap(), br#"{"serial":12}"#);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unwrap(&STATE, &flipped, "here").is_err(), "bit {bit} of {}", bytes.len() * 8);
        }
        for length in 0..bytes.len() {
            assert!(unwrap(&STATE, &bytes[..length], "here").is_err(), "cut at {length}");
        }
    }

    #[test]
    fn a_newer_version_says_so() {
        let bytes = of_version(&STATE, 2, b"{}");
        let error = unwrap(&STATE, &bytes, "state.json").unwrap_err();
        assert!(error.message.contains("format version 2"), "{error}");
        assert!(error.hint.unwrap().contains("newer deployctl"));
    }

    #[test]
    fn an_older_version_is_brought_up() {
        const STEPS: &[Upgrade] = &[
            |mut body| {
                let count = body.get("count").cloned().ok_or("no count")?;
                body = serde_json::json!({ "serial": count });
                Ok(body)
            },
            Ok,
        ];
        const THIRD: Format = Format { name: "deployctl-test", title: "test", version: 2, upgrades: STEPS };
        let old = of_version(&THIRD, 0, br#"{"count":3}"#);
        assert_eq!(&*unwrap(&THIRD, &old, "here").unwrap(), br#"{"serial":3}"#);
        let wrong = of_version(&THIRD, 0, br#"{"other":3}"#);
        let error = unwrap(&THIRD, &wrong, "here").unwrap_err();
        assert!(error.message.contains("no count"), "{error}");
    }
}
