//! Lengths of time as configurations write them: `500ms`, `1.5s`, `30m`, `2h`.

use std::time::Duration;

use crate::error::ProviderError;
use crate::value::{AttrPath, Value};

/// The longest time anything may be asked to take: a year.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

/// Reads a length of time; `None` if the text is not one.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    let digits = number.trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let scale = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let seconds = digits.parse::<f64>().ok()? * scale;
    (seconds <= LONGEST).then(|| Duration::from_secs_f64(seconds))
}

/// The length of time at a path of a configuration: `None` where there is none (yet).
///
/// # Errors
/// When something stands there that is not a length of time.
pub fn at(config: &Value, path: &AttrPath) -> Result<Option<Duration>, ProviderError> {
    let Some(text) = path.look_up(config).and_then(Value::as_str) else { return Ok(None) };
    match parse(text) {
        Some(duration) => Ok(Some(duration)),
        None => Err(ProviderError::invalid(path.clone(), format!("`{path}` is not a length of time"))
            .with_hint("write it like `500ms`, `10s`, `1.5m` or `2h`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_nonsense_is_not() {
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse("30m"), Some(Duration::from_secs(1800)));
        for nonsense in ["", "s", "10", "-1s", "1e9h", "1..2s", "10 parsecs", "99999999999h", "ü"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }
}
