//! Cuts what a program writes into lines, as it comes.

use super::Keep;
use super::tail::Tail;

/// Which of its outputs a program wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// A line longer than this is handed on in pieces, so that a program that writes no line ends cannot fill the memory.
const LONGEST: usize = 16 * 1024 * 1024;

/// One output: what is kept of it, and the line that is not ended yet.
pub(super) struct Output {
    kept: Kept,
    unended: Vec<u8>,
}

enum Kept {
    Everything(Vec<u8>),
    End(Tail),
}

impl Output {
    pub(super) fn new(keep: Keep) -> Self {
        let kept = match keep {
            Keep::Everything => Kept::Everything(Vec::new()),
            Keep::End(limit) => Kept::End(Tail::new(limit)),
        };
        Self { kept, unended: Vec::new() }
    }

    /// Takes more in, and hands on each line that is whole now.
    pub(super) fn push(&mut self, bytes: &[u8], line: &mut dyn FnMut(&str)) {
        match &mut self.kept {
            Kept::Everything(kept) => kept.extend_from_slice(bytes),
            Kept::End(tail) => tail.push(bytes),
        }
        let mut pieces = bytes.split_inclusive(|byte| *byte == b'\n');
        for piece in &mut pieces {
            self.unended.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.unended.len() > LONGEST {
                self.hand_on(line);
            }
        }
    }

    /// There is no more: hands on a last line without an end.
    pub(super) fn finish(mut self, line: &mut dyn FnMut(&str)) -> Vec<u8> {
        if !self.unended.is_empty() {
            self.hand_on(line);
        }
        match self.kept {
            Kept::Everything(kept) => kept,
            Kept::End(tail) => tail.into_text().into_bytes(),
        }
    }

    fn hand_on(&mut self, line: &mut dyn FnMut(&str)) {
        let text = String::from_utf8_lossy(&self.unended);
        line(text.trim_end_matches(['\n', '\r']));
        self.unended.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_written() {
        let mut lines = Vec::new();
        let mut output = Output::new(Keep::Everything);
        for piece in ["a", "b\nc\r\n", "\n", "d"] {
            output.push(piece.as_bytes(), &mut |line| lines.push(line.to_owned()));
        }
        let kept = output.finish(&mut |line| lines.push(line.to_owned()));
        assert_eq!(lines, ["ab", "c", "", "d"]);
        assert_eq!(kept, b"ab\nc\r\n\nd");
    }
}
