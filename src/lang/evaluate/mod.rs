//! The evaluator: walks a tree once and answers a value or every complaint that can be told in one go.
//!
//! A failed part leaves its complaint in [`Evaluator::diagnostics`] and answers [`Failed`]; whoever has several parts
//! (items, members, arguments) evaluates all of them before failing itself.

mod call;
mod collection;
mod operators;
mod template;
mod traversal;

use std::ops::Range;
use std::sync::Arc;

use deployctl_sdk::{Number, Value};
use hcl_edit::Span as _;
use hcl_edit::expr::{Conditional, Expression as Tree};
use hcl_edit::{Formatted, Number as ParsedNumber};

pub(in crate::lang) use operators::equal;
pub(in crate::lang) use template::render_file;

use super::expression::Expression;
use super::limits;
use super::scope::{Scope, Unresolved};
use crate::diagnostic::{Diagnostic, Origin, Span};

/// A part could not be evaluated; the complaint has been left already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lang) struct Failed;

/// The result of evaluating a part.
pub(in crate::lang) type Eval<T = Value> = Result<T, Failed>;

/// Evaluates an expression.
///
/// # Errors
/// Every complaint that could be found in one go, each with its place.
pub fn evaluate(expr: &Expression, scope: &dyn Scope) -> Result<Value, Vec<Diagnostic>> {
    if let Some(literal) = expr.as_literal() {
        return Ok(literal);
    }
    let mut evaluator = Evaluator::new(expr.origin, scope);
    let value = evaluator.eval(&expr.tree).and_then(|value| {
        // What a plain reference answers has been measured where it was made.
        if !matches!(expr.tree, Tree::Traversal(_) | Tree::Variable(_) | Tree::Number(_))
            && let Err(excess) = limits::measure(&value)
        {
            return evaluator.fail(expr.tree.span(), excess.message(), "this is too much");
        }
        scope.made(&value);
        Ok(value)
    });
    value.map_err(|Failed| evaluator.diagnostics)
}

/// What an operation has looked into so far. `try` and `can` need it: that something failed says something about what it
/// looked into.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    sensitive: bool,
    unknown: bool,
}

/// One evaluation under way.
pub(in crate::lang) struct Evaluator<'e> {
    pub(in crate::lang) scope: &'e dyn Scope,
    origin: Origin,
    /// Names bound by `for`, the innermost last.
    locals: Vec<(&'e str, Value)>,
    diagnostics: Vec<Diagnostic>,
    depth: usize,
    made: usize,
    ids: u64,
    seen: Seen,
    /// Inside of a file rendered by `templatefile`, which may not render another.
    in_template_file: bool,
}

impl<'e> Evaluator<'e> {
    fn new(origin: Origin, scope: &'e dyn Scope) -> Self {
        Self {
            scope,
            origin,
            locals: Vec::new(),
            diagnostics: Vec::new(),
            depth: 0,
            made: 0,
            ids: 0,
            seen: Seen::default(),
            in_template_file: false,
        }
    }

    fn eval(&mut self, expr: &'e Tree) -> Eval {
        if self.depth >= limits::MAX_DEPTH {
            return self.fail(expr.span(), "the expression is nested too deeply", "too deep from here");
        }
        self.depth += 1;
        let value = self.eval_kind(expr);
        self.depth -= 1;
        value
    }

    fn eval_kind(&mut self, expr: &'e Tree) -> Eval {
        match expr {
            Tree::Null(_) => Ok(Value::Null),
            Tree::Bool(value) => Ok(Value::Bool(*value.value())),
            Tree::Number(number) => self.number(number),
            Tree::String(text) => Ok(Value::from(text.value().as_str())),
            Tree::Array(array) => self.array(array),
            Tree::Object(object) => self.object(object),
            Tree::StringTemplate(template) => self.string_template(template, false, template.span()),
            Tree::HeredocTemplate(heredoc) => self.string_template(&heredoc.template, true, heredoc.span()),
            Tree::Parenthesis(inner) => self.eval(inner.inner()),
            Tree::Variable(name) => self.variable(name, name.span()),
            Tree::Conditional(conditional) => self.conditional(conditional),
            Tree::FuncCall(call) => self.call(call),
            Tree::Traversal(traversal) => self.traversal(traversal),
            Tree::UnaryOp(op) => self.unary(op),
            Tree::BinaryOp(op) => self.binary(op),
            Tree::ForExpr(expr) => self.for_expr(expr),
        }
    }

    /// A number is read from its text: the parser's own number is a float as soon as it has a point.
    fn number(&mut self, number: &'e Formatted<ParsedNumber>) -> Eval {
        let read = match number.as_repr() {
            Some(text) if !text.contains(' ') => Number::parse(text),
            Some(text) => Number::parse(&text.split_ascii_whitespace().collect::<String>()),
            None => Number::parse(&number.value().to_string()),
        };
        match read {
            Ok(read) => Ok(Value::Number(read)),
            Err(error) => self.fail(number.span(), error.to_string(), "this number"),
        }
    }

    fn conditional(&mut self, conditional: &'e Conditional) -> Eval {
        let condition = self.eval(&conditional.cond_expr)?;
        let (truth, marked) = self.truth(&condition, conditional.cond_expr.span(), "the condition")?;
        let chosen = match truth {
            Some(true) => self.eval(&conditional.true_expr)?,
            Some(false) => self.eval(&conditional.false_expr)?,
            None => Value::Unknown,
        };
        Ok(chosen.with_mark(marked))
    }

    /// A value as a truth value, `None` if it is unknown, and whether it is sensitive.
    fn truth(&mut self, value: &Value, range: Option<Range<usize>>, what: &str) -> Eval<(Option<bool>, bool)> {
        let (plain, marked) = self.look(value);
        let truth = match plain {
            Value::Unknown => None,
            Value::Bool(value) => Some(*value),
            Value::String(text) if &**text == "true" => Some(true),
            Value::String(text) if &**text == "false" => Some(false),
            other => {
                let kind = other.kind();
                return self.fail(range, format!("{what} must be a bool"), format!("this is {kind}"));
            }
        };
        Ok((truth, marked))
    }

    /// Looks into a value for an operation: takes the mark off and remembers what was seen.
    fn look<'v>(&mut self, value: &'v Value) -> (&'v Value, bool) {
        let (plain, marked) = value.unmark();
        self.note(marked, matches!(plain, Value::Unknown));
        (plain, marked)
    }

    pub(in crate::lang) fn note(&mut self, sensitive: bool, unknown: bool) {
        self.seen.sensitive |= sensitive;
        self.seen.unknown |= unknown;
    }

    /// Counts what is made towards the limit of this evaluation.
    pub(in crate::lang) fn charge(&mut self, bytes: usize, range: Option<Range<usize>>) -> Eval<()> {
        self.made = self.made.saturating_add(bytes);
        if self.made > limits::MAX_MADE {
            let limit = limits::MAX_MADE >> 20;
            return self.fail(range, format!("the expression makes more than {limit} MiB of values"), "too much here");
        }
        Ok(())
    }

    /// A number that tells the random ids of one evaluation apart.
    pub(in crate::lang) fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn local(&self, name: &str) -> Option<&Value> {
        self.locals.iter().rev().find(|(bound, _)| *bound == name).map(|(_, value)| value)
    }

    fn span(&self, range: Option<Range<usize>>) -> Span {
        self.origin.span(range)
    }

    /// Leaves a complaint and fails.
    pub(in crate::lang) fn fail<T>(
        &mut self,
        range: Option<Range<usize>>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Eval<T> {
        let span = self.span(range);
        self.complain(Diagnostic::error(span, message, label))
    }

    fn fail_with_help<T>(
        &mut self,
        range: Option<Range<usize>>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> Eval<T> {
        let span = self.span(range);
        self.complain(Diagnostic::error(span, message, label).with_help(help))
    }

    fn complain<T>(&mut self, diagnostic: Diagnostic) -> Eval<T> {
        self.diagnostics.push(diagnostic);
        Err(Failed)
    }

    fn unresolved<T>(&mut self, range: Option<Range<usize>>, unresolved: Unresolved) -> Eval<T> {
        let mut diagnostic = Diagnostic::error(self.span(range), unresolved.message, "not found");
        diagnostic.help = unresolved.help;
        self.complain(diagnostic)
    }
}

/// A value as the text of a template, an object's key or a string argument: `None` where it has none.
pub(in crate::lang) fn plain_text(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(true) => Some("true".into()),
        Value::Bool(false) => Some("false".into()),
        _ => None,
    }
}
