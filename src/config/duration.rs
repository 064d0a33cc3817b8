//! Lengths of time as a configuration writes them: `500ms`, `1.5s`, `30m`, `1h30m`.

use std::time::Duration;

/// Why a text is not a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a number and a unit, like `500ms`, `1.5s`, `30m` or `1h30m`")]
pub struct NotADuration;

/// The longest that is accepted, so that adding two can never overflow a clock.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Reads a length of time: one or more numbers, each with its unit (`d`, `h`, `m`, `s`, `ms`, `us`).
///
/// # Errors
/// [`NotADuration`] for other text, and for more than a hundred years.
pub fn parse(text: &str) -> Result<Duration, NotADuration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest == "0" {
        return Ok(total);
    }
    if rest.is_empty() {
        return Err(NotADuration);
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(NotADuration)?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        total = total.checked_add(length(number, unit)?).ok_or(NotADuration)?;
        rest = after;
    }
    if total > LONGEST { Err(NotADuration) } else { Ok(total) }
}

fn length(number: &str, unit: &str) -> Result<Duration, NotADuration> {
    if number.starts_with('.') || number.ends_with('.') {
        return Err(NotADuration);
    }
    let number: f64 = number.parse().map_err(|_| NotADuration)?;
    let seconds = match unit {
        "us" => 0.000_001,
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(NotADuration),
    };
    Duration::try_from_secs_f64(number * seconds).map_err(|_| NotADuration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (text, millis) in
            [("500ms", 500), ("1.5s", 1500), ("30m", 1_800_000), ("1h30m", 5_400_000), ("0", 0), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "-1s", "1.s", ".5s", "1 s", "1x", "1..5s", "9999999999h", "1e3s", "5é"] {
            assert_eq!(parse(text), Err(NotADuration), "{text}");
        }
    }
}
