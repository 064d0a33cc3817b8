//! What a literal tells about a value before anything is evaluated.

use deployctl_sdk::{Attribute, Map, Number, Type, Value};
use hcl_edit::expr::Expression as Tree;

use crate::config::body::{BodyAttribute, key_text};
use crate::diagnostic::Diagnostic;

/// The complaint about an attribute whose literal parts do not fit its type, or that is null and must not be.
pub(super) fn mismatch(given: &BodyAttribute, schema: &Attribute, ty: &Type, what: &str) -> Option<Diagnostic> {
    let value = outline(&given.value.tree);
    if value.is_null() {
        let message = format!("`{}` of `{what}` must be given, but is null", schema.name);
        let needed = schema.required && schema.default.is_none();
        return needed.then(|| Diagnostic::error(given.value.span(), message, "this is null"));
    }
    let mismatch = ty.convert(&value).err()?;
    let place = given.value.span_inside(&mismatch.path);
    let message = format!("wrong type for `{}` of `{what}`: {mismatch}", schema.name);
    Some(Diagnostic::error(place, message, format!("this is {}", mismatch.found)))
}

/// The value as far as it is written out; the rest is unknown, which fits every type.
fn outline(tree: &Tree) -> Value {
    match tree {
        Tree::Null(_) => Value::Null,
        Tree::Bool(value) => Value::Bool(*value.value()),
        Tree::Number(number) => Number::parse(&number.value().to_string()).map_or(Value::Unknown, Value::from),
        Tree::String(text) => Value::from(text.as_str()),
        Tree::Parenthesis(inner) => outline(inner.inner()),
        Tree::Array(items) => Value::list(items.iter().map(outline)),
        Tree::Object(object) => {
            let mut members = Map::new();
            for (key, value) in object {
                match key_text(key) {
                    Some(key) => members.insert(key.into(), outline(value.expr())),
                    None => return Value::Unknown,
                };
            }
            Value::from(members)
        }
        _ => Value::Unknown,
    }
}
