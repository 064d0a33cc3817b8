//! Asking an expression of an object.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Expression, Operand, Operator, Path, Step};

/// Whether it holds.
pub(super) fn holds(expression: &Expression, object: &Value) -> bool {
    match expression {
        Expression::Any(parts) => parts.iter().any(|part| holds(part, object)),
        Expression::All(parts) => parts.iter().all(|part| holds(part, object)),
        Expression::Not(inner) => !holds(inner, object),
        Expression::Holds(operand) => is_something(value(operand, object)),
        Expression::Compare(left, operator, right) => compare(value(left, object), *operator, value(right, object)),
    }
}

/// The first path that it asks about.
pub(super) fn first_path(expression: &Expression) -> Option<&Path> {
    match expression {
        Expression::Any(parts) | Expression::All(parts) => parts.iter().find_map(first_path),
        Expression::Not(inner) => first_path(inner),
        Expression::Holds(Operand::Path(path))
        | Expression::Compare(Operand::Path(path), _, _)
        | Expression::Compare(_, _, Operand::Path(path)) => Some(path),
        _ => None,
    }
}

/// What stands at a path, in words.
pub(super) fn shown(path: &Path, object: &Value) -> String {
    match find(path, object) {
        Value::Null => format!("{} is not set", path.text),
        Value::Array(_) | Value::Object(_) => format!("{} is set", path.text),
        plain => format!("{} is {plain}", path.text),
    }
}

fn value<'v>(operand: &'v Operand, object: &'v Value) -> &'v Value {
    match operand {
        Operand::Literal(value) => value,
        Operand::Path(path) => find(path, object),
    }
}

/// What stands at a path; null where nothing does.
fn find<'v>(path: &Path, object: &'v Value) -> &'v Value {
    path.steps.iter().fold(object, |value, step| {
        let found = match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.as_array().and_then(|items| {
                let from_end = usize::try_from(index.unsigned_abs()).ok();
                let index = if *index < 0 { items.len().checked_sub(from_end?) } else { from_end };
                items.get(index?)
            }),
            Step::Where(key, expected) => value.as_array().and_then(|items| {
                items.iter().find(|item| item.get(key).is_some_and(|value| is_text(value, expected)))
            }),
        };
        found.unwrap_or(&Value::Null)
    })
}

fn is_text(value: &Value, expected: &str) -> bool {
    value.as_str().map_or_else(|| value.to_string().as_str() == expected, |text| text == expected)
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

fn compare(left: &Value, operator: Operator, right: &Value) -> bool {
    let equal = match (left.as_f64(), right.as_f64()) {
        // 1 and 1.0 are one number.
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    };
    // What is not there is neither more nor less than anything.
    let ordering = match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left.as_f64().zip(right.as_f64()).and_then(|(left, right)| left.partial_cmp(&right))
        }
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    };
    match operator {
        Operator::Equal => equal,
        Operator::Unequal => !equal,
        Operator::Less => ordering == Some(Ordering::Less),
        Operator::AtMost => ordering.is_some_and(Ordering::is_le),
        Operator::More => ordering == Some(Ordering::Greater),
        Operator::AtLeast => ordering.is_some_and(Ordering::is_ge),
    }
}
