//! Complaints about a manifest, with the line shown and the place in it underlined.

use std::ops::Range;

use deployctl_sdk::value::SENSITIVE_TEXT;
use deployctl_sdk::{ErrorKind, ProviderError};

/// How many characters of a line are shown on each side of the place.
const SHOWN: usize = 60;

/// The text that is being read, and what it is called.
pub(super) struct Source<'t> {
    pub file: &'t str,
    pub text: &'t str,
}

impl Source<'_> {
    /// What is wrong at that place (in bytes), with `label` under the line.
    pub(super) fn complaint(&self, at: &Range<usize>, message: &str, label: &str) -> ProviderError {
        let start = self.boundary(at.start);
        let (line, column) = self.position(start);
        let message = format!("{}:{line}:{column}: {message}", self.file);
        ProviderError::new(ErrorKind::Invalid, message).with_detail(self.excerpt(&(start..at.end), line, label))
    }

    /// The line of that place, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes()[..self.boundary(at)].iter().filter(|byte| **byte == b'\n').count()
    }

    fn position(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at];
        (self.line(at), 1 + before[before.rfind('\n').map_or(0, |end| end + 1)..].chars().count())
    }

    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// The line with the place underlined.
    fn excerpt(&self, at: &Range<usize>, number: usize, label: &str) -> Vec<String> {
        let start = self.text[..at.start].rfind('\n').map_or(0, |end| end + 1);
        let end = self.text[at.start..].find('\n').map_or(self.text.len(), |length| at.start + length);
        let line = self.text[start..end].trim_end_matches('\r');
        let column = self.text[start..at.start].chars().count();
        let underlined = self.text[at.start..self.boundary(at.end).clamp(at.start, end)].trim_end().chars().count();
        let gutter = number.to_string();
        let blank = " ".repeat(gutter.len());
        if self.is_secret(at.start) {
            let shown = line.split_once(':').map_or("", |(key, _)| key).to_owned() + ": " + SENSITIVE_TEXT;
            return vec![format!("{gutter} │ {shown}"), format!("{blank} │ {label}")];
        }
        let shown = Window::of(line, column, underlined);
        let marks = "^".repeat(shown.length.max(1));
        vec![
            format!("{gutter} │ {}", shown.text),
            format!("{blank} │ {}{marks} {label}", " ".repeat(shown.column)).trim_end().to_owned(),
        ]
    }

    /// Whether the document around that place may be a Secret: then no line of it is shown.
    fn is_secret(&self, at: usize) -> bool {
        let start = self.text[..at].rfind("\n---").unwrap_or(0);
        let end = self.text[at..].find("\n---").map_or(self.text.len(), |length| at + length);
        let mut lines = self.text[start..end].lines();
        lines.any(|line| line.contains("kind") && line.contains("Secret"))
    }
}

/// The part of a line that is shown.
struct Window {
    text: String,
    column: usize,
    length: usize,
}

impl Window {
    fn of(line: &str, column: usize, length: usize) -> Self {
        let from = if column > SHOWN { column - SHOWN / 2 } else { 0 };
        let mut text: String = if from > 0 { "…".to_owned() } else { String::new() };
        let shift = text.chars().count();
        // A tab would take another width below than above.
        text.extend(line.chars().skip(from).take(2 * SHOWN).map(|c| if c == '\t' { ' ' } else { c }));
        if line.chars().nth(from + 2 * SHOWN).is_some() {
            text.push('…');
        }
        let column = column - from + shift;
        let width = text.chars().count();
        Self { length: length.min(width.saturating_sub(column)), text, column }
    }
}
