//! A text cut into lines of tokens. Where strings and heredocs end is taken from the parsed tree, which knows it exactly.

use std::collections::BTreeMap;

use hcl_edit::Span as _;
use hcl_edit::expr::Expression as Tree;
use hcl_edit::structure::{BlockLabel, Body};
use hcl_edit::visit::{Visit, visit_expr};

/// What sort of token it is, as far as layout cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word, a number or a string.
    Word,
    /// A heredoc, from `<<` to its closing word.
    Heredoc,
    /// A comment to the end of the line.
    Comment,
    /// A comment between `/*` and `*/`.
    Remark,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `,`
    Comma,
    /// `.` or `::`
    Dot,
    /// `...`
    Ellipsis,
    /// `=`
    Equal,
    /// Any other operator.
    Operator,
}

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub kind: Kind,
    pub text: &'t str,
}

/// Cuts a text that parsed as `body` into its lines.
pub(super) fn lines<'t>(text: &'t str, body: &Body) -> Vec<Vec<Token<'t>>> {
    let mut solid = Solid::default();
    solid.visit_body(body);
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut at = 0;
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if first == '\n' {
            lines.push(std::mem::take(&mut line));
            at += 1;
            continue;
        }
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (kind, end) = match solid.0.get(&at) {
            Some(end) if first == '<' => (Kind::Heredoc, *end),
            Some(end) => (Kind::Word, *end),
            None => next(text, at, first),
        };
        let end = end.max(at + first.len_utf8());
        let token = text.get(at..end).unwrap_or_default();
        line.push(Token { kind, text: if kind == Kind::Comment { token.trim_end() } else { token } });
        at = end;
    }
    lines.push(line);
    lines
}

/// The kind of the token that begins here, and where it ends.
fn next(text: &str, at: usize, first: char) -> (Kind, usize) {
    let rest = text.get(at..).unwrap_or_default();
    let line_end = || at + rest.find('\n').unwrap_or(rest.len());
    if first == '#' || rest.starts_with("//") {
        return (Kind::Comment, line_end());
    }
    if rest.starts_with("/*") {
        return (Kind::Remark, at + rest.find("*/").map_or(rest.len(), |end| end + 2));
    }
    if first.is_ascii_digit() {
        return (Kind::Word, at + number(rest));
    }
    if first.is_alphanumeric() || first == '_' {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
        return (Kind::Word, at + end);
    }
    for (symbol, kind) in [("...", Kind::Ellipsis), ("::", Kind::Dot)] {
        if rest.starts_with(symbol) {
            return (kind, at + symbol.len());
        }
    }
    if ["==", "!=", "<=", ">=", "=>", "&&", "||"].iter().any(|symbol| rest.starts_with(symbol)) {
        return (Kind::Operator, at + 2);
    }
    let kind = match first {
        '(' | '[' | '{' => Kind::Open,
        ')' | ']' | '}' => Kind::Close,
        ',' => Kind::Comma,
        '.' => Kind::Dot,
        '=' => Kind::Equal,
        _ => Kind::Operator,
    };
    (kind, at + first.len_utf8())
}

/// The length of a number: digits, a fraction, an exponent.
fn number(rest: &str) -> usize {
    let digits = |from: usize| rest.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    if rest.as_bytes().get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(rest.as_bytes().get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.as_bytes().get(end + 1), Some(b'+' | b'-')));
        if digits(end + 1 + sign) > 0 {
            end += 1 + sign + digits(end + 1 + sign);
        }
    }
    end
}

/// Where strings and heredocs begin and end. What is inside of them is not looked at.
#[derive(Default)]
struct Solid(BTreeMap<usize, usize>);

impl Visit for Solid {
    fn visit_expr(&mut self, expr: &Tree) {
        match expr {
            Tree::String(_) | Tree::StringTemplate(_) | Tree::HeredocTemplate(_) => {
                self.0.extend(expr.span().map(|span| (span.start, span.end)));
            }
            other => visit_expr(self, other),
        }
    }

    fn visit_block_label(&mut self, label: &BlockLabel) {
        if let BlockLabel::String(text) = label {
            self.0.extend(text.span().map(|span| (span.start, span.end)));
        }
    }
}
