//! A cheap look at a text before the recursive parser gets it.
//!
//! `hcl-edit` descends once per nested bracket, block, template, unary operator and conditional. It has limits of its own
//! (64 levels, 128 chained operators), but how it keeps them is its business; this scan keeps ten thousand levels away from
//! it whatever it does. What passes here is parsed within 2 MiB of stack, tests included (see `tests`).

use crate::diagnostic::{Diagnostic, FileId};

use super::expression::span_of;

/// The most levels of brackets, blocks and templates.
const MAX_LEVELS: usize = 250;

/// The most unary operators in a row.
const MAX_UNARY: usize = 60;

/// The most `?` of conditionals within one pair of brackets or one line.
const MAX_CONDITIONALS: usize = 60;

/// What is said about a text that nests too deeply.
pub const TOO_DEEP: &str = "too deeply nested";

/// The complaint about what [`nesting_limit_check`] found.
pub fn too_deep(file: FileId, at: usize) -> Diagnostic {
    Diagnostic::error(span_of(file, Some(at..at + 1)), TOO_DEEP, "nested too deeply from here")
        .with_help("take parts of it out into `locals`")
}

/// Where the scan is: each bracket, string, template and heredoc is a level.
enum Level {
    /// `(`, `[`, `{`, `${` or `%{`, and the conditionals met in it so far.
    Bracket { conditionals: usize },
    /// Between double quotes.
    Quoted,
    /// In a heredoc that ends with this word.
    Heredoc { start: usize, end: usize },
    /// In the text of a template file.
    Template,
}

/// Refuses a text that nests too deeply for a recursive parser: levels of brackets, blocks and templates, rows of unary
/// operators, chains of `? :`. Answers the offset of the first character that is too much. It knows strings, templates,
/// heredocs and comments, but no grammar: a text that passes may still be nonsense.
///
/// # Errors
/// The byte offset at which the text becomes too deep.
pub fn nesting_limit_check(text: &str) -> Result<(), usize> {
    Scan::new(text).run(vec![Level::Bracket { conditionals: 0 }])
}

/// The same for the text of a template file.
///
/// # Errors
/// As [`nesting_limit_check`]; directives count as levels too.
pub fn template_limit_check(text: &str) -> Result<(), usize> {
    Scan::new(text).run(vec![Level::Template])
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    levels: Vec<Level>,
    unary: usize,
    /// `%{ if` and `%{ for` without their ends so far.
    directives: usize,
}

impl<'t> Scan<'t> {
    fn new(text: &'t str) -> Self {
        Self { text: text.as_bytes(), at: 0, levels: Vec::new(), unary: 0, directives: 0 }
    }

    fn run(mut self, start: Vec<Level>) -> Result<(), usize> {
        self.levels = start;
        while self.at < self.text.len() {
            match self.levels.last() {
                Some(Level::Quoted) => self.quoted()?,
                Some(Level::Heredoc { start, end }) => {
                    let word = self.text.get(*start..*end).unwrap_or_default();
                    self.heredoc(word)?;
                }
                Some(Level::Template) => {
                    if !self.marker()? {
                        self.at += 1;
                    }
                }
                _ => self.code()?,
            }
            if self.levels.len() + self.directives > MAX_LEVELS {
                return Err(self.at.saturating_sub(1));
            }
        }
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn code(&mut self) -> Result<(), usize> {
        let Some(byte) = self.peek(0) else { return Ok(()) };
        let unary = matches!(byte, b'!' | b'-');
        if unary {
            self.unary += 1;
            if self.unary > MAX_UNARY {
                return Err(self.at);
            }
        } else if !byte.is_ascii_whitespace() {
            self.unary = 0;
        }
        match byte {
            b'#' => self.skip_line(),
            b'/' if self.peek(1) == Some(b'/') => self.skip_line(),
            b'/' if self.peek(1) == Some(b'*') => self.skip_comment(),
            b'"' => {
                self.at += 1;
                self.levels.push(Level::Quoted);
            }
            b'<' if self.peek(1) == Some(b'<') => self.heredoc_start(),
            b'(' | b'[' | b'{' => {
                self.at += 1;
                self.levels.push(Level::Bracket { conditionals: 0 });
            }
            b')' | b']' | b'}' => self.close(),
            b'?' => self.conditional()?,
            b'\n' | b',' => {
                self.at += 1;
                self.new_line(byte);
            }
            _ => self.at += 1,
        }
        Ok(())
    }

    /// At the top a new line ends an expression; a comma does anywhere.
    fn new_line(&mut self, byte: u8) {
        let top = self.levels.len() <= 1;
        if (top || byte == b',')
            && let Some(Level::Bracket { conditionals }) = self.levels.last_mut()
        {
            *conditionals = 0;
        }
    }

    fn conditional(&mut self) -> Result<(), usize> {
        if let Some(Level::Bracket { conditionals }) = self.levels.last_mut() {
            *conditionals += 1;
            if *conditionals > MAX_CONDITIONALS {
                return Err(self.at);
            }
        }
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        // A bracket too many is the parser's business.
        if self.levels.len() > 1 {
            self.levels.pop();
        }
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    fn skip_comment(&mut self) {
        self.at += 2;
        while self.at < self.text.len() && !(self.peek(0) == Some(b'*') && self.peek(1) == Some(b'/')) {
            self.at += 1;
        }
        self.at += 2;
    }

    fn quoted(&mut self) -> Result<(), usize> {
        match self.peek(0) {
            Some(b'\\') => self.at += 2,
            Some(b'"') => {
                self.at += 1;
                self.levels.pop();
            }
            _ => {
                if !self.marker()? {
                    self.at += 1;
                }
            }
        }
        Ok(())
    }

    /// Enters `${` or `%{`; steps over `$${` and `%%{`.
    fn marker(&mut self) -> Result<bool, usize> {
        let Some(first @ (b'$' | b'%')) = self.peek(0) else { return Ok(false) };
        if self.peek(1) == Some(first) && self.peek(2) == Some(b'{') {
            self.at += 3;
            return Ok(true);
        }
        if self.peek(1) != Some(b'{') {
            return Ok(false);
        }
        self.at += 2;
        if first == b'%' {
            self.directive();
            if self.levels.len() + self.directives > MAX_LEVELS {
                return Err(self.at);
            }
        }
        self.levels.push(Level::Bracket { conditionals: 0 });
        Ok(true)
    }

    fn directive(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let rest = rest.strip_prefix(b"~").unwrap_or(rest).trim_ascii_start();
        let word = rest.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
        match word {
            b"if" | b"for" => self.directives += 1,
            b"endif" | b"endfor" => self.directives = self.directives.saturating_sub(1),
            _ => {}
        }
    }

    fn heredoc_start(&mut self) {
        self.at += 2;
        if self.peek(0) == Some(b'-') {
            self.at += 1;
        }
        let start = self.at;
        while self
            .peek(0)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || byte >= 128)
        {
            self.at += 1;
        }
        if self.at > start {
            self.levels.push(Level::Heredoc { start, end: self.at });
            self.skip_line();
        }
    }

    /// Stands anywhere in a heredoc. Its end is a line that holds nothing but the word.
    fn heredoc(&mut self, word: &'t [u8]) -> Result<(), usize> {
        if self.peek(0) == Some(b'\n') {
            let rest = self.text.get(self.at + 1..).unwrap_or_default();
            let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let trimmed = line.trim_ascii_start();
            let ends = trimmed.strip_prefix(word).is_some_and(|after| {
                !after.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            });
            if ends {
                self.at += 1 + (line.len() - trimmed.len()) + word.len();
                self.levels.pop();
                return Ok(());
            }
        }
        if !self.marker()? {
            self.at += 1;
        }
        Ok(())
    }
}
