//! A body and a schema to a value.

use std::sync::Arc;

use deployctl_sdk::{Attribute, AttributeKind, Map, Nesting, Type, Value};

use super::body::{Body, BodyAttribute, BodyBlock};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::lang::{self, Scope};

impl Body {
    /// Evaluates the body against a schema. The answer is a map of what is set or has a default: values converted to their
    /// types, a block as a map (a repeatable one as a list of maps), and marked sensitive what the schema says is. What is
    /// set to null counts as not set. `what` names the block in complaints: a resource type, a provider.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place.
    pub fn evaluate(&self, attributes: &[Attribute], scope: &dyn Scope, what: &str) -> Result<Value, Vec<Diagnostic>> {
        let mut complaints = Vec::new();
        let value = self.evaluate_into(attributes, scope, what, &mut complaints);
        if complaints.is_empty() { Ok(value) } else { Err(complaints) }
    }

    // Blocks nest no deeper than the parser lets them.
    fn evaluate_into(
        &self,
        attributes: &[Attribute],
        scope: &dyn Scope,
        what: &str,
        complaints: &mut Vec<Diagnostic>,
    ) -> Value {
        let mut members = Map::new();
        let mut met = 0;
        for schema in attributes {
            match &schema.kind {
                AttributeKind::Value(_) => {
                    let given = self.attribute(&schema.name);
                    met += usize::from(given.is_some());
                    if let Some((name, value)) = self.attribute_value(schema, given, scope, what, complaints) {
                        members.insert(name, value);
                    }
                }
                AttributeKind::Block { nesting, attributes } => {
                    let blocks: Vec<&BodyBlock> = self.blocks.iter().filter(|b| *b.name == *schema.name).collect();
                    met += blocks.len();
                    let Some(first) = blocks.first() else {
                        if schema.required {
                            complaints.push(missing(self, schema, what));
                        }
                        continue;
                    };
                    let name = first.name.clone();
                    let mut read = |block: &BodyBlock| {
                        block.body.evaluate_into(attributes, scope, &format!("{what}.{}", schema.name), complaints)
                    };
                    let value = match nesting {
                        Nesting::Single => read(first),
                        Nesting::List => Value::list(blocks.iter().map(|block| read(block))),
                    };
                    if let (Nesting::Single, Some(second)) = (nesting, blocks.get(1)) {
                        complaints.push(too_many(first, second, what));
                    }
                    members.insert(name, value.with_mark(schema.sensitive));
                }
            }
        }
        if met < self.attributes.len() + self.blocks.len() {
            complaints.extend(self.strangers(attributes, what));
        }
        Value::from(members)
    }

    fn attribute_value(
        &self,
        schema: &Attribute,
        given: Option<&BodyAttribute>,
        scope: &dyn Scope,
        what: &str,
        complaints: &mut Vec<Diagnostic>,
    ) -> Option<(Arc<str>, Value)> {
        let AttributeKind::Value(ty) = &schema.kind else { return None };
        if let Some(given) = given {
            if schema.read_only {
                complaints.push(read_only(given, what));
                return None;
            }
            let value = match lang::evaluate(&given.value, scope) {
                Ok(value) => value,
                Err(found) => {
                    complaints.extend(found);
                    return None;
                }
            };
            match ty.convert(&value) {
                Ok(value) if value.is_null() => {}
                Ok(value) => return Some((given.name.clone(), value.with_mark(schema.sensitive))),
                Err(mismatch) => {
                    let place = given.value.span_inside(&mismatch.path);
                    let message = format!("wrong type for `{}` of `{what}`: {mismatch}", schema.name);
                    complaints.push(Diagnostic::error(place, message, format!("this is {}", mismatch.found)));
                    return None;
                }
            }
        }
        if let Some(default) = &schema.default {
            return Some((schema.name.as_str().into(), default.clone().with_mark(schema.sensitive)));
        }
        if schema.required {
            complaints.push(match given {
                Some(given) => {
                    let message = format!("`{}` of `{what}` must be given, but is null", schema.name);
                    Diagnostic::error(given.value.span(), message, "this is null")
                }
                None => missing(self, schema, what),
            });
        }
        None
    }

    /// Complaints about what stands in the body and not in the schema.
    pub(super) fn strangers(&self, attributes: &[Attribute], what: &str) -> Vec<Diagnostic> {
        let known = |name: &str| attributes.iter().find(|attribute| attribute.name == name);
        let mut complaints = Vec::new();
        for attribute in &self.attributes {
            match known(&attribute.name).map(|schema| &schema.kind) {
                Some(AttributeKind::Value(_)) => {}
                Some(AttributeKind::Block { .. }) => {
                    let name = &attribute.name;
                    let message = format!("`{name}` of `{what}` is a block, not an attribute");
                    complaints.push(
                        Diagnostic::error(attribute.name_span, message, "set like an attribute")
                            .with_help(format!("write `{name} {{ … }}`, without `=`")),
                    );
                }
                None => complaints.push(stranger(what, "attribute", &attribute.name, attribute.name_span, attributes)),
            }
        }
        for block in &self.blocks {
            match known(&block.name).map(|schema| &schema.kind) {
                Some(AttributeKind::Block { .. }) => {}
                Some(AttributeKind::Value(ty)) => {
                    let name = &block.name;
                    let value = if matches!(ty, Type::Map(_) | Type::Object(_)) { "{ … }" } else { "…" };
                    let message = format!("`{name}` of `{what}` is an attribute, not a block");
                    complaints.push(
                        Diagnostic::error(block.name_span, message, "written like a block")
                            .with_help(format!("write `{name} = {value}`")),
                    );
                }
                None if *block.name == *"dynamic" => complaints.push(
                    Diagnostic::error(block.name_span, "`dynamic` blocks are not supported yet", "not supported yet")
                        .with_help("write the blocks out"),
                ),
                None => complaints.push(stranger(what, "block", &block.name, block.name_span, attributes)),
            }
        }
        complaints
    }
}

fn stranger(what: &str, kind: &str, name: &str, span: crate::diagnostic::Span, attributes: &[Attribute]) -> Diagnostic {
    let label = match did_you_mean(name, settable(attributes)) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("unknown {kind}"),
    };
    Diagnostic::error(span, format!("`{what}` has no {kind} `{name}`"), label)
}

/// The names of what a configuration may give.
pub(super) fn settable(attributes: &[Attribute]) -> impl Iterator<Item = &str> {
    attributes.iter().filter(|attribute| !attribute.read_only).map(|attribute| attribute.name.as_str())
}

/// The complaint about what must be given and is not.
pub(super) fn missing(body: &Body, schema: &Attribute, what: &str) -> Diagnostic {
    let kind = match &schema.kind {
        AttributeKind::Value(ty) => ty.described(),
        AttributeKind::Block { .. } => "a block".to_owned(),
    };
    let message = format!("`{what}` needs `{}`, {kind}", schema.name);
    Diagnostic::error(body.span, message, format!("`{}` is missing here", schema.name))
}

/// The complaint about an attribute that only the engine sets.
pub(super) fn read_only(given: &BodyAttribute, what: &str) -> Diagnostic {
    let message = format!("`{}` of `{what}` cannot be set: it is found out when the resource is applied", given.name);
    Diagnostic::error(given.name_span, message, "leave this out")
}

/// The complaint about a block that may stand once.
pub(super) fn too_many(first: &BodyBlock, second: &BodyBlock, what: &str) -> Diagnostic {
    Diagnostic::error(second.name_span, format!("`{what}` takes one `{}` block", second.name), "again here")
        .with_label(first.name_span, "first here")
}
