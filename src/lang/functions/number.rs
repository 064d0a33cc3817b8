//! Numbers.

use std::cmp::Ordering;

use deployctl_sdk::value::NumberError;
use deployctl_sdk::{Number, Value};

use super::call::{Call, Complaint, Done};

/// The largest exponent `pow` takes.
const MAX_EXPONENT: i64 = 4_000;

pub(super) fn abs(call: &mut Call) -> Done {
    let number = call.number(0)?;
    Ok(Value::Number(if number < Number::from(0_i64) { number.negate() } else { number }))
}

pub(super) fn ceil(call: &mut Call) -> Done {
    Ok(Value::Number(call.number(0)?.ceil()))
}

pub(super) fn floor(call: &mut Call) -> Done {
    Ok(Value::Number(call.number(0)?.floor()))
}

pub(super) fn signum(call: &mut Call) -> Done {
    Ok(Value::from(match call.number(0)?.cmp(&Number::from(0_i64)) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }))
}

pub(super) fn min(call: &mut Call) -> Done {
    fold(call, |least, number| if number < least { number } else { least })
}

pub(super) fn max(call: &mut Call) -> Done {
    fold(call, |most, number| if number > most { number } else { most })
}

fn fold(call: &Call, pick: fn(Number, Number) -> Number) -> Done {
    let mut result = call.number(0)?;
    for at in 1..call.values.len() {
        result = pick(result, call.number(at)?);
    }
    Ok(Value::Number(result))
}

pub(super) fn sum(call: &mut Call) -> Done {
    let items = call.list(0)?;
    if items.is_empty() {
        return Err(Complaint::of(0, "there is nothing to add up", "an empty list")
            .with_help("put a zero to it, as in `sum(concat([0], …))`"));
    }
    let mut total = Number::from(0_i64);
    for item in items.iter() {
        let number = match item {
            Value::Number(number) => number.clone(),
            Value::String(text) => Number::parse(text).map_err(|_| not_a_number())?,
            _ => return Err(not_a_number()),
        };
        total = total.add(&number).map_err(too_large)?;
    }
    Ok(Value::Number(total))
}

fn not_a_number() -> Complaint {
    Complaint::of(0, "every item of this list must be a number", "an item is something else")
}

fn too_large(error: NumberError) -> Complaint {
    Complaint::whole(error.to_string())
}

/// Powers by squaring, with whole exponents.
pub(super) fn pow(call: &mut Call) -> Done {
    let (base, exponent) = (call.number(0)?, call.int(1)?);
    if exponent.abs() > MAX_EXPONENT {
        return Err(Complaint::of(1, format!("the exponent must be at most {MAX_EXPONENT}"), "too large"));
    }
    let mut result = Number::from(1_i64);
    let mut square = base;
    let mut left = exponent.unsigned_abs();
    while left > 0 {
        if left & 1 == 1 {
            result = result.multiply(&square).map_err(too_large)?;
        }
        left >>= 1;
        if left > 0 {
            square = square.multiply(&square).map_err(too_large)?;
        }
    }
    if exponent < 0 {
        result = Number::from(1_i64).divide(&result).map_err(too_large)?;
    }
    Ok(Value::Number(result))
}

pub(super) fn parse_int(call: &mut Call) -> Done {
    let (text, base) = (call.text(0)?, call.int(1)?);
    let radix = u32::try_from(base).ok().filter(|base| (2..=36).contains(base));
    let Some(radix) = radix else {
        return Err(Complaint::of(1, "the base must be between 2 and 36", "no such base"));
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, &*text),
    };
    let invalid = || Complaint::of(0, format!("this is not a whole number in base {radix}"), "not such a number");
    if digits.is_empty() || digits.len() > 4_000 {
        return Err(invalid());
    }
    let base = Number::from(i64::from(radix));
    let mut total = Number::from(0_i64);
    for digit in digits.chars() {
        let digit = digit.to_digit(radix).ok_or_else(invalid)?;
        let shifted = total.multiply(&base).map_err(too_large)?;
        total = shifted.add(&Number::from(i64::from(digit))).map_err(too_large)?;
    }
    Ok(Value::Number(if negative { total.negate() } else { total }))
}
