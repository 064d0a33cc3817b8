//! Times and durations as people say them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// How long something took: `0.0 s`, `31.0 s`, `2 min 5 s`, `1 h 3 min`.
pub fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{}.{} s", seconds, millis % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// For how long, from then until now: `4 min`, `2 days`.
pub fn since(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(then.as_second()).max(0);
    let (count, unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3600 => return format!("{} min", seconds / 60),
        3600..86_400 => return format!("{} h", seconds / 3600),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// When it was, seen from now: `today 10:41`, `yesterday 17:02`, `2026-03-01 09:30`.
pub fn when(then: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (then, now): (Zoned, Zoned) = (then.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let clock = then.strftime("%H:%M");
    if then.date() == now.date() {
        format!("today {clock}")
    } else if now.date().yesterday().is_ok_and(|yesterday| yesterday == then.date()) {
        format!("yesterday {clock}")
    } else {
        format!("{} {clock}", then.date())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn durations_have_one_unit_that_fits() {
        let all = [0, 40, 8_140, 59_999, 125_000, 3_780_000].map(duration);
        assert_eq!(all, ["0.0 s", "0.0 s", "8.1 s", "59.9 s", "2 min 5 s", "1 h 3 min"]);
    }

    #[test]
    fn times_are_seen_from_now() {
        let now = at("2026-03-02T10:41:30Z");
        let seen = |then: &str| when(at(then), now, &TimeZone::UTC);
        assert_eq!(seen("2026-03-02T00:05:00Z"), "today 00:05");
        assert_eq!(seen("2026-03-01T23:59:00Z"), "yesterday 23:59");
        assert_eq!(seen("2026-02-27T10:41:00Z"), "2026-02-27 10:41");
        assert_eq!(since(at("2026-03-02T10:37:00Z"), now), "4 min");
        assert_eq!(since(at("2026-02-28T10:00:00Z"), now), "2 days");
        assert_eq!(since(at("2026-03-02T11:00:00Z"), now), "0 s");
    }
}
