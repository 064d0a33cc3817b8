//! Texts as miette wants to read them, quickly also where a file has a hundred megabytes or a line has ten.

use std::ops::Range;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::diagnostic::{Source, Span};

/// A line longer than this is shown in part.
const WIDE: usize = 400;

/// How much of a wide line is shown before and after the place.
const AROUND: usize = 40;

/// A file with its line starts looked up once.
pub struct Indexed<'s> {
    path: &'s str,
    text: &'s str,
    starts: Vec<usize>,
}

impl<'s> Indexed<'s> {
    /// Looks up where lines start.
    pub fn new(source: &'s Source) -> Self {
        let mut starts = vec![0];
        starts.extend(source.text.match_indices('\n').map(|(at, _)| at + 1));
        Self { path: &source.path, text: &source.text, starts }
    }

    fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    /// Where the line ends, without its end.
    fn end(&self, line: usize) -> usize {
        let end = self.starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let text = self.text.get(self.start(line)..end).unwrap_or_default();
        self.start(line) + text.trim_end_matches('\r').len()
    }

    /// The part of a span that lies on its first line, within the text and between characters.
    pub fn clip(&self, span: Span) -> Range<usize> {
        let floor =
            |at: usize| (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let start = floor(span.start as usize);
        let end = floor(span.end as usize).min(self.end(self.line_of(start))).max(start);
        start..end
    }

    /// Whether the line is the head of a block, which says what the place below it belongs to. No other line is shown
    /// beside the place's own: it has nothing to do with the mistake, and may hold somebody's password.
    fn opens_a_block(&self, line: usize) -> bool {
        let text = self.text.get(self.start(line)..self.end(line)).unwrap_or_default().trim_end();
        let head = text.strip_suffix('{').map(str::trim_end);
        head.is_some_and(|head| !head.strip_suffix('=').unwrap_or(head).contains(['=', '{', '<', '#']))
    }

    /// Whether the place or the line above it are too wide to be shown whole.
    pub fn is_wide(&self, place: &Range<usize>) -> bool {
        let line = self.line_of(place.start);
        (line.saturating_sub(1)..=line).any(|line| self.end(line).saturating_sub(self.start(line)) > WIDE)
    }

    /// The stretch of a line around a place.
    pub fn excerpt(&self, place: &Range<usize>) -> Excerpt<'s> {
        let line = self.line_of(place.start);
        let within = |range: Range<usize>| self.text.get(range).unwrap_or_default();
        let before: Vec<char> = within(self.start(line)..place.start).chars().rev().take(AROUND + 1).collect();
        let marked: String = within(place.clone()).chars().take(AROUND).collect();
        let after: String = within(place.start + marked.len()..self.end(line)).chars().take(AROUND).collect();
        let mut text = String::new();
        if before.len() > AROUND {
            text.push('…');
        }
        text.extend(before.iter().take(AROUND).rev());
        let offset = text.len();
        let length = marked.len();
        text.push_str(&marked);
        text.push_str(&after);
        if place.start + length + after.len() < self.end(line) {
            text.push('…');
        }
        let column = within(self.start(line)..place.start).chars().count();
        Excerpt { path: self.path, text, place: offset..offset + length, line, column }
    }
}

impl SourceCode for Indexed<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let end = span.offset().checked_add(span.len()).filter(|end| *end <= self.text.len());
        let end = end.ok_or(MietteError::OutOfBounds)?;
        let (first, last) = (self.line_of(span.offset()), self.line_of(end));
        let above = if before > 0 && first > 0 && self.opens_a_block(first - 1) { 1 } else { 0 };
        let (top, bottom) = (first - above, last);
        // Without lines around it the excerpt begins at the place itself: miette asks for its column that way.
        let from = if before == 0 { span.offset() } else { self.start(top) };
        let column =
            if before == 0 { self.text.get(self.start(first)..from).map_or(0, |text| text.chars().count()) } else { 0 };
        let to = self.end(bottom).max(end).max(from);
        let data = self.text.get(from..to).ok_or(MietteError::OutOfBounds)?;
        let line_count = bottom - top + 1;
        let span = SourceSpan::new(from.into(), to - from);
        Ok(Box::new(MietteSpanContents::new_named(
            self.path.to_owned(),
            data.as_bytes(),
            span,
            top,
            column,
            line_count,
        )))
    }
}

/// A stretch of one wide line, with its true line and column.
pub struct Excerpt<'s> {
    path: &'s str,
    text: String,
    place: Range<usize>,
    line: usize,
    column: usize,
}

impl Excerpt<'_> {
    /// Where the place begins in the stretch.
    pub fn offset(&self) -> usize {
        self.place.start
    }

    /// How long it is there.
    pub fn length(&self) -> usize {
        self.place.len()
    }
}

impl SourceCode for Excerpt<'_> {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let span = SourceSpan::new(0.into(), self.text.len());
        let path = self.path.to_owned();
        Ok(Box::new(MietteSpanContents::new_named(path, self.text.as_bytes(), span, self.line, self.column, 1)))
    }
}
