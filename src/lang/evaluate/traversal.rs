//! Names, attributes, indices and splats.

use std::ops::Range;

use deployctl_sdk::{Number, Value};
use hcl_edit::Decorated;
use hcl_edit::Span as _;
use hcl_edit::expr::{Expression as Tree, Traversal, TraversalOperator};

use super::{Eval, Evaluator, plain_text};
use crate::diagnostic::did_you_mean;
use crate::lang::scope::Step;

/// A traversal's steps as they are written.
type Operators = [Decorated<TraversalOperator>];

impl<'e> Evaluator<'e> {
    pub(super) fn variable(&mut self, name: &str, range: Option<Range<usize>>) -> Eval {
        if let Some(value) = self.local(name) {
            return Ok(value.clone());
        }
        match self.scope.resolve(name, &[]) {
            Ok((value, _)) => Ok(value),
            Err(unresolved) => self.unresolved(range, unresolved),
        }
    }

    pub(super) fn traversal(&mut self, traversal: &'e Traversal) -> Eval {
        let operators = &traversal.operators;
        let root = match &traversal.expr {
            Tree::Variable(name) => match self.local(name) {
                Some(value) => Err(value.clone()),
                None => Ok(name.as_str()),
            },
            other => Err(self.eval(other)?),
        };
        match root {
            Ok(root) => self.reference(root, traversal, operators),
            Err(value) => self.operators(value, operators),
        }
    }

    /// A name of the scope: hands the scope all steps that are known, and applies itself what the scope leaves over.
    fn reference(&mut self, root: &str, traversal: &'e Traversal, operators: &'e Operators) -> Eval {
        let mut steps = Vec::with_capacity(operators.len());
        // An index as it was evaluated, mark and all, for applying it here.
        let mut keys = Vec::with_capacity(operators.len());
        let mut marked = false;
        for operator in operators {
            match operator.value() {
                TraversalOperator::GetAttr(name) => {
                    steps.push(Step::Attr(name.as_str().into()));
                    keys.push(Value::Null);
                }
                TraversalOperator::LegacyIndex(index) => {
                    let key = Value::Number(Number::from(*index.value()));
                    steps.push(Step::Index(key.clone()));
                    keys.push(key);
                }
                TraversalOperator::Index(expr) => {
                    let index = self.eval(expr)?;
                    let (plain, sensitive) = self.look(&index);
                    if matches!(plain, Value::Unknown) {
                        break;
                    }
                    marked |= sensitive;
                    steps.push(Step::Index(plain.clone()));
                    keys.push(index);
                }
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => break,
            }
        }
        let (mut value, used) = match self.scope.resolve(root, &steps) {
            Ok(resolved) => resolved,
            Err(unresolved) => {
                let range = traversal.span().or_else(|| traversal.expr.span());
                if marked {
                    // The scope was given the key in clear, so what it says may show it.
                    return self.fail(range, format!("`{root}` has nothing under a sensitive key"), "not there");
                }
                return self.unresolved(range, unresolved);
            }
        };
        for ((step, key), operator) in steps.iter().zip(&keys).zip(operators).skip(used) {
            value = match step {
                Step::Attr(name) => self.attribute(value, name, operator.value().span())?,
                Step::Index(_) => self.index(&value, key, index_range(operator))?,
            };
        }
        let rest = operators.get(steps.len()..).unwrap_or_default();
        Ok(self.operators(value, rest)?.with_mark(marked))
    }

    fn operators(&mut self, mut value: Value, operators: &'e Operators) -> Eval {
        let mut rest = operators;
        while let Some((operator, after)) = rest.split_first() {
            rest = after;
            value = match operator.value() {
                TraversalOperator::GetAttr(name) => self.attribute(value, name, name.span())?,
                TraversalOperator::LegacyIndex(index) => {
                    let key = Value::Number(Number::from(*index.value()));
                    self.index(&value, &key, index.span())?
                }
                TraversalOperator::Index(expr) => {
                    let key = self.eval(expr)?;
                    self.index(&value, &key, expr.span())?
                }
                TraversalOperator::FullSplat(_) => {
                    rest = &[];
                    self.splat(value, after)?
                }
                TraversalOperator::AttrSplat(_) => {
                    let own = after.iter().take_while(|operator| is_attribute(operator)).count();
                    let (own, after) = after.split_at_checked(own).unwrap_or((after, &[]));
                    rest = after;
                    self.splat(value, own)?
                }
            };
        }
        Ok(value)
    }

    /// Applies `operators` to each item. What is no list is a list of itself, and null is a list of nothing.
    fn splat(&mut self, value: Value, operators: &'e Operators) -> Eval {
        let (plain, marked) = self.look(&value);
        let items = match plain {
            Value::Unknown => return Ok(value),
            Value::Null => Vec::new(),
            Value::List(items) => {
                self.charge(items.len() * crate::lang::limits::ITEM, None)?;
                items
                    .iter()
                    .map(|item| self.operators(item.clone().with_mark(marked), operators))
                    .collect::<Result<_, _>>()?
            }
            _ => vec![self.operators(value.clone(), operators)?],
        };
        Ok(Value::from(items).with_mark(marked))
    }

    fn attribute(&mut self, value: Value, name: &str, range: Option<Range<usize>>) -> Eval {
        let (plain, marked) = self.look(&value);
        match plain {
            Value::Unknown => Ok(value),
            Value::Map(members) => match members.get(name) {
                Some(member) => Ok(member.clone().with_mark(marked)),
                None => {
                    let near = if marked { None } else { did_you_mean(name, members.keys().map(|key| &**key)) };
                    let label =
                        near.map_or_else(|| "not in the map".to_owned(), |near| format!("did you mean `{near}`?"));
                    let message = format!("there is no attribute `{name}`");
                    match names_of(members.keys().map(|key| &**key)) {
                        Some(names) if !marked && near.is_none() => {
                            self.fail_with_help(range, message, label, format!("there is {names}"))
                        }
                        _ => self.fail(range, message, label),
                    }
                }
            },
            Value::List(_) => self.fail_with_help(
                range,
                format!("a list has no attribute `{name}`"),
                "asked of a list",
                format!("take one item, as in `[0].{name}`, or all of them, as in `[*].{name}`"),
            ),
            Value::Null => self.fail_with_help(
                range,
                format!("null has no attribute `{name}`"),
                "asked of null",
                "`try(…, default)` gives a default where something may be null",
            ),
            other => {
                let kind = other.kind();
                self.fail(range, format!("{kind} has no attribute `{name}`"), format!("asked of {kind}"))
            }
        }
    }

    fn index(&mut self, value: &Value, key: &Value, range: Option<Range<usize>>) -> Eval {
        let (plain, marked) = self.look(value);
        let (key, key_marked) = self.look(key);
        let marked = marked || key_marked;
        let found = match (plain, key) {
            (_, Value::Null) => {
                return self.fail(range, "an index must not be null", "this is null");
            }
            (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
            (Value::List(items), key) => {
                let Some(position) = position(key) else {
                    let kind = key.kind();
                    let label = if key.as_number().is_some() { "not one" } else { kind };
                    return self.fail(range, "the index of a list must be a whole number, counted from 0", label);
                };
                match items.get(position) {
                    Some(item) => item.clone(),
                    None => return self.out_of_range(items.len(), marked, range),
                }
            }
            (Value::Map(members), key) => {
                let Some(name) = plain_text(key) else {
                    let kind = key.kind();
                    return self.fail(range, "the key of a map must be a string", format!("this is {kind}"));
                };
                match members.get(&name) {
                    Some(member) => member.clone(),
                    None if marked => return self.fail(range, "the map has no such key", "not in the map"),
                    None => {
                        let near = did_you_mean(&name, members.keys().map(|key| &**key));
                        let label = near.map_or("not in the map".to_owned(), |near| format!("did you mean {near:?}?"));
                        return self.fail(range, format!("the map has no key {name:?}"), label);
                    }
                }
            }
            (other, _) => {
                let kind = other.kind();
                return self.fail(range, format!("{kind} cannot be indexed"), format!("an index into {kind}"));
            }
        };
        Ok(found.with_mark(marked))
    }

    fn out_of_range(&mut self, length: usize, marked: bool, range: Option<Range<usize>>) -> Eval {
        let label = match length {
            _ if marked => "past the end".to_owned(),
            0 => "the list is empty".to_owned(),
            1 => "the list has 1 item".to_owned(),
            length => format!("the list has {length} items"),
        };
        self.fail(range, "the index is past the end of the list", label)
    }
}

fn is_attribute(operator: &Decorated<TraversalOperator>) -> bool {
    matches!(operator.value(), TraversalOperator::GetAttr(_) | TraversalOperator::LegacyIndex(_))
}

fn index_range(operator: &Decorated<TraversalOperator>) -> Option<Range<usize>> {
    match operator.value() {
        TraversalOperator::Index(expr) => expr.span(),
        other => other.span(),
    }
}

/// A value as the position of an item: a whole number not below 0, or a string that is one.
fn position(key: &Value) -> Option<usize> {
    let number = match key {
        Value::Number(number) => number.to_i64(),
        Value::String(text) => Number::parse(text).ok()?.to_i64(),
        _ => None,
    };
    number.and_then(|number| usize::try_from(number).ok())
}

/// A short list of names for a help text, unless they are too many.
fn names_of<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> Option<String> {
    if names.len() == 0 || names.len() > 12 {
        return None;
    }
    Some(names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
}
