//! Arithmetic, comparison and logic, with Terraform's conversions and with unknown operands.

use deployctl_sdk::{Number, Value};
use hcl_edit::Span as _;
use hcl_edit::expr::{BinaryOp, BinaryOperator, Expression as Tree, UnaryOp, UnaryOperator};

use super::{Eval, Evaluator, Failed};
use crate::lang::limits::{self, sensitive_within};

impl<'e> Evaluator<'e> {
    pub(super) fn unary(&mut self, op: &'e UnaryOp) -> Eval {
        let value = self.eval(&op.expr)?;
        match op.operator.value() {
            UnaryOperator::Not => {
                let (truth, marked) = self.truth(&value, op.expr.span(), "what stands after `!`")?;
                Ok(truth.map_or(Value::Unknown, |truth| Value::Bool(!truth)).with_mark(marked))
            }
            UnaryOperator::Neg => {
                let (number, marked) = self.operand(&value, &op.expr, "-")?;
                Ok(number.map_or(Value::Unknown, |number| Value::Number(number.negate())).with_mark(marked))
            }
        }
    }

    pub(super) fn binary(&mut self, op: &'e BinaryOp) -> Eval {
        use BinaryOperator as Op;
        match op.operator.value() {
            Op::And => self.logical(op, "&&", false),
            Op::Or => self.logical(op, "||", true),
            Op::Eq => self.equality(op, true),
            Op::NotEq => self.equality(op, false),
            operator => self.arithmetic(op, *operator),
        }
    }

    /// `&&` and `||`: `decisive` is the operand that settles the result whatever the other one is.
    fn logical(&mut self, op: &'e BinaryOp, symbol: &str, decisive: bool) -> Eval {
        let what = format_args_side(symbol);
        let left = self.eval(&op.lhs_expr)?;
        let (left, left_marked) = self.truth(&left, op.lhs_expr.span(), what)?;
        if left == Some(decisive) {
            return Ok(Value::Bool(decisive).with_mark(left_marked));
        }
        let complaints = self.diagnostics.len();
        let right = self.eval(&op.rhs_expr).and_then(|right| self.truth(&right, op.rhs_expr.span(), what));
        let (right, right_marked) = match right {
            Ok(right) => right,
            // What is on the right may be guarded by what is on the left, which is not known yet.
            Err(Failed) if left.is_none() => {
                self.diagnostics.truncate(complaints);
                (None, false)
            }
            Err(Failed) => return Err(Failed),
        };
        let result = match (left, right) {
            (_, Some(right)) if right == decisive => Value::Bool(decisive),
            (Some(_), Some(right)) => Value::Bool(right),
            _ => Value::Unknown,
        };
        Ok(result.with_mark(left_marked || right_marked))
    }

    fn equality(&mut self, op: &'e BinaryOp, wanted: bool) -> Eval {
        let (left, right) = self.both(op)?;
        // Comparing with `null` looks no deeper than the top.
        let with_null = matches!(left, Value::Null) || matches!(right, Value::Null);
        let marked = match with_null {
            true => self.look(&left).1 | self.look(&right).1,
            false => sensitive_within(&left) || sensitive_within(&right),
        };
        for (value, place) in [(&left, &op.lhs_expr), (&right, &op.rhs_expr)] {
            if let (false, Err(excess)) = (with_null, limits::measure(value)) {
                return self.fail(place.span(), excess.message(), "this is too much");
            }
        }
        let equal = equal(&left, &right);
        self.note(marked, equal.is_none());
        Ok(equal.map_or(Value::Unknown, |equal| Value::Bool(equal == wanted)).with_mark(marked))
    }

    fn arithmetic(&mut self, op: &'e BinaryOp, operator: BinaryOperator) -> Eval {
        use BinaryOperator as Op;
        let (left, right) = self.both(op)?;
        let symbol = operator.as_str();
        let left = self.operand(&left, &op.lhs_expr, symbol);
        let right = self.operand(&right, &op.rhs_expr, symbol);
        let ((left, left_marked), (right, right_marked)) = (left?, right?);
        let (Some(left), Some(right)) = (left, right) else {
            return Ok(Value::Unknown.with_mark(left_marked || right_marked));
        };
        let result = match operator {
            Op::Plus => left.add(&right).map(Value::Number),
            Op::Minus => left.subtract(&right).map(Value::Number),
            Op::Mul => left.multiply(&right).map(Value::Number),
            Op::Div => left.divide(&right).map(Value::Number),
            Op::Mod => left.remainder(&right).map(Value::Number),
            Op::Less => Ok(Value::Bool(left < right)),
            Op::LessEq => Ok(Value::Bool(left <= right)),
            Op::Greater => Ok(Value::Bool(left > right)),
            _ => Ok(Value::Bool(left >= right)),
        };
        match result {
            Ok(result) => Ok(result.with_mark(left_marked || right_marked)),
            Err(error) => self.fail(op.rhs_expr.span(), error.to_string(), format!("by this operand of `{symbol}`")),
        }
    }

    /// Both operands; the second one is evaluated even if the first one fails, for its complaints.
    fn both(&mut self, op: &'e BinaryOp) -> Eval<(Value, Value)> {
        let left = self.eval(&op.lhs_expr);
        let right = self.eval(&op.rhs_expr);
        Ok((left?, right?))
    }

    fn operand(&mut self, value: &Value, expr: &'e Tree, symbol: &str) -> Eval<(Option<Number>, bool)> {
        let (plain, marked) = self.look(value);
        let number = match plain {
            Value::Unknown => None,
            Value::Number(number) => Some(number.clone()),
            Value::String(text) => match Number::parse(text) {
                Ok(number) => Some(number),
                Err(_) => {
                    let label = "this string is not a number";
                    return self.fail(expr.span(), format!("`{symbol}` takes numbers"), label);
                }
            },
            other => {
                let kind = other.kind();
                return self.fail(expr.span(), format!("`{symbol}` takes numbers"), format!("this is {kind}"));
            }
        };
        Ok((number, marked))
    }
}

fn format_args_side(symbol: &str) -> &'static str {
    if symbol == "&&" { "an operand of `&&`" } else { "an operand of `||`" }
}

/// Whether two values are equal, `None` if that depends on what is unknown. Values of different types are never equal.
pub(in crate::lang) fn equal(left: &Value, right: &Value) -> Option<bool> {
    match (left.unmark().0, right.unmark().0) {
        (Value::Unknown, _) | (_, Value::Unknown) => None,
        (Value::List(left), Value::List(right)) => {
            if left.len() != right.len() {
                return Some(false);
            }
            all_equal(left.iter().zip(right.iter()))
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.len() != right.len() || !left.keys().eq(right.keys()) {
                return Some(false);
            }
            all_equal(left.values().zip(right.values()))
        }
        (left, right) => Some(left == right),
    }
}

/// One known difference decides; otherwise one unknown part leaves it open.
fn all_equal<'v>(mut pairs: impl Iterator<Item = (&'v Value, &'v Value)>) -> Option<bool> {
    let mut result = Some(true);
    let differs = pairs.any(|(left, right)| match equal(left, right) {
        Some(equal) => !equal,
        None => {
            result = None;
            false
        }
    });
    if differs { Some(false) } else { result }
}
