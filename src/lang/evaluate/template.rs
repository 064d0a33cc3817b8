//! Templates: interpolation, `%{ if }`, `%{ for }` and the trim markers.

use std::ops::Range;

use deployctl_sdk::{Map, Value};
use hcl_edit::Span as _;
use hcl_edit::expr::Expression as Tree;
use hcl_edit::template::{Directive, Element, ForDirective, IfDirective, Template};

use super::{Eval, Evaluator, Failed, plain_text};
use crate::diagnostic::{FileId, did_you_mean};
use crate::lang::limits;
use crate::lang::nesting;
use crate::lang::scope::{Outside, Scope, Step, Unresolved};

/// The text under way and what its parts make of the whole.
#[derive(Default)]
struct Text {
    out: String,
    /// Whether a trim marker stops at the end of a line, as it does in heredocs and files.
    by_line: bool,
    sensitive: bool,
    unknown: bool,
    failed: bool,
}

impl<'e> Evaluator<'e> {
    /// A template that is one interpolation is the interpolated value itself, of whatever type.
    pub(super) fn string_template(
        &mut self,
        template: &'e Template,
        by_line: bool,
        range: Option<Range<usize>>,
    ) -> Eval {
        if let Some(Element::Interpolation(only)) = template.as_single_element() {
            return self.eval(&only.expr);
        }
        let text = self.text(template, by_line)?;
        self.charge(text.out.len(), range)?;
        Ok(match text.unknown {
            true => Value::Unknown.with_mark(text.sensitive),
            false => Value::from(text.out).with_mark(text.sensitive),
        })
    }

    fn text(&mut self, template: &'e Template, by_line: bool) -> Eval<Text> {
        let mut text = Text { by_line, ..Text::default() };
        self.render(template, (false, false), &mut text)?;
        if text.failed { Err(Failed) } else { Ok(text) }
    }

    /// Appends a template; `trim` says whether the markers around it trim its first and its last literal.
    fn render(&mut self, template: &'e Template, trim: (bool, bool), text: &mut Text) -> Eval<()> {
        let mut elements = template.iter().peekable();
        let mut trim_start = trim.0;
        while let Some(element) = elements.next() {
            let trim_end = elements.peek().map_or(trim.1, |next| trims_before(next));
            match element {
                Element::Literal(literal) => {
                    let mut literal = literal.value().as_str();
                    if trim_start {
                        literal = trimmed_start(literal, text.by_line);
                    }
                    if trim_end {
                        literal = trimmed_end(literal, text.by_line);
                    }
                    self.append(text, literal, element.span())?;
                }
                Element::Interpolation(interpolation) => self.interpolation(&interpolation.expr, text)?,
                Element::Directive(directive) => match &**directive {
                    Directive::If(directive) => self.if_directive(directive, text)?,
                    Directive::For(directive) => self.for_directive(directive, text)?,
                },
            }
            trim_start = trims_after(element);
        }
        Ok(())
    }

    fn interpolation(&mut self, expr: &'e Tree, text: &mut Text) -> Eval<()> {
        let Ok(value) = self.eval(expr) else {
            text.failed = true;
            return Ok(());
        };
        let (plain, marked) = self.look(&value);
        text.sensitive |= marked;
        match plain {
            Value::Unknown => text.unknown = true,
            Value::String(part) => self.append(text, part, expr.span())?,
            other => match plain_text(other) {
                Some(part) => self.append(text, &part, expr.span())?,
                None => {
                    text.failed = true;
                    let _: Eval<()> = self.not_text(other, expr);
                }
            },
        }
        Ok(())
    }

    fn not_text(&mut self, value: &Value, expr: &'e Tree) -> Eval<()> {
        let kind = value.kind();
        let help = match value {
            Value::Null => "give it a default, as in `coalesce(…, \"\")`",
            Value::List(_) => "join its items, as in `join(\", \", …)`, or write it as `jsonencode(…)`",
            _ => "name one of its attributes, or write it as `jsonencode(…)`",
        };
        self.fail_with_help(expr.span(), format!("a template cannot hold {kind}"), format!("this is {kind}"), help)
    }

    fn if_directive(&mut self, directive: &'e IfDirective, text: &mut Text) -> Eval<()> {
        let start = &directive.if_expr;
        let end_trim = directive.endif_expr.strip.strip_start();
        let condition = self.eval(&start.cond_expr)?;
        let (truth, marked) = self.truth(&condition, start.cond_expr.span(), "the condition of `%{ if }`")?;
        text.sensitive |= marked;
        match (truth, &directive.else_expr) {
            (None, _) => text.unknown = true,
            (Some(true), otherwise) => {
                let trim_end = otherwise.as_ref().map_or(end_trim, |otherwise| otherwise.strip.strip_start());
                self.render(&start.template, (start.strip.strip_end(), trim_end), text)?;
            }
            (Some(false), Some(otherwise)) => {
                self.render(&otherwise.template, (otherwise.strip.strip_end(), end_trim), text)?;
            }
            (Some(false), None) => {}
        }
        Ok(())
    }

    fn for_directive(&mut self, directive: &'e ForDirective, text: &mut Text) -> Eval<()> {
        let start = &directive.for_expr;
        let trim = (start.strip.strip_end(), directive.endfor_expr.strip.strip_start());
        let collection = self.eval(&start.collection_expr)?;
        let Some((entries, marked)) = self.entries(&collection, start.collection_expr.span())? else {
            text.unknown = true;
            text.sensitive |= collection.unmark().1;
            return Ok(());
        };
        text.sensitive |= marked;
        let bound = self.locals.len();
        for (key, value) in entries {
            self.locals.truncate(bound);
            if let Some(name) = &start.key_var {
                self.locals.push((name.as_str(), key));
            }
            self.locals.push((start.value_var.as_str(), value));
            let rendered = self.render(&start.template, trim, text);
            if rendered.is_err() || text.failed {
                self.locals.truncate(bound);
                return Err(Failed);
            }
        }
        self.locals.truncate(bound);
        Ok(())
    }

    fn append(&mut self, text: &mut Text, part: &str, range: Option<Range<usize>>) -> Eval<()> {
        // An empty part costs too: a loop over nothing but empty parts must end as well.
        self.charge(limits::ITEM, range.clone())?;
        if text.out.len() + part.len() > limits::MAX_STRING {
            let limit = limits::MAX_STRING >> 20;
            return self.fail(range, format!("the text grows beyond {limit} MiB"), "beyond it here");
        }
        text.out.push_str(part);
        Ok(())
    }
}

/// Without white space at the start, up to and with the end of the first line.
fn trimmed_start(literal: &str, by_line: bool) -> &str {
    match literal.split_once('\n') {
        Some((first, rest)) if by_line && first.trim().is_empty() => rest,
        _ => literal.trim_start(),
    }
}

/// Without white space at the end: the indentation before a marker, or the line end it stands behind.
fn trimmed_end(literal: &str, by_line: bool) -> &str {
    let body = literal.strip_suffix('\n').unwrap_or(literal);
    match body.rfind('\n') {
        Some(at) if by_line => {
            let last = body.get(at + 1..).unwrap_or_default();
            literal.get(..at + 1 + last.trim_end().len()).unwrap_or(literal)
        }
        _ => literal.trim_end(),
    }
}

fn trims_before(element: &Element) -> bool {
    match element {
        Element::Literal(_) => false,
        Element::Interpolation(interpolation) => interpolation.strip.strip_start(),
        Element::Directive(directive) => match &**directive {
            Directive::If(directive) => directive.if_expr.strip.strip_start(),
            Directive::For(directive) => directive.for_expr.strip.strip_start(),
        },
    }
}

fn trims_after(element: &Element) -> bool {
    match element {
        Element::Literal(_) => false,
        Element::Interpolation(interpolation) => interpolation.strip.strip_end(),
        Element::Directive(directive) => match &**directive {
            Directive::If(directive) => directive.endif_expr.strip.strip_end(),
            Directive::For(directive) => directive.endfor_expr.strip.strip_end(),
        },
    }
}

/// The names of a template file: what `templatefile` was given and no more.
struct Variables<'s> {
    members: &'s Map,
    scope: &'s dyn Scope,
}

impl Scope for Variables<'_> {
    fn resolve(&self, root: &str, _: &[Step]) -> Result<(Value, usize), Unresolved> {
        match self.members.get(root) {
            Some(value) => Ok((value.clone(), 0)),
            None => Err(Unresolved {
                message: format!("the template has no variable `{root}`"),
                help: did_you_mean(root, self.members.keys().map(|key| &**key))
                    .map(|near| format!("did you mean `{near}`?")),
            }),
        }
    }

    fn outside(&self) -> &dyn Outside {
        self.scope.outside()
    }

    fn site(&self) -> &str {
        self.scope.site()
    }
}

impl Evaluator<'_> {
    /// Whether this evaluates a file rendered by `templatefile`.
    pub(in crate::lang) fn in_template_file(&self) -> bool {
        self.in_template_file
    }
}

/// Renders the text of a template file with these variables.
///
/// # Errors
/// The first complaint: the line it is on, and its words.
pub(in crate::lang) fn render_file(
    text: &str,
    variables: &Map,
    evaluator: &mut Evaluator<'_>,
) -> Result<Value, (usize, String)> {
    if let Err(at) = nesting::template_limit_check(text) {
        return Err((line_at(text, at), nesting::TOO_DEEP.to_owned()));
    }
    let template = hcl_edit::parser::parse_template(text)
        .map_err(|error| (error.location().line(), crate::lang::syntax_error(FileId(0), text, &error).message))?;
    let scope = Variables { members: variables, scope: evaluator.scope };
    let mut inner = Evaluator::new(FileId(0).into(), &scope);
    inner.in_template_file = true;
    inner.depth = evaluator.depth;
    inner.made = evaluator.made;
    let rendered = inner.text(&template, true);
    let Evaluator { made, seen, diagnostics, .. } = inner;
    evaluator.made = made;
    evaluator.note(seen.sensitive, seen.unknown);
    match rendered {
        Ok(text) if text.unknown => Ok(Value::Unknown.with_mark(text.sensitive)),
        Ok(text) => Ok(Value::from(text.out).with_mark(text.sensitive)),
        Err(Failed) => Err(match diagnostics.into_iter().next() {
            Some(first) => {
                let at = first.labels.first().map_or(0, |(span, _)| span.start as usize);
                let help = first.help.map(|help| format!(" ({help})")).unwrap_or_default();
                (line_at(text, at), first.message + &help)
            }
            None => (1, "the template cannot be rendered".to_owned()),
        }),
    }
}

fn line_at(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}
