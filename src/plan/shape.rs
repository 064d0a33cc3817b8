//! How many instances a resource has: its `count` or `for_each`, evaluated.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployctl_sdk::Value;

use crate::config::ResourceBlock;
use crate::diagnostic::Diagnostic;
use crate::lang::{self, Expression};
use crate::model::{Shape, Values};

/// The most instances one resource may have.
const MAX_COUNT: i64 = 1_000_000;

/// Evaluates how many instances a resource has.
///
/// # Errors
/// Complaints about an expression that fails, is not known yet, is sensitive, or is of a wrong kind.
pub fn shape_of(block: &ResourceBlock, values: &Values<'_>) -> Result<Shape, Vec<Diagnostic>> {
    if let Some(count) = &block.count {
        return from_count(count, &evaluated(count, "count", values)?).map_err(|complaint| vec![complaint]);
    }
    if let Some(for_each) = &block.for_each {
        return from_each(for_each, &evaluated(for_each, "for_each", values)?).map_err(|complaint| vec![complaint]);
    }
    Ok(Shape::Single)
}

fn evaluated(expression: &Expression, what: &str, values: &Values<'_>) -> Result<Value, Vec<Diagnostic>> {
    let value = lang::evaluate(expression, &values.top())?;
    let complaint = |message: String, label: &str| vec![Diagnostic::error(expression.span(), message, label)];
    let (plain, marked) = value.unmark();
    if marked {
        return Err(complaint(format!("`{what}` must not be sensitive, since addresses show it"), "this is sensitive"));
    }
    match plain {
        Value::Unknown => Err(vec![
            Diagnostic::error(
                expression.span(),
                format!("`{what}` must be known when planning, since it decides which resources there are"),
                "this is known only after apply",
            )
            .with_help("apply what it depends on first, with `--target`, or make it depend on variables"),
        ]),
        Value::Null => Err(complaint(format!("`{what}` must not be null"), "this is null")),
        _ => Ok(plain.clone()),
    }
}

fn from_count(expression: &Expression, value: &Value) -> Result<Shape, Diagnostic> {
    let converted = deployctl_sdk::Type::Number.convert(value).ok();
    match converted.as_ref().and_then(Value::as_i64) {
        Some(count @ 0..=MAX_COUNT) => Ok(Shape::Count(count.unsigned_abs())),
        _ => Err(Diagnostic::error(
            expression.span(),
            format!("`count` must be a whole number from 0 to {MAX_COUNT}"),
            format!("this is {}", value.kind()),
        )),
    }
}

fn from_each(expression: &Expression, value: &Value) -> Result<Shape, Diagnostic> {
    let complaint = |message: &str, label: String| Diagnostic::error(expression.span(), message, label);
    match value {
        Value::Map(members) => Ok(Shape::Each((**members).clone())),
        Value::List(items) => {
            let mut members: BTreeMap<Arc<str>, Value> = BTreeMap::new();
            for item in items.iter() {
                let Value::String(key) = item else {
                    let found = format!("this holds {}", item.kind());
                    return Err(complaint("`for_each` takes a map, or a set of strings", found));
                };
                if members.insert(key.clone(), item.clone()).is_some() {
                    return Err(complaint("the strings of `for_each` must differ", format!("{key:?} stands twice"))
                        .with_help("`toset(…)` drops repetitions"));
                }
            }
            Ok(Shape::Each(members))
        }
        other => Err(complaint("`for_each` takes a map, or a set of strings", format!("this is {}", other.kind()))
            .with_help("`toset([\"a\", \"b\"])` makes a set")),
    }
}
