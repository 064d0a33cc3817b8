//! Complaints that point at a place in a file.
//!
//! Everything that reads a configuration answers with these, never with a rendered text, so that several can be collected,
//! sorted and shown in one go, and so that a language server can one day show the same ones.

use std::sync::{Arc, OnceLock};

/// A file of the configuration, as its number in a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A range of bytes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

/// Where a text that was parsed by itself begins: the parser counts from there, and spans count from the file's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: FileId,
    /// The text's first byte in it.
    pub start: u32,
}

impl Origin {
    /// A range of the parser's as a span. What the parser gave no range has none to point at, and points at the file's start.
    pub fn span(self, range: Option<std::ops::Range<usize>>) -> Span {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX).saturating_add(self.start);
        match range {
            Some(range) => Span { file: self.file, start: place(range.start), end: place(range.end) },
            None => Span { file: self.file, start: 0, end: 0 },
        }
    }
}

impl From<FileId> for Origin {
    fn from(file: FileId) -> Self {
        Self { file, start: 0 }
    }
}

/// One file's text.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path as messages show it: relative to the configuration's folder.
    pub path: Arc<str>,
    /// Its text, without a byte-order mark.
    pub text: Arc<str>,
    /// Where each line begins, found out when first asked for: many thousand positions in one file must not each read it.
    lines: OnceLock<Vec<u32>>,
}

impl Source {
    /// The number of the line that holds a byte, from 0, and where that line begins.
    fn line_of(&self, byte: u32) -> (usize, u32) {
        let lines = self.lines.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(ends.filter_map(|(at, _)| u32::try_from(at + 1).ok())).collect()
        });
        let line = lines.partition_point(|start| *start <= byte).saturating_sub(1);
        (line, lines.get(line).copied().unwrap_or_default())
    }
}

/// The texts that spans point into.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
}

impl SourceMap {
    /// Adds a file.
    pub fn add(&mut self, path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        self.sources.push(Source { path: path.into(), text: text.into(), lines: OnceLock::new() });
        id
    }

    /// The file of that number.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.sources.get(file.0 as usize)
    }

    /// All files, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter()
    }

    /// Where a span begins, as people count: path, line and column from 1.
    pub fn position(&self, span: Span) -> Option<Position> {
        let source = self.get(span.file)?;
        let (line, start) = source.line_of(span.start);
        let column = source.text.get(start as usize..span.start as usize)?.chars().count() + 1;
        Some(Position { path: source.path.clone(), line: line + 1, column })
    }
}

/// A place as people write it down.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// The file's path.
    pub path: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing can be done before it is mended.
    Error,
    /// Worth knowing; work goes on.
    Warning,
}

/// One complaint.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: a sentence without a full stop, code in backquotes. Never a sensitive value.
    pub message: String,
    /// The places, the chief one first, each with a few words under its underline.
    pub labels: Vec<(Span, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place; `label` is what stands under the underline.
    pub fn error(span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), labels: vec![(span, label.into())], help: None }
    }

    /// A warning at a place.
    pub fn warning(span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, message, label) }
    }

    /// With advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With one more place.
    #[must_use]
    pub fn with_label(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }
}

/// Puts complaints in the order of their places, errors and warnings together, and drops repetitions.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.labels.first().map(|(span, _)| *span), d.severity, d.message.clone());
        key(a).cmp(&key(b))
    });
    diagnostics.dedup();
}

/// The closest of `candidates` to a misspelt `word`, if one is close enough to be meant.
pub fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let length = word.chars().count();
    // Of a single letter nothing is close: every other one would be.
    let allowed = (length / 3).clamp(1, 3).min(length / 2);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}
