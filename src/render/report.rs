//! Failures as people read them: what, where (with the place underlined, by miette), and what to do next.

mod source;

use std::collections::BTreeMap;
use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, ThemeCharacters, ThemeStyles};
use serde::Serialize;

use super::look::{Look, Paint};
use super::text::{clean, counted};
use crate::diagnostic::{Diagnostic, FileId, Position, Severity, SourceMap, Span};
use crate::error::{Error, ErrorKind, Report};
use source::Indexed;

/// How many complaints are shown before the rest is counted.
const SHOWN: usize = 20;

/// How many places of one complaint are shown.
const PLACES: usize = 12;

/// The whole failure, ready to be printed.
pub fn error(error: &Error, look: Look) -> String {
    let Some(report) = error.report.as_ref().filter(|report| !report.diagnostics.is_empty()) else {
        return plain(error, look);
    };
    let mut out = diagnostics(report, look);
    let errors = report.diagnostics.iter().filter(|each| each.severity == Severity::Error).count();
    out.push_str(&detail(error));
    if error.kind == ErrorKind::Invalid {
        out.push_str(&format!("{}. Nothing was changed.\n", counted(errors.max(1), "error")));
    }
    if let Some(hint) = &error.hint {
        out.push_str(&format!("  help: {}\n", clean(hint)));
    }
    out
}

fn plain(error: &Error, look: Look) -> String {
    let mut lines = error.message.lines();
    let mut out = format!("{} {}\n", look.paint(Paint::Alarm, "error:"), clean(lines.next().unwrap_or_default()));
    out.extend(lines.map(|line| format!("  {}\n", clean(line))));
    out.push_str(&detail(error));
    if let Some(hint) = &error.hint {
        out.push_str(&format!("{} {}\n", look.paint(Paint::Cyan, "  help:"), clean(hint)));
    }
    out
}

fn detail(error: &Error) -> String {
    error.detail.iter().flat_map(|entry| entry.lines()).map(|line| format!("  │ {}\n", clean(line))).collect()
}

/// The complaints, each followed by a blank line; of many, the first ones and how many more there are.
pub fn diagnostics(report: &Report, look: Look) -> String {
    let mut indices = BTreeMap::new();
    let mut out = String::new();
    for diagnostic in report.diagnostics.iter().take(SHOWN) {
        out.push_str(&one(diagnostic, &report.sources, &mut indices, look));
        out.push('\n');
    }
    if report.diagnostics.len() > SHOWN {
        out.push_str(&format!("… and {} more like these\n\n", report.diagnostics.len() - SHOWN));
    }
    out
}

fn one<'s>(
    diagnostic: &Diagnostic,
    sources: &'s SourceMap,
    indices: &mut BTreeMap<FileId, Indexed<'s>>,
    look: Look,
) -> String {
    let (word, paint) = match diagnostic.severity {
        Severity::Error => ("error:", Paint::Alarm),
        Severity::Warning => ("warning:", Paint::Yellow),
    };
    let mut lines = diagnostic.message.lines();
    let mut out = format!("{} {}\n", look.paint(paint, word), look.bold(&clean(lines.next().unwrap_or_default())));
    out.extend(lines.map(|line| format!("  {}\n", clean(line))));
    for (file, labels) in by_file(&diagnostic.labels) {
        let Some(source) = sources.get(file) else { continue };
        let index = indices.entry(file).or_insert_with(|| Indexed::new(source));
        out.push_str(&frame(index, &labels, diagnostic.severity, look));
    }
    if let Some(help) = &diagnostic.help {
        for (position, line) in help.lines().enumerate() {
            let lead = if position == 0 { look.paint(Paint::Cyan, "  help:") } else { "       ".to_owned() };
            out.push_str(&format!("{lead} {}\n", clean(line)));
        }
    }
    out
}

/// The places by file, the chief place's file first.
fn by_file(labels: &[(Span, String)]) -> Vec<(FileId, Vec<(Span, &str)>)> {
    let mut files: Vec<(FileId, Vec<(Span, &str)>)> = Vec::new();
    for (span, label) in labels.iter().take(PLACES) {
        match files.iter_mut().find(|(file, _)| *file == span.file) {
            Some((_, places)) => places.push((*span, label)),
            None => files.push((span.file, vec![(*span, label)])),
        }
    }
    files
}

/// What miette needs to draw the places of one file.
struct Places<'p> {
    source: &'p dyn miette::SourceCode,
    labels: Vec<LabeledSpan>,
    severity: Severity,
}

impl fmt::Display for Places<'_> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl fmt::Debug for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Places")
    }
}

impl std::error::Error for Places<'_> {}

impl miette::Diagnostic for Places<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

/// One file's excerpt with its places underlined.
fn frame(index: &Indexed<'_>, labels: &[(Span, &str)], severity: Severity, look: Look) -> String {
    let labelled = |offset: usize, length: usize, label: &str, primary: bool| {
        let label = (!label.is_empty()).then(|| clean(label));
        let span = miette::SourceSpan::new(offset.into(), length);
        if primary { LabeledSpan::new_primary_with_span(label, span) } else { LabeledSpan::new_with_span(label, span) }
    };
    let spans: Vec<_> = labels.iter().map(|(span, label)| (index.clip(*span), *label)).collect();
    let too_wide = spans.iter().any(|(place, _)| index.is_wide(place));
    if too_wide {
        // A line of megabytes is shown as the stretch around the chief place.
        let Some((place, label)) = spans.first() else { return String::new() };
        let excerpt = index.excerpt(place);
        let labels = vec![labelled(excerpt.offset(), excerpt.length(), label, true)];
        return draw(&Places { source: &excerpt, labels, severity }, 0, look);
    }
    let labels = spans
        .iter()
        .enumerate()
        .map(|(position, (place, label))| labelled(place.start, place.len(), label, position == 0))
        .collect();
    draw(&Places { source: index, labels, severity }, 1, look)
}

fn draw(places: &Places<'_>, context: usize, look: Look) -> String {
    let styles = if look.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(look.width.max(40))
        .with_context_lines(context)
        .with_links(false)
        .without_syntax_highlighting()
        .without_cause_chain();
    let mut drawn = String::new();
    if handler.render_report(&mut drawn, places).is_err() {
        return String::new();
    }
    // The first line is miette's own header; ours stands above already.
    let frame: String =
        drawn.lines().skip_while(|line| !line.contains('╭')).map(|line| format!("{}\n", line.trim_end())).collect();
    frame
}

/// A failure as a JSON document.
#[derive(Serialize)]
pub struct Document<'e> {
    format_version: u32,
    error: Failure<'e>,
}

#[derive(Serialize)]
struct Failure<'e> {
    kind: &'static str,
    message: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'e str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    detail: &'e [String],
    diagnostics: Vec<Complaint<'e>>,
}

/// One complaint as a JSON document has it.
#[derive(Serialize)]
pub struct Complaint<'e> {
    severity: &'static str,
    message: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'e str>,
    places: Vec<Place<'e>>,
}

#[derive(Serialize)]
struct Place<'e> {
    #[serde(flatten)]
    position: Position,
    label: &'e str,
}

/// The failure as a JSON document.
pub fn document(error: &Error) -> Document<'_> {
    Document {
        format_version: 1,
        error: Failure {
            kind: kind(error.kind),
            message: &error.message,
            help: error.hint.as_deref(),
            detail: &error.detail,
            diagnostics: error.report.as_ref().map(complaints).unwrap_or_default(),
        },
    }
}

/// The complaints as JSON documents have them.
pub fn complaints(report: &Report) -> Vec<Complaint<'_>> {
    report.diagnostics.iter().map(|diagnostic| complaint(diagnostic, &report.sources)).collect()
}

fn complaint<'e>(diagnostic: &'e Diagnostic, sources: &SourceMap) -> Complaint<'e> {
    let places = diagnostic.labels.iter().filter_map(|(span, label)| {
        let text = &sources.get(span.file)?.text;
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let position = sources.position(Span { start: span.start.min(end), ..*span })?;
        Some(Place { position, label })
    });
    Complaint {
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: &diagnostic.message,
        help: diagnostic.help.as_deref(),
        places: places.collect(),
    }
}

fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Failed => "failed",
        ErrorKind::Stale => "stale",
        ErrorKind::Locked => "locked",
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::Refused => "refused",
        ErrorKind::Usage => "usage",
        ErrorKind::Invalid => "invalid",
    }
}

#[cfg(test)]
mod tests;
