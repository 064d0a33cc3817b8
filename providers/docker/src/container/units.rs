//! Amounts of memory and lengths of time as configurations write them, and the one way in which records keep them: two
//! spellings of one amount are no difference.

/// Units by their length in bytes, largest first. As with `docker run`, every unit is a power of two.
const BYTES: [(&str, i64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Units by their length in nanoseconds, largest first.
const TIMES: [(&str, i64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads an amount of memory in bytes: `512m`, `1.5 GiB`, `65536`. `None` if the text is not one.
pub(crate) fn parse_bytes(text: &str) -> Option<i64> {
    let text = text.trim();
    let (digits, unit) = split(text)?;
    let scale = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1_i64 << 40,
        _ => return None,
    };
    scaled(digits, scale)
}

/// Writes an amount of memory in the largest unit that says it without a fraction.
pub(crate) fn show_bytes(bytes: i64) -> String {
    let (unit, scale) = largest(bytes, &BYTES);
    format!("{}{unit}", bytes / scale)
}

/// Reads a length of time in nanoseconds: `30s`, `1m30s`, `500ms`. `None` if the text is not one.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let after = rest[end..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |length| end + length);
        let (digits, unit) = (&rest[..end], &rest[end..after]);
        let scale = TIMES.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(scaled(digits, scale)?)?;
        rest = &rest[after..];
    }
    Some(total)
}

/// Writes a length of time in the largest unit that says it without a fraction.
pub(crate) fn show_time(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let (unit, scale) = largest(nanoseconds, &TIMES);
    format!("{}{unit}", nanoseconds / scale)
}

fn largest(amount: i64, units: &[(&'static str, i64)]) -> (&'static str, i64) {
    units.iter().copied().find(|(_, scale)| amount % scale == 0 && amount != 0).unwrap_or(("B", 1))
}

fn split(text: &str) -> Option<(&str, &str)> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(unit_at)?;
    Some((digits, unit.trim()))
}

/// Digits with at most one point, times a scale, in whole units.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // Checked to lie far below where doubles lose units.
fn scaled(digits: &str, scale: i64) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    if let Ok(whole) = digits.parse::<i64>() {
        return whole.checked_mul(scale);
    }
    let amount = digits.parse::<f64>().ok()? * scale as f64;
    (amount < 1e15).then_some(amount as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory_are_read_and_written_in_one_way() {
        for (text, bytes, shown) in [
            ("512m", 512 << 20, "512MiB"),
            ("1.5g", 1536 << 20, "1536MiB"),
            ("1 GiB", 1 << 30, "1GiB"),
            ("65536", 65536, "64KiB"),
            ("1000b", 1000, "1000B"),
        ] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
            assert_eq!(show_bytes(bytes), shown);
            assert_eq!(parse_bytes(shown), Some(bytes));
        }
        for nonsense in ["", "m", "-1m", "1e3", "1..5g", "12 parsecs", "99999999999g", "µ"] {
            assert_eq!(parse_bytes(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn lengths_of_time_are_read_and_written_in_one_way() {
        for (text, seconds, shown) in
            [("30s", 30, "30s"), ("1m30s", 90, "90s"), ("2m", 120, "2m"), ("1.5h", 5400, "90m")]
        {
            assert_eq!(parse_time(text), Some(seconds * 1_000_000_000), "{text}");
            assert_eq!(show_time(seconds * 1_000_000_000), shown);
        }
        assert_eq!(parse_time("0"), Some(0));
        assert_eq!(parse_time("500ms"), Some(500_000_000));
        for nonsense in ["", "s", "10", "-1s", "10 parsecs", "1m30", "99999999999h", "ü"] {
            assert_eq!(parse_time(nonsense), None, "{nonsense}");
        }
    }
}
