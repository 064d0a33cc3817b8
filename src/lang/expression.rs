//! An expression with the file it stands in.

use deployctl_sdk::Value;
use hcl_edit::Span as _;
use hcl_edit::expr::Expression as Tree;
use hcl_edit::parser;

use super::heredoc::mend_expression;
use super::nesting;
use crate::diagnostic::{Diagnostic, FileId, Origin, Span};

/// An expression with the file it stands in. Owned once and borrowed by everybody.
#[derive(Debug, Clone)]
pub struct Expression {
    /// Where the text that it was parsed from begins.
    pub origin: Origin,
    /// The syntax tree, with its byte spans.
    pub tree: Tree,
}

impl Expression {
    /// An expression out of a parsed file.
    pub fn new(origin: impl Into<Origin>, tree: Tree) -> Self {
        Self { origin: origin.into(), tree }
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        self.origin.span(self.tree.span())
    }

    /// The text, if the expression is a literal string without templates.
    pub fn as_plain_string(&self) -> Option<String> {
        self.tree.as_str().map(str::to_owned)
    }

    /// The value, if the expression is a literal that needs no evaluation.
    pub(super) fn as_literal(&self) -> Option<Value> {
        match &self.tree {
            Tree::String(text) => Some(Value::from(text.value().as_str())),
            Tree::Bool(value) => Some(Value::Bool(*value.value())),
            Tree::Null(_) => Some(Value::Null),
            _ => None,
        }
    }
}

/// Parses one expression, for the console and `--var`. White space around it is not part of it: spans count from the first
/// character that is none.
///
/// # Errors
/// The syntax error, or that the text nests too deeply.
pub fn parse_expression(file: FileId, text: &str) -> Result<Expression, Vec<Diagnostic>> {
    let text = text.trim();
    if let Err(at) = nesting::nesting_limit_check(text) {
        return Err(vec![nesting::too_deep(file, at)]);
    }
    let mut tree = parser::parse_expr(text).map_err(|error| vec![syntax_error(file, text, &error)])?;
    mend_expression(text, &mut tree);
    Ok(Expression::new(file, tree))
}

/// A parser's error as a complaint that points at one character of `text`.
pub fn syntax_error(origin: impl Into<Origin>, text: &str, error: &parser::Error) -> Diagnostic {
    let at = text.floor_char_boundary(error.location().offset().min(text.len()));
    let rest = text.get(at..).unwrap_or_default();
    // The parser points at the blank before what it cannot read.
    let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let (at, rest) = (at + blank, rest.get(blank..).unwrap_or_default());
    let next = rest.chars().next();
    let span = origin.into().span(Some(at..at + next.map_or(0, char::len_utf8)));
    let found = match next {
        None => "the end of the text".to_owned(),
        Some('\n' | '\r') => "the end of the line".to_owned(),
        Some(other) => format!("`{other}`"),
    };
    let reason = error.message();
    if let Some((_, limit)) = reason.split_once("expected at most ") {
        return Diagnostic::error(span, format!("too deeply nested: at most {limit}"), "nested too deeply here")
            .with_help("take parts of it out into `locals`");
    }
    if reason.contains("found redefined") {
        let what = if reason.contains("object") { "key" } else { "attribute" };
        return Diagnostic::error(span, format!("the {what} is given twice"), "given before in the same place")
            .with_help("remove one of the two");
    }
    let expected = reason.split_once("expected ").map(|(_, expected)| expected.replace('\n', "\\n"));
    let error = Diagnostic::error(span, format!("syntax error: unexpected {found}"), "not expected here");
    match expected {
        Some(expected) if !expected.contains("letter") => error.with_help(format!("expected here: {expected}")),
        Some(_) => error.with_help("an expression is expected here"),
        None => error,
    }
}
