//! What an unquoted YAML scalar means to `kubectl`.
//!
//! `kubectl` reads YAML 1.1 through Go: `yes` and `on` are booleans, `0644` is 420, `1_000` is a thousand, and `1:30` and a
//! date are texts. Manifests are written against that reading, so it is this one and not YAML 1.2's that must come out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

/// Why a scalar cannot be in a manifest.
pub(super) type Unfit = &'static str;

/// What a plain scalar without a tag means.
pub(super) fn plain(text: &str) -> Result<Value, Unfit> {
    if let Some(value) = word(text) {
        return Ok(value);
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") || matches!(unsigned(text), ".inf" | ".Inf" | ".INF") {
        return Err("infinity and not-a-number cannot be sent to an API server");
    }
    let value = match text.bytes().next() {
        Some(b'0'..=b'9' | b'+' | b'-') => number(&text.replace('_', "")),
        Some(b'.') => float(text),
        _ => None,
    };
    Ok(value.unwrap_or_else(|| Value::from(text)))
}

/// What a scalar means that bears one of YAML's own tags (`!!str`); `None` for a tag that is none of those.
pub(super) fn tagged(suffix: &str, text: &str) -> Option<Result<Value, Unfit>> {
    let as_is = |fits: fn(&Value) -> bool, unfit: Unfit| {
        plain(text).and_then(|value| fits(&value).then_some(value).ok_or(unfit))
    };
    Some(match suffix {
        "str" | "timestamp" => Ok(Value::from(text)),
        "null" => as_is(Value::is_null, "this is not null"),
        "bool" => as_is(Value::is_boolean, "this is not a boolean"),
        "int" => as_is(Value::is_number, "this is not a number"),
        "float" => as_is(Value::is_number, "this is not a number"),
        "binary" => binary(text),
        _ => return None,
    })
}

/// A number as `kubectl` hands it on: whole numbers lose their point.
pub(super) fn from_float(float: f64) -> Option<Value> {
    // Every whole number up to here has a value of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if float.fract() == 0.0 && float.abs() <= EXACT {
        #[allow(clippy::cast_possible_truncation)] // Whole and small, as was just looked at.
        return Some(Value::from(float as i64));
    }
    Number::from_f64(float).map(Value::Number)
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => return None,
    })
}

/// A whole number in any of Go's notations, or a decimal fraction.
fn number(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &*lower),
    };
    // A sign after the prefix is none of these notations, though Rust would take it.
    if digits.starts_with(|c: char| c.is_ascii_hexdigit())
        && let Ok(magnitude) = u64::from_str_radix(digits, radix)
    {
        match (negative, i64::try_from(magnitude)) {
            (false, _) => return Some(Value::from(magnitude)),
            (true, Ok(magnitude)) => return Some(Value::from(-magnitude)),
            (true, Err(_)) if magnitude == 1 << 63 => return Some(Value::from(i64::MIN)),
            (true, Err(_)) => {}
        }
    }
    float(text)
}

/// A decimal fraction: digits with a point and an exponent, nothing else that Rust would take for one.
fn float(text: &str) -> Option<Value> {
    let magnitude = unsigned(text);
    let (mantissa, exponent) = match magnitude.find(['e', 'E']) {
        Some(at) => (&magnitude[..at], Some(&magnitude[at + 1..])),
        None => (magnitude, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let some = |text: &str| !text.is_empty() && digits(text);
    let fits = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|exponent| some(unsigned(exponent)));
    if !fits || !exponent_fits {
        return None;
    }
    text.parse().ok().and_then(from_float)
}

fn binary(text: &str) -> Result<Value, Unfit> {
    let packed: String = text.split_whitespace().collect();
    let bytes = STANDARD.decode(packed).map_err(|_| "this is not base64")?;
    String::from_utf8(bytes).map(Value::from).map_err(|_| "what is encoded here is not text in UTF-8")
}
