//! The inside of a block, spans kept: what every kind of block is read from, and what a resource's own attributes stay in
//! until they are evaluated.

use std::sync::Arc;

use deployctl_sdk::{AttrPath, PathStep};
use hcl_edit::Span as _;
use hcl_edit::expr::{Expression as Tree, ObjectKey};

use crate::diagnostic::{Origin, Span};
use crate::lang::Expression;

/// What stands between a block's braces.
#[derive(Debug, Clone)]
pub struct Body {
    /// The block's header, for complaints about what is missing.
    pub span: Span,
    /// The attributes, in the order of the file.
    pub attributes: Vec<BodyAttribute>,
    /// The nested blocks, in the order of the file.
    pub blocks: Vec<BodyBlock>,
}

/// `name = value`.
#[derive(Debug, Clone)]
pub struct BodyAttribute {
    /// The name.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_span: Span,
    /// The value, not evaluated.
    pub value: Expression,
}

/// `name "label" { … }`.
#[derive(Debug, Clone)]
pub struct BodyBlock {
    /// The name.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_span: Span,
    /// The labels between the name and the brace.
    pub labels: Vec<Label>,
    /// What stands in it.
    pub body: Body,
}

/// A label of a block.
#[derive(Debug, Clone)]
pub struct Label {
    /// Its text, without quotes.
    pub text: Arc<str>,
    /// Where it stands, quotes included.
    pub span: Span,
}

impl Body {
    /// A body with nothing in it.
    pub fn empty(span: Span) -> Self {
        Self { span, attributes: Vec::new(), blocks: Vec::new() }
    }

    /// Every expression in the body and in the blocks nested in it.
    pub fn expressions(&self) -> Vec<&Expression> {
        let mut found = Vec::with_capacity(self.attributes.len());
        self.collect_expressions(&mut found);
        found
    }

    // Blocks nest no deeper than the parser lets them.
    fn collect_expressions<'b>(&'b self, found: &mut Vec<&'b Expression>) {
        found.extend(self.attributes.iter().map(|attribute| &attribute.value));
        for block in &self.blocks {
            block.body.collect_expressions(found);
        }
    }

    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&BodyAttribute> {
        self.attributes.iter().find(|attribute| &*attribute.name == name)
    }

    /// Where the value at a path is set: as near to it as the text shows. `None` where nothing of the path is set.
    pub fn span_of(&self, path: &AttrPath) -> Option<Span> {
        let (first, rest) = path.0.split_first()?;
        let PathStep::Key(name) = first else { return None };
        if let Some(attribute) = self.attribute(name) {
            return Some(attribute.value.span_inside(&AttrPath(rest.to_vec())));
        }
        let mut blocks = self.blocks.iter().filter(|block| block.name == *name);
        let (block, rest) = match rest.split_first() {
            Some((PathStep::Index(index), rest)) => (blocks.nth(*index)?, rest),
            _ => (blocks.next()?, rest),
        };
        if rest.is_empty() {
            return Some(block.name_span);
        }
        block.body.span_of(&AttrPath(rest.to_vec())).or(Some(block.name_span))
    }
}

impl Expression {
    /// Where in the expression's text a part of its value is set: as near to it as the text shows.
    pub(crate) fn span_inside(&self, path: &AttrPath) -> Span {
        inside(self.origin, &self.tree, &path.0)
    }
}

/// The span of what the steps lead to inside a literal list or map, or of the last part of the way that is literal.
fn inside(origin: Origin, tree: &Tree, steps: &[PathStep]) -> Span {
    let mut tree = tree;
    for step in steps {
        let next = match (step, tree) {
            (PathStep::Index(index), Tree::Array(array)) => array.get(*index),
            (PathStep::Key(key), Tree::Object(object)) => object
                .iter()
                .find(|(name, _)| key_text(name).is_some_and(|text| text == &**key))
                .map(|(_, value)| value.expr()),
            _ => None,
        };
        match next {
            Some(next) => tree = next,
            None => break,
        }
    }
    origin.span(tree.span())
}

/// The text of an object's key, where it is a plain one.
pub(super) fn key_text(key: &ObjectKey) -> Option<&str> {
    match key {
        ObjectKey::Ident(ident) => Some(ident.as_str()),
        ObjectKey::Expression(Tree::String(text)) => Some(text.as_str()),
        ObjectKey::Expression(_) => None,
    }
}
