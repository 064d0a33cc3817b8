//! Texts to bodies: one parse of each file, its tree taken apart without cloning. Knows no block by name.

use std::collections::HashSet;
use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::structure::{Block, Body as TreeBody, Structure};

use super::body::{Body, BodyAttribute, BodyBlock, Label, span};
use super::brackets;
use crate::diagnostic::{Diagnostic, FileId, SourceMap, Span};
use crate::lang::{self, Expression};

/// From how many bytes on a second thread is worth starting.
const WORTH_A_THREAD: usize = 1 << 20;

/// The largest file that spans can point into.
const LARGEST_FILE: usize = u32::MAX as usize - 1;

/// Texts read, with the bodies of those that could be.
pub(super) struct Texts {
    /// All texts, in the given order.
    pub sources: SourceMap,
    /// The bodies, in the given order.
    pub bodies: Vec<Body>,
    /// What is wrong with the others.
    pub complaints: Vec<Diagnostic>,
}

/// Reads texts, each with its path for messages.
pub(super) fn read(files: Vec<(String, Vec<u8>)>) -> Texts {
    let mut sources = SourceMap::default();
    let mut complaints = Vec::new();
    let mut texts = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        if let Some((file, text)) = add(&mut sources, &path, bytes, &mut complaints) {
            texts.push((file, text));
        }
    }
    let mut bodies = Vec::with_capacity(texts.len());
    for parsed in parse_all(&texts) {
        match parsed {
            Ok(body) => bodies.push(body),
            Err(complaint) => complaints.push(complaint),
        }
    }
    Texts { sources, bodies, complaints }
}

/// Adds a text to the sources, without byte-order mark; complains about what is not UTF-8.
pub(super) fn add(
    sources: &mut SourceMap,
    path: &str,
    bytes: Vec<u8>,
    complaints: &mut Vec<Diagnostic>,
) -> Option<(FileId, Arc<str>)> {
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    if bytes.len() > LARGEST_FILE {
        let file = sources.add(path, "");
        let start = Span { file, start: 0, end: 0 };
        complaints.push(Diagnostic::error(start, format!("`{path}` is larger than 4 GiB"), "this file"));
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text: Arc<str> = text.into();
            let file = sources.add(path, text.clone());
            Some((file, text))
        }
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(valid).copied().unwrap_or_default();
            let file = sources.add(path, String::from_utf8_lossy(error.as_bytes()));
            let place = span(file, Some(valid..valid + char::REPLACEMENT_CHARACTER.len_utf8()));
            complaints.push(
                Diagnostic::error(place, format!("`{path}` is not UTF-8 text"), format!("byte 0x{byte:02x}"))
                    .with_help("save the file as UTF-8"),
            );
            None
        }
    }
}

fn parse_all(texts: &[(FileId, Arc<str>)]) -> Vec<Result<Body, Diagnostic>> {
    let total: usize = texts.iter().map(|(_, text)| text.len()).sum();
    if total < WORTH_A_THREAD || texts.len() < 2 {
        return parse_some(texts);
    }
    let mut half = 0;
    let first = texts.partition_point(|(_, text)| {
        half += text.len();
        half <= total / 2
    });
    let (first, second) = texts.split_at(first.clamp(1, texts.len() - 1));
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| parse_some(second));
        let mut parsed = parse_some(first);
        match beside.join() {
            Ok(rest) => parsed.extend(rest),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        parsed
    })
}

fn parse_some(texts: &[(FileId, Arc<str>)]) -> Vec<Result<Body, Diagnostic>> {
    let mut names = Names::default();
    texts.iter().map(|(file, text)| parse(*file, text, &mut names)).collect()
}

/// Parses one text.
pub(super) fn parse(file: FileId, text: &str, names: &mut Names) -> Result<Body, Diagnostic> {
    lang::nesting::nesting_limit_check(text).map_err(|at| lang::nesting::too_deep(file, at))?;
    let tree = hcl_edit::parser::parse_body(text).map_err(|error| syntax_error(file, text, &error))?;
    Ok(take_apart(file, tree, span(file, Some(0..0)), names))
}

/// Names that come again and again, each kept once.
#[derive(Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    /// The name, shared with all others that are the same.
    pub fn share(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        self.0.insert(name.clone());
        name
    }
}

// Blocks nest no deeper than the parser lets them.
fn take_apart(file: FileId, tree: TreeBody, header: Span, names: &mut Names) -> Body {
    let mut body = Body::empty(header);
    for structure in tree {
        match structure {
            Structure::Attribute(attribute) => body.attributes.push(BodyAttribute {
                name: names.share(attribute.key.as_str()),
                name_span: span(file, attribute.key.span()),
                value: Expression::new(file, attribute.value),
            }),
            Structure::Block(block) => body.blocks.push(take_block_apart(file, block, names)),
        }
    }
    body.attributes.shrink_to_fit();
    body.blocks.shrink_to_fit();
    body
}

fn take_block_apart(file: FileId, block: Block, names: &mut Names) -> BodyBlock {
    let name_span = span(file, block.ident.span());
    let labels: Vec<Label> = block
        .labels
        .iter()
        .map(|label| Label { text: names.share(label.as_str()), span: span(file, label.span()) })
        .collect();
    let end = labels.last().map_or(name_span.end, |label| label.span.end);
    BodyBlock {
        name: names.share(block.ident.as_str()),
        name_span,
        labels,
        body: take_apart(file, block.body, Span { end, ..name_span }, names),
    }
}

/// What the parser has against a text: the bracket that is never closed, where that is the cause.
fn syntax_error(file: FileId, text: &str, error: &hcl_edit::parser::Error) -> Diagnostic {
    let cause = brackets::unclosed(text).filter(|cause| cause.open <= error.location().offset());
    let Some(cause) = cause else { return lang::syntax_error(file, text, error) };
    let place = span(file, Some(cause.open..cause.open + cause.opener.len()));
    let message = format!("`{}` is never closed", cause.opener);
    let complaint = Diagnostic::error(place, message, format!("`{}` is missing for this", cause.closer));
    match cause.instead {
        Some(at) => {
            complaint.with_label(span(file, Some(at..at + 1)), format!("`{}` was due before this", cause.closer))
        }
        None => complaint,
    }
}
