//! Takes the known attributes and blocks out of a body, one by one, and complains about what is left.

use std::sync::Arc;
use std::time::Duration;

use hcl_edit::expr::Expression as Tree;

use super::body::{Body, BodyAttribute, BodyBlock, Label};
use super::duration;
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::lang::Expression;

/// A body being read.
pub(super) struct Fields<'c> {
    what: &'static str,
    body: Body,
    attributes: Vec<&'static str>,
    blocks: Vec<&'static str>,
    complaints: &'c mut Vec<Diagnostic>,
}

impl<'c> Fields<'c> {
    /// Begins to read; `what` names the block in complaints: `variable`.
    pub fn of(what: &'static str, body: Body, complaints: &'c mut Vec<Diagnostic>) -> Self {
        Self { what, body, attributes: Vec::new(), blocks: Vec::new(), complaints }
    }

    /// The block's header.
    pub fn span(&self) -> Span {
        self.body.span
    }

    /// Where complaints go.
    pub fn complain(&mut self, complaint: Diagnostic) {
        self.complaints.push(complaint);
    }

    /// Takes an attribute out.
    pub fn attribute(&mut self, name: &'static str) -> Option<BodyAttribute> {
        if !self.attributes.contains(&name) {
            self.attributes.push(name);
        }
        let at = self.body.attributes.iter().position(|attribute| &*attribute.name == name)?;
        Some(self.body.attributes.remove(at))
    }

    /// Puts an attribute back that was taken out to be looked at.
    pub fn give_back(&mut self, attribute: BodyAttribute) {
        self.body.attributes.push(attribute);
    }

    /// Takes the value of an attribute out.
    pub fn expression(&mut self, name: &'static str) -> Option<Expression> {
        self.attribute(name).map(|attribute| attribute.value)
    }

    /// Takes the value of an attribute out that must be there.
    pub fn required(&mut self, name: &'static str) -> Option<Expression> {
        let value = self.expression(name);
        if value.is_none() {
            let (what, span) = (self.what, self.body.span);
            self.complain(Diagnostic::error(
                span,
                format!("`{what}` needs `{name}`"),
                format!("`{name}` is missing here"),
            ));
        }
        value
    }

    /// Takes a literal out: `read` turns the expression into it, `expected` says in words what it must be.
    fn literal<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&Expression) -> Option<T>,
    ) -> Option<(T, Span)> {
        let value = self.expression(name)?;
        let span = value.span();
        let literal = read(&value);
        if literal.is_none() {
            let message = format!("`{name}` of `{}` must be {expected}, written out", self.what);
            self.complain(Diagnostic::error(span, message, format!("expected {expected}")));
        }
        Some((literal?, span))
    }

    /// Takes a text out.
    pub fn text(&mut self, name: &'static str) -> Option<(Arc<str>, Span)> {
        self.literal(name, "a string", |value| value.as_plain_string().map(Arc::from))
    }

    /// Takes a list of texts out, each with its place.
    pub fn texts(&mut self, name: &'static str) -> Option<Vec<(Arc<str>, Span)>> {
        let read = |value: &Expression| match &value.tree {
            Tree::Array(array) => array
                .iter()
                .map(|item| {
                    let item = Expression::new(value.origin, item.clone());
                    item.as_plain_string().map(|text| (Arc::from(text), item.span()))
                })
                .collect(),
            _ => None,
        };
        self.literal(name, "a list of strings", read).map(|(texts, _)| texts)
    }

    /// Takes a truth value out.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.literal(name, "`true` or `false`", |value| value.tree.as_bool()).map(|(value, _)| value)
    }

    /// Takes a whole number out that is not less than `least`.
    pub fn whole(&mut self, name: &'static str, least: u64) -> Option<u64> {
        let expected = format!("a whole number, at least {least}");
        let read = |value: &Expression| match &value.tree {
            Tree::Number(number) => number.value().as_u64().filter(|number| *number >= least),
            _ => None,
        };
        self.literal(name, &expected, read).map(|(value, _)| value)
    }

    /// Takes a length of time out.
    pub fn duration(&mut self, name: &'static str) -> Option<Duration> {
        let read = |value: &Expression| value.as_plain_string().and_then(|text| duration::parse(&text).ok());
        self.literal(name, "a duration like `\"500ms\"`, `\"30s\"` or `\"1h30m\"`", read).map(|(value, _)| value)
    }

    /// Takes a list of references out, as `depends_on` has it.
    pub fn references(&mut self, name: &'static str) -> Vec<Expression> {
        let Some(value) = self.expression(name) else { return Vec::new() };
        let (span, origin) = (value.span(), value.origin);
        let Tree::Array(array) = value.tree else {
            let message = format!("`{name}` must be a list of references, like `[value.first, value.second]`");
            self.complain(Diagnostic::error(span, message, "expected a list"));
            return Vec::new();
        };
        array.into_iter().map(|item| Expression::new(origin, item)).collect()
    }

    /// Takes the block of that name out, which may stand at most once.
    pub fn block(&mut self, name: &'static str) -> Option<BodyBlock> {
        let mut blocks = self.blocks(name).into_iter();
        let first = blocks.next()?;
        for other in blocks {
            let message = format!("`{name}` stands twice in one `{}`", self.what);
            self.complain(
                Diagnostic::error(other.name_span, message, "again here").with_label(first.name_span, "first here"),
            );
        }
        Some(first)
    }

    /// Takes all blocks of that name out, none of which has labels.
    pub fn blocks(&mut self, name: &'static str) -> Vec<BodyBlock> {
        let found = self.labelled_blocks(name);
        for block in &found {
            no_labels(&block.name, &block.labels, self.complaints);
        }
        found
    }

    /// Takes all blocks of that name out.
    pub fn labelled_blocks(&mut self, name: &'static str) -> Vec<BodyBlock> {
        self.blocks.push(name);
        if self.body.blocks.iter().all(|block| &*block.name != name) {
            return Vec::new();
        }
        let (found, rest) = std::mem::take(&mut self.body.blocks).into_iter().partition(|block| &*block.name == name);
        self.body.blocks = rest;
        found
    }

    /// What is left, for a block whose other attributes somebody else knows. Complains about an attribute written as a
    /// block and the reverse.
    pub fn rest(mut self) -> Body {
        self.complain_about_shape();
        self.body
    }

    /// Complains about everything left, and gives back where complaints go.
    pub fn finish(mut self) -> &'c mut Vec<Diagnostic> {
        self.complain_about_shape();
        for attribute in &self.body.attributes {
            self.complaints.push(unknown(
                self.what,
                "attribute",
                &attribute.name,
                attribute.name_span,
                &self.attributes,
            ));
        }
        for block in &self.body.blocks {
            self.complaints.push(unknown(self.what, "block", &block.name, block.name_span, &self.blocks));
        }
        self.complaints
    }

    fn complain_about_shape(&mut self) {
        let (what, known_attributes, known_blocks) = (self.what, &self.attributes, &self.blocks);
        let complaints = &mut *self.complaints;
        self.body.attributes.retain(|attribute| {
            let wrong = known_blocks.contains(&&*attribute.name);
            if wrong {
                let name = &attribute.name;
                let message = format!("`{name}` of `{what}` is a block, not an attribute");
                let help = format!("write `{name} {{ … }}`, without `=`");
                complaints
                    .push(Diagnostic::error(attribute.name_span, message, "set like an attribute").with_help(help));
            }
            !wrong
        });
        self.body.blocks.retain(|block| {
            let wrong = known_attributes.contains(&&*block.name);
            if wrong {
                let name = &block.name;
                let message = format!("`{name}` of `{what}` is an attribute, not a block");
                let help = format!("write `{name} = …`");
                complaints.push(Diagnostic::error(block.name_span, message, "written like a block").with_help(help));
            }
            !wrong
        });
    }
}

/// Complains about labels where there may be none.
pub(super) fn no_labels(name: &str, labels: &[Label], complaints: &mut Vec<Diagnostic>) {
    if let Some(label) = labels.first() {
        let message = format!("a `{name}` block has no label");
        complaints.push(Diagnostic::error(label.span, message, "leave this out"));
    }
}

/// The complaint about a name that is not known.
fn unknown(what: &str, kind: &str, name: &str, span: Span, known: &[&'static str]) -> Diagnostic {
    let message = format!("`{what}` has no {kind} `{name}`");
    match did_you_mean(name, known.iter().copied()) {
        Some(close) => Diagnostic::error(span, message, format!("did you mean `{close}`?")),
        None if known.is_empty() => Diagnostic::error(span, message, format!("unknown {kind}")),
        None => {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            Diagnostic::error(span, message, format!("unknown {kind}"))
                .with_help(format!("`{what}` takes {}", known.join(", ")))
        }
    }
}
