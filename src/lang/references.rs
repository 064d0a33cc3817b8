//! Which names an expression refers to, found without evaluating it.

use std::ops::Range;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression as Tree, ForExpr, FuncCall, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::template::{Directive, Element, ForDirective, Template};

use super::expression::Expression;
use crate::diagnostic::{Origin, Span};

/// A free name in an expression and the steps that are taken from it.
#[derive(Debug, Clone)]
pub struct Reference<'e> {
    /// The name.
    pub root: &'e str,
    /// The steps, as they are written.
    pub steps: Vec<StaticStep<'e>>,
    /// Where it stands, from the name to the last step.
    pub span: Span,
}

/// A step that has not been evaluated.
#[derive(Debug, Clone)]
pub enum StaticStep<'e> {
    /// `.name`
    Attr(&'e str, Span),
    /// `[expression]`
    Index(&'e Tree),
    /// `[*]`, `.*`, or the old `.0`.
    Splat,
}

/// Every reference to a name that the expression does not bind itself: in templates, arguments, `for` bodies, indices and
/// keys in parentheses too. In the order of the text.
pub fn references<'e>(expr: &'e Expression) -> Vec<Reference<'e>> {
    let mut walk = Walk { origin: expr.origin, bound: Vec::new(), found: Vec::new() };
    walk.expression(&expr.tree);
    walk.found
}

struct Walk<'e> {
    origin: Origin,
    bound: Vec<&'e str>,
    found: Vec<Reference<'e>>,
}

impl<'e> Walk<'e> {
    fn expression(&mut self, expr: &'e Tree) {
        match expr {
            Tree::Null(_) | Tree::Bool(_) | Tree::Number(_) | Tree::String(_) => {}
            Tree::Array(items) => items.iter().for_each(|item| self.expression(item)),
            Tree::Object(members) => members.iter().for_each(|(key, value)| {
                if let ObjectKey::Expression(key) = key {
                    self.expression(key);
                }
                self.expression(value.expr());
            }),
            Tree::StringTemplate(template) => self.template(template),
            Tree::HeredocTemplate(heredoc) => self.template(&heredoc.template),
            Tree::Parenthesis(inner) => self.expression(inner.inner()),
            Tree::Variable(name) => self.name(name.as_str(), Vec::new(), name.span()),
            Tree::Conditional(conditional) => {
                self.expression(&conditional.cond_expr);
                self.expression(&conditional.true_expr);
                self.expression(&conditional.false_expr);
            }
            Tree::FuncCall(call) => self.call(call),
            Tree::Traversal(traversal) => self.traversal(traversal),
            Tree::UnaryOp(op) => self.expression(&op.expr),
            Tree::BinaryOp(op) => {
                self.expression(&op.lhs_expr);
                self.expression(&op.rhs_expr);
            }
            Tree::ForExpr(expr) => self.for_expr(expr),
        }
    }

    fn name(&mut self, root: &'e str, steps: Vec<StaticStep<'e>>, range: Option<Range<usize>>) {
        if !self.bound.contains(&root) {
            self.found.push(Reference { root, steps, span: self.origin.span(range) });
        }
    }

    fn call(&mut self, call: &'e FuncCall) {
        call.args.iter().for_each(|argument| self.expression(argument));
    }

    fn traversal(&mut self, traversal: &'e Traversal) {
        match &traversal.expr {
            Tree::Variable(name) => {
                let origin = self.origin;
                let steps = traversal.operators.iter().map(|operator| match operator.value() {
                    TraversalOperator::GetAttr(name) => StaticStep::Attr(name.as_str(), origin.span(name.span())),
                    TraversalOperator::Index(index) => StaticStep::Index(index),
                    _ => StaticStep::Splat,
                });
                let range = traversal.span().or_else(|| name.span());
                self.name(name.as_str(), steps.collect(), range);
            }
            other => self.expression(other),
        }
        for operator in &traversal.operators {
            if let TraversalOperator::Index(index) = operator.value() {
                self.expression(index);
            }
        }
    }

    fn for_expr(&mut self, expr: &'e ForExpr) {
        self.expression(&expr.intro.collection_expr);
        let bound = self.bound.len();
        self.bound.extend(expr.intro.key_var.as_ref().map(|name| name.as_str()));
        self.bound.push(expr.intro.value_var.as_str());
        if let Some(key) = &expr.key_expr {
            self.expression(key);
        }
        self.expression(&expr.value_expr);
        if let Some(condition) = &expr.cond {
            self.expression(&condition.expr);
        }
        self.bound.truncate(bound);
    }

    fn template(&mut self, template: &'e Template) {
        for element in template {
            match element {
                Element::Literal(_) => {}
                Element::Interpolation(interpolation) => self.expression(&interpolation.expr),
                Element::Directive(directive) => match &**directive {
                    Directive::If(directive) => {
                        self.expression(&directive.if_expr.cond_expr);
                        self.template(&directive.if_expr.template);
                        if let Some(otherwise) = &directive.else_expr {
                            self.template(&otherwise.template);
                        }
                    }
                    Directive::For(directive) => self.for_directive(directive),
                },
            }
        }
    }

    fn for_directive(&mut self, directive: &'e ForDirective) {
        self.expression(&directive.for_expr.collection_expr);
        let bound = self.bound.len();
        self.bound.extend(directive.for_expr.key_var.as_ref().map(|name| name.as_str()));
        self.bound.push(directive.for_expr.value_var.as_str());
        self.template(&directive.for_expr.template);
        self.bound.truncate(bound);
    }
}
