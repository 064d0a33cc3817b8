//! Keeps the end of an output, however long it gets.

/// The last bytes of what is pushed into it.
pub(super) struct Tail {
    bytes: Vec<u8>,
    limit: usize,
    dropped: u64,
}

impl Tail {
    /// A tail of that many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, dropped: 0 }
    }

    /// Takes more output in.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Cut only when twice the limit is there, so that each byte is moved at most once or so.
        if self.bytes.len() > self.limit.saturating_mul(2) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let excess = self.bytes.len().saturating_sub(self.limit);
        self.bytes.drain(..excess);
        self.dropped += excess as u64;
    }

    /// The end of the output as text, beginning with a whole line if something before it was dropped.
    pub(super) fn into_text(mut self) -> String {
        self.cut();
        let text = String::from_utf8_lossy(&self.bytes);
        if self.dropped == 0 {
            return text.into_owned();
        }
        let rest = text.split_once('\n').map_or(&*text, |(_, rest)| rest);
        format!("… (earlier output left out)\n{rest}")
    }
}

/// The last lines of a text.
pub fn last_lines(text: &str, count: usize) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().rev().take(count).map(str::to_owned).collect();
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_from_the_start_of_a_line() {
        let mut tail = Tail::new(10);
        (0..100).for_each(|number| tail.push(format!("line {number}\n").as_bytes()));
        assert_eq!(tail.into_text(), "… (earlier output left out)\nline 99\n");
        let mut short = Tail::new(10);
        short.push(b"all");
        assert_eq!(short.into_text(), "all");
    }
}
