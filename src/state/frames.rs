//! Lines that prove themselves: how the journal and the history stand in their files.
//!
//! Each line is JSON with its content's length and a checksum that also covers the checksum of the line before, so that no
//! line can be changed, removed or put elsewhere. A last line that was cut off by a crash is told from one that was damaged
//! later: what is too short was cut off, everything else was damaged.

use deployctl_sdk::Digest;
use sha2::{Digest as _, Sha256};

/// Where the chain of one file has got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The checksum of the last line.
    last: Digest,
    /// The bytes up to its end.
    pub length: u64,
}

impl Chain {
    /// The beginning of a file; `purpose` keeps lines of one sort of file out of another.
    pub(crate) fn new(purpose: &str) -> Self {
        Self { last: Digest::of(purpose.as_bytes()), length: 0 }
    }

    /// What stands for all lines before.
    pub(crate) fn context(&self) -> &[u8] {
        self.last.as_bytes()
    }

    fn sum(&self, content: &[u8]) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(self.last.as_bytes());
        hasher.update(content);
        Digest::from_bytes(hasher.finalize().into())
    }

    /// The line for this content, and the chain after it. The content must not hold a line break.
    pub(crate) fn line(&self, content: &[u8]) -> (Vec<u8>, Self) {
        let last = self.sum(content);
        let mut line = format!(r#"{{"sum":"{last}","length":{},"content":"#, content.len()).into_bytes();
        line.extend_from_slice(content);
        line.extend_from_slice(b"}\n");
        let length = self.length + line.len() as u64;
        (line, Self { last, length })
    }
}

/// What may be wrong with the last line without the file being refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// Nothing: where it lies, what is added is there whole or not at all, so no crash has done it.
    Nothing,
    /// It may be cut off.
    CutOff,
    /// It may be cut off, or hold something else than was written: a crash may leave the length without the content.
    Torn,
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Frames<'b> {
    /// The content of each line.
    pub contents: Vec<&'b [u8]>,
    /// The chain after the last whole line, which is where the next one goes.
    pub chain: Chain,
    /// Whether there was a last line that does not count.
    pub torn: bool,
}

/// Reads a file; the error is the number of the damaged line, from 1.
pub(crate) fn read<'b>(purpose: &str, bytes: &'b [u8], tolerance: Tolerance) -> Result<Frames<'b>, usize> {
    let mut frames = Frames { contents: Vec::new(), chain: Chain::new(purpose), torn: false };
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        match (verify(frames.chain, line), after.is_empty()) {
            (Line::Whole(content, chain), _) => {
                frames.contents.push(content);
                frames.chain = chain;
            }
            (Line::Short, true) if end.is_none() && tolerance != Tolerance::Nothing => frames.torn = true,
            (Line::Short | Line::Wrong, true) if tolerance == Tolerance::Torn => frames.torn = true,
            _ => return Err(frames.contents.len() + 1),
        }
        rest = after;
    }
    Ok(frames)
}

/// The lines that are whole, without a last one that is not; `None` if there is damage before it.
pub(crate) fn whole<'b>(purpose: &str, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let length = read(purpose, bytes, Tolerance::Torn).ok()?.chain.length;
    bytes.get(..usize::try_from(length).ok()?)
}

enum Line<'b> {
    /// As it was written.
    Whole(&'b [u8], Chain),
    /// Shorter than it says, or than it takes to say it.
    Short,
    /// As long as it says, and something else.
    Wrong,
    /// Longer than it says, as no crash makes it.
    Long,
}

fn verify<'b>(chain: Chain, line: &'b [u8]) -> Line<'b> {
    let Some((sum, length, rest)) = head(line) else { return Line::Short };
    let Some((content, tail)) = rest.split_at_checked(length) else { return Line::Short };
    match tail {
        b"}\n" => {
            let last = chain.sum(content);
            if last.to_string().as_bytes() != sum {
                return Line::Wrong;
            }
            Line::Whole(content, Chain { last, length: chain.length + line.len() as u64 })
        }
        b"" | b"}" => Line::Short,
        _ => Line::Long,
    }
}

/// The checksum and the length that a line claims, and what follows its head.
fn head(line: &[u8]) -> Option<(&[u8], usize, &[u8])> {
    let (sum, rest) = line.strip_prefix(br#"{"sum":""#)?.split_at_checked(64)?;
    let rest = rest.strip_prefix(br#"","length":"#)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at_checked(digits)?;
    let text = std::str::from_utf8(digits).ok()?;
    let length = text.parse::<usize>().ok()?;
    // One form only: no leading zeros.
    (length.to_string() == text).then_some(())?;
    Some((sum, length, rest.strip_prefix(br#","content":"#)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(contents: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut chain = Chain::new("test");
        for content in contents {
            let (line, next) = chain.line(content.as_bytes());
            bytes.extend(line);
            chain = next;
        }
        assert_eq!(chain.length, bytes.len() as u64);
        bytes
    }

    #[test]
    fn a_flipped_bit_loses_at_most_the_last_line() {
        let bytes = file(&["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]);
        let last_line = file(&["{\"a\":1}", "{\"b\":2}"]).len() * 8;
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read("test", &flipped, Tolerance::CutOff).is_err(), "bit {bit}");
            assert!(read("test", &flipped, Tolerance::Nothing).is_err(), "bit {bit}");
            match read("test", &flipped, Tolerance::Torn) {
                Err(_) => {}
                Ok(frames) => {
                    assert!(bit >= last_line, "bit {bit} was believed");
                    assert_eq!(frames.contents, [b"{\"a\":1}", b"{\"b\":2}"]);
                    assert!(frames.torn);
                }
            }
        }
    }

    #[test]
    fn lines_cannot_be_removed_or_exchanged() {
        let bytes = file(&["1", "2", "3"]);
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        for order in [vec![0, 2, 1], vec![1, 2], vec![0, 2], vec![0, 1, 1, 2]] {
            let changed: Vec<u8> = order.iter().flat_map(|index| lines[*index].to_vec()).collect();
            assert!(read("test", &changed, Tolerance::CutOff).is_err(), "{order:?}");
        }
        assert!(read("other", &bytes, Tolerance::Torn).is_err());
    }

    proptest! {
        #[test]
        fn cut_anywhere_the_whole_lines_remain(
            contents in prop::collection::vec("[a-z]{0,20}", 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
            let bytes = file(&contents);
            let cut = cut.index(bytes.len() + 1);
            let frames = read("test", &bytes[..cut], Tolerance::CutOff).unwrap();
            let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
            let expected: Vec<&[u8]> = contents.iter().take(whole).map(|content| content.as_bytes()).collect();
            prop_assert_eq!(frames.contents, expected);
            prop_assert_eq!(frames.torn, cut as u64 != frames.chain.length);
            prop_assert_eq!(read("test", &bytes[..cut], Tolerance::Nothing).is_err(), frames.torn);
            prop_assert_eq!(super::whole("test", &bytes[..cut]).map(<[u8]>::len), Some(frames.chain.length as usize));
        }
    }
}
