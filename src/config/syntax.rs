//! Texts to bodies: one parse of each file, its tree taken apart without cloning. Knows no block by name.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::expr::Traversal;
use hcl_edit::structure::{Block, Body as TreeBody, Structure};
use hcl_edit::visit_mut::{VisitMut, visit_traversal_mut};

use super::body::{Body, BodyAttribute, BodyBlock, Label};
use super::syntax_error::syntax_error;
use crate::diagnostic::{Diagnostic, FileId, Origin, SourceMap, Span};
use crate::lang::{self, Expression};

/// From how many bytes on a second thread is worth starting.
const WORTH_A_THREAD: usize = 128 << 10;

/// How long the parts are that a large text is parsed in. The parser's tree is many times as large as its text, and of each
/// part only what is needed stays.
const PART: usize = 64 << 10;

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
            let place = Origin::from(file).span(Some(valid..valid + char::REPLACEMENT_CHARACTER.len_utf8()));
            complaints.push(
                Diagnostic::error(place, format!("`{path}` is not UTF-8 text"), format!("byte 0x{byte:02x}"))
                    .with_help("save the file as UTF-8"),
            );
            None
        }
    }
}

/// A part of a text that can be parsed by itself.
struct Part {
    /// Which of the texts.
    text: usize,
    range: Range<usize>,
}

fn parse_all(texts: &[(FileId, Arc<str>)]) -> Vec<Result<Body, Diagnostic>> {
    let ranges = texts
        .iter()
        .enumerate()
        .flat_map(|(text, (_, whole))| parts(whole).into_iter().map(move |range| Part { text, range }));
    let ranges: Vec<Part> = ranges.collect();
    let parsed = on_two_threads(texts, &ranges);
    let mut bodies: Vec<Option<Body>> = Vec::new();
    bodies.resize_with(texts.len(), || None);
    let mut failed = vec![false; texts.len()];
    for (part, body) in ranges.iter().zip(parsed) {
        match (bodies.get_mut(part.text), failed.get_mut(part.text), body) {
            (Some(Some(whole)), _, Some(body)) => {
                whole.attributes.extend(body.attributes);
                whole.blocks.extend(body.blocks);
            }
            (Some(none), _, Some(body)) => *none = Some(body),
            (_, Some(failed), _) => *failed = true,
            _ => {}
        }
    }
    let mut names = Names::default();
    let all = texts.iter().zip(bodies).zip(failed);
    // What fails in parts is parsed once more as a whole, for the right complaint.
    all.map(|(((file, text), body), failed)| match body {
        Some(body) if !failed => Ok(body),
        _ => parse((*file).into(), text, &mut names),
    })
    .collect()
}

fn on_two_threads(texts: &[(FileId, Arc<str>)], parts: &[Part]) -> Vec<Option<Body>> {
    let total: usize = parts.iter().map(|part| part.range.len()).sum();
    if total < WORTH_A_THREAD || parts.len() < 2 {
        return parse_parts(texts, parts);
    }
    let mut half = 0;
    let first = parts.partition_point(|part| {
        half += part.range.len();
        half <= total / 2
    });
    let (first, second) = parts.split_at(first.clamp(1, parts.len() - 1));
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| parse_parts(texts, second));
        let mut parsed = parse_parts(texts, first);
        match beside.join() {
            Ok(rest) => parsed.extend(rest),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        parsed
    })
}

fn parse_parts(texts: &[(FileId, Arc<str>)], parts: &[Part]) -> Vec<Option<Body>> {
    let mut names = Names::default();
    let parse = |part: &Part| {
        let (file, text) = texts.get(part.text)?;
        parse_part(*file, text, &part.range, &mut names)
    };
    parts.iter().map(parse).collect()
}

/// Cuts a large text after blocks that end at the beginning of a line. A cut in the wrong place, inside a heredoc or a
/// comment, leaves a part that does not parse, and never one that means something else.
fn parts(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    while text.len() - start > 2 * PART {
        let Some(end) = block_end(text, start + PART) else { break };
        parts.push(start..end);
        start = end;
    }
    parts.push(start..text.len());
    parts
}

/// The end of the first line from a place on that is a closing brace and nothing else.
fn block_end(text: &str, from: usize) -> Option<usize> {
    let from = text.floor_char_boundary(from);
    let found = text.get(from..)?.match_indices("\n}").find_map(|(at, _)| {
        let rest = text.get(from + at + 2..)?;
        let end = if rest.starts_with("\r\n") { 2 } else { 1 };
        rest.trim_start_matches('\r').starts_with('\n').then_some(from + at + 2 + end)
    });
    found.filter(|end| *end < text.len())
}

/// Parses a part of a text.
fn parse_part(file: FileId, text: &str, range: &Range<usize>, names: &mut Names) -> Option<Body> {
    let start = u32::try_from(range.start).ok()?;
    parse(Origin { file, start }, text.get(range.clone())?, names).ok()
}

/// Parses one text.
pub(super) fn parse(origin: Origin, text: &str, names: &mut Names) -> Result<Body, Diagnostic> {
    lang::nesting::nesting_limit_check(text).map_err(|at| lang::nesting::too_deep(origin, at))?;
    let mut tree = hcl_edit::parser::parse_body(text).map_err(|error| syntax_error(origin, text, &error))?;
    lang::mend_heredocs(text, &mut tree);
    Ok(take_apart(origin, tree, origin.span(None), names))
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
fn take_apart(origin: Origin, tree: TreeBody, header: Span, names: &mut Names) -> Body {
    let mut body = Body::empty(header);
    for structure in tree {
        match structure {
            Structure::Attribute(mut attribute) => {
                Shrink.visit_expr_mut(&mut attribute.value);
                body.attributes.push(BodyAttribute {
                    name: names.share(attribute.key.as_str()),
                    name_span: origin.span(attribute.key.span()),
                    value: Expression::new(origin, attribute.value),
                });
            }
            Structure::Block(block) => body.blocks.push(take_block_apart(origin, block, names)),
        }
    }
    body.attributes.shrink_to_fit();
    body.blocks.shrink_to_fit();
    body
}

/// Gives back the room that the parser left for more: half of the memory of a configuration that is mostly references.
struct Shrink;

impl VisitMut for Shrink {
    fn visit_traversal_mut(&mut self, traversal: &mut Traversal) {
        traversal.operators.shrink_to_fit();
        visit_traversal_mut(self, traversal);
    }
}

fn take_block_apart(origin: Origin, block: Block, names: &mut Names) -> BodyBlock {
    let name_span = origin.span(block.ident.span());
    let labels: Vec<Label> = block
        .labels
        .iter()
        .map(|label| Label { text: names.share(label.as_str()), span: origin.span(label.span()) })
        .collect();
    let end = labels.last().map_or(name_span.end, |label| label.span.end);
    BodyBlock {
        name: names.share(block.ident.as_str()),
        name_span,
        labels,
        body: take_apart(origin, block.body, Span { end, ..name_span }, names),
    }
}
