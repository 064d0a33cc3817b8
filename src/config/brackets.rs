//! Finds the bracket or quote that is never closed, and the one that closes nothing. The parser notices such a thing only where the text stops making sense,
//! which is often far below.

/// What is open at some point of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open<'t> {
    /// A bracket, and what closes it.
    Bracket(char),
    /// `${` or `%{` in a string or heredoc.
    Template,
    /// A string.
    Quote,
    /// A heredoc, with the word that ends it.
    Heredoc(&'t str),
}

/// What is not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unclosed {
    /// The byte where it opens.
    pub open: usize,
    /// What opens it, as it is written.
    pub opener: String,
    /// What would close it.
    pub closer: String,
    /// The byte of the bracket that stands where `closer` should, if there is one.
    pub instead: Option<usize>,
}

/// What is wrong with the brackets of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Imbalance {
    /// Something is closed by the wrong bracket, or not at all.
    Unclosed(Unclosed),
    /// The bracket at this byte closes nothing.
    Stray(usize),
}

impl Imbalance {
    /// The byte it is about.
    pub fn at(&self) -> usize {
        match self {
            Self::Unclosed(unclosed) => unclosed.open,
            Self::Stray(at) => *at,
        }
    }
}

/// The first thing that is wrong with the brackets and quotes of a text.
pub(super) fn imbalance(text: &str) -> Option<Imbalance> {
    let mut scan = Scan { text, at: 0, open: Vec::new(), heredoc: None };
    while scan.at < text.len() {
        let stop = match scan.open.last() {
            Some((_, Open::Quote)) => scan.in_string(),
            Some((_, Open::Heredoc(word))) => {
                let word = *word;
                scan.in_heredoc(word)
            }
            _ => scan.in_code(),
        };
        if stop.is_some() {
            return stop;
        }
    }
    scan.open.last().map(|(open, what)| Imbalance::Unclosed(scan.report(*open, *what, None)))
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    open: Vec<(usize, Open<'t>)>,
    /// A heredoc that begins with the next line.
    heredoc: Option<(usize, &'t str)>,
}

impl<'t> Scan<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn report(&self, open: usize, what: Open<'_>, instead: Option<usize>) -> Unclosed {
        let (opener, closer) = match what {
            Open::Bracket(closer) => (self.text.get(open..open + 1).unwrap_or_default().to_owned(), closer.to_string()),
            Open::Template => (self.text.get(open..open + 2).unwrap_or_default().to_owned(), "}".to_owned()),
            Open::Quote => ("\"".to_owned(), "\"".to_owned()),
            Open::Heredoc(word) => (self.heredoc_opener(open, word), word.to_owned()),
        };
        Unclosed { open, opener, closer, instead }
    }

    /// As it is written, so that its length is that of the place: `<<-` is another beginning than `<<`.
    fn heredoc_opener(&self, open: usize, word: &str) -> String {
        let rest = self.text.get(open..).unwrap_or_default();
        let end = rest.find(word).map_or(rest.len(), |at| at + word.len());
        rest.get(..end).unwrap_or_default().to_owned()
    }

    fn step(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Past a line's end, where a heredoc may begin.
    fn end_of_line(&mut self) {
        self.step(1);
        if let Some((at, word)) = self.heredoc.take() {
            self.open.push((at, Open::Heredoc(word)));
        }
    }

    fn in_code(&mut self) -> Option<Imbalance> {
        let rest = self.rest();
        let next = rest.chars().next()?;
        match next {
            '\n' => self.end_of_line(),
            '#' => self.step(rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("//") => self.step(rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => self.step(rest.find("*/").map_or(rest.len(), |end| end + 2)),
            '<' if rest.starts_with("<<") => self.heredoc_start(rest),
            '"' => self.push(Open::Quote, 1),
            '{' => self.push(Open::Bracket('}'), 1),
            '[' => self.push(Open::Bracket(']'), 1),
            '(' => self.push(Open::Bracket(')'), 1),
            '}' | ']' | ')' => return self.close(next),
            other => self.step(other.len_utf8()),
        }
        None
    }

    fn push(&mut self, what: Open<'t>, bytes: usize) {
        self.open.push((self.at, what));
        self.step(bytes);
    }

    fn close(&mut self, closer: char) -> Option<Imbalance> {
        let Some((open, what)) = self.open.last().copied() else { return Some(Imbalance::Stray(self.at)) };
        match what {
            Open::Bracket(wanted) if wanted == closer => {}
            Open::Template if closer == '}' => {}
            what => return Some(Imbalance::Unclosed(self.report(open, what, Some(self.at)))),
        }
        self.open.pop();
        self.step(1);
        None
    }

    fn heredoc_start(&mut self, rest: &'t str) {
        let after = rest.trim_start_matches('<').trim_start_matches('-');
        let end = after.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(after.len());
        let (word, _) = after.split_at(end);
        if !word.is_empty() {
            self.heredoc = Some((self.at, word));
        }
        self.step(rest.len() - after.len() + word.len());
    }

    fn in_string(&mut self) -> Option<Imbalance> {
        let rest = self.rest();
        match rest.chars().next()? {
            '\n' => return self.end_in_string(),
            '\\' => {
                let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                self.step(1 + escaped);
            }
            '"' => {
                self.open.pop();
                self.step(1);
            }
            _ => self.in_text(rest),
        }
        None
    }

    /// A line that ends in a string. Where the string is inside `${`, it is more likely the end of the one around it.
    fn end_in_string(&self) -> Option<Imbalance> {
        let around = self.open.len().checked_sub(2).and_then(|at| self.open.get(at));
        let template = around.filter(|(_, what)| *what == Open::Template);
        let (open, what) = template.or(self.open.last())?;
        Some(Imbalance::Unclosed(self.report(*open, *what, None)))
    }

    fn in_heredoc(&mut self, word: &str) -> Option<Imbalance> {
        let rest = self.rest();
        let line_begins = self.text.get(..self.at).is_some_and(|before| before.ends_with('\n'));
        if line_begins && rest.lines().next().is_some_and(|line| line.trim() == word) {
            self.open.pop();
            // The end of the line belongs to what follows.
            self.step(rest.find('\n').unwrap_or(rest.len()));
        } else {
            self.in_text(rest);
        }
        None
    }

    fn in_text(&mut self, rest: &str) {
        if rest.starts_with("$${") || rest.starts_with("%%{") {
            self.step(3);
        } else if rest.starts_with("${") || rest.starts_with("%{") {
            self.push(Open::Template, 2);
        } else {
            self.step(rest.chars().next().map_or(1, char::len_utf8));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_texts() {
        for text in [
            "",
            "a { b = [1, (2)] } # {\n// [\n/* ( */",
            "a = \"${x[\"}\"]} $${ \\\" \"",
            "a = <<EOT\n { ${ [1] }\n  EOT\nb = {}",
            "a = 1 < 2",
            "é = \"é",
        ] {
            let found = imbalance(text);
            assert_eq!(found.is_some(), text.starts_with('é'), "{text}: {found:?}");
        }
    }

    #[test]
    fn the_one_that_is_open() {
        let at = |text: &str| match imbalance(text) {
            Some(Imbalance::Unclosed(found)) => Some((found.open, found.closer, found.instead)),
            _ => None,
        };
        assert_eq!(imbalance("a {\n}\n}\n"), Some(Imbalance::Stray(6)));
        assert_eq!(at("a {\n  b = [1\n}\n"), Some((10, "]".to_owned(), Some(13))));
        assert_eq!(at("a {\nb {\n}\n"), Some((2, "}".to_owned(), None)));
        assert_eq!(at("a = <<X\nb\n"), Some((4, "X".to_owned(), None)));
        assert_eq!(at("a = \"${b\"\n"), Some((5, "}".to_owned(), None)));
        let opener = |text: &str| match imbalance(text) {
            Some(Imbalance::Unclosed(found)) => found.opener,
            _ => String::new(),
        };
        assert_eq!(opener("a = <<-\u{7c9}\n"), "<<-\u{7c9}");
    }
}
