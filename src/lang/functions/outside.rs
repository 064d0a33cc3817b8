//! The environment, time and chance. What these answer is an input of the run and is remembered with it.

use deployctl_sdk::Value;
use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

use super::call::{Call, Complaint, Done};

/// An environment variable; null, or the second argument, where it is not set.
pub(super) fn env(call: &mut Call) -> Done {
    let name = call.text(0)?;
    Ok(match call.outside().env(&name) {
        Some(value) => Value::from(value),
        None => call.value(1).clone(),
    })
}

pub(super) fn timestamp(call: &mut Call) -> Done {
    Ok(Value::from(call.outside().timestamp()))
}

/// Two calls in one block are two ids, the same two whenever the block is evaluated again in the same run.
pub(super) fn uuid(call: &mut Call) -> Done {
    let number = call.evaluator.next_id();
    let site = format!("{}#{}.{number}", call.evaluator.scope.site(), call.site);
    Ok(Value::from(call.outside().uuid(&site)))
}

fn time(call: &Call, at: usize) -> Done<(Timestamp, i32)> {
    let text = call.text(at)?;
    let invalid = || Complaint::of(at, "this must be a time such as `2026-01-02T15:04:05Z`", "not such a time");
    let parsed = jiff::fmt::temporal::Pieces::parse(&*text).map_err(|_| invalid())?;
    let offset = parsed.to_numeric_offset().ok_or_else(invalid)?;
    let time = text.parse::<Timestamp>().map_err(|_| invalid())?;
    Ok((time, offset.seconds()))
}

fn zoned(call: &Call, at: usize) -> Done<Zoned> {
    let (time, offset) = time(call, at)?;
    let offset = jiff::tz::Offset::from_seconds(offset).unwrap_or(jiff::tz::Offset::UTC);
    Ok(time.to_zoned(TimeZone::fixed(offset)))
}

pub(super) fn time_add(call: &mut Call) -> Done {
    let (time, _) = time(call, 0)?;
    let duration = duration(&call.text(1)?)
        .ok_or_else(|| Complaint::of(1, "this must be a duration such as `1h30m` or `-10s`", "not a duration"))?;
    let sum = time.checked_add(duration).map_err(|_| Complaint::of(1, "the time would be out of bounds", "too far"))?;
    Ok(Value::from(sum.to_string()))
}

/// A duration in hours, minutes, seconds and fractions of them: `-1h2m3.5s`, `250ms`.
fn duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut nanos: f64 = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(digits)?;
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_end)?;
        let scale = match unit {
            "h" => 3_600e9,
            "m" => 60e9,
            "s" => 1e9,
            "ms" => 1e6,
            "us" | "µs" => 1e3,
            "ns" => 1.0,
            _ => return None,
        };
        nanos += number.parse::<f64>().ok()? * scale;
        rest = after;
    }
    let nanos = if negative { -nanos } else { nanos };
    (text.len() > 1 && nanos.abs() < 9e18).then(|| SignedDuration::from_nanos(nanos.round() as i64))
}

/// Formats a time by Terraform's pattern letters; text between single quotes stands as it is.
pub(super) fn format_date(call: &mut Call) -> Done {
    let pattern = call.text(0)?;
    let time = zoned(call, 1)?;
    let mut out = String::new();
    let mut rest = &*pattern;
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            rest = quoted(rest, &mut out)
                .ok_or_else(|| Complaint::of(0, "a quote `'` is not closed", "in this pattern"))?;
            continue;
        }
        let end = rest.find(|c| c != first).unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if first.is_ascii_alphabetic() {
            out.push_str(&date_part(run, &time).ok_or_else(|| {
                Complaint::of(0, "the pattern has letters that mean nothing", "in this pattern")
                    .with_detail(format!("`{run}`"))
                    .with_help("`formatdate(\"YYYY-MM-DD hh:mm:ss\", timestamp())`; other text goes between `'`")
            })?);
        } else {
            out.push_str(run);
        }
        rest = after;
    }
    Ok(Value::from(out))
}

/// Appends the text between quotes, in which two of them stand for one, and answers what follows.
fn quoted<'t>(text: &'t str, out: &mut String) -> Option<&'t str> {
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (literal, after) = rest.split_once('\'')?;
        out.push_str(literal);
        match after.strip_prefix('\'') {
            Some(more) => {
                out.push('\'');
                rest = more;
            }
            None => return Some(after),
        }
    }
}

fn date_part(run: &str, time: &Zoned) -> Option<String> {
    let twelve = || match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let morning = time.hour() < 12;
    Some(match run {
        "YYYY" => format!("{:04}", time.year()),
        "YY" => format!("{:02}", time.year().rem_euclid(100)),
        "MMMM" => time.strftime("%B").to_string(),
        "MMM" => time.strftime("%b").to_string(),
        "MM" => format!("{:02}", time.month()),
        "M" => time.month().to_string(),
        "DD" => format!("{:02}", time.day()),
        "D" => time.day().to_string(),
        "EEEE" => time.strftime("%A").to_string(),
        "EEE" => time.strftime("%a").to_string(),
        "hh" => format!("{:02}", time.hour()),
        "h" => time.hour().to_string(),
        "HH" => format!("{:02}", twelve()),
        "H" => twelve().to_string(),
        "AA" => if morning { "AM" } else { "PM" }.to_owned(),
        "aa" => if morning { "am" } else { "pm" }.to_owned(),
        "mm" => format!("{:02}", time.minute()),
        "m" => time.minute().to_string(),
        "ss" => format!("{:02}", time.second()),
        "s" => time.second().to_string(),
        "Z" | "ZZZ" if time.offset().is_zero() => if run == "Z" { "Z" } else { "UTC" }.to_owned(),
        "Z" | "ZZZZZ" => time.strftime("%:z").to_string(),
        "ZZZZ" | "ZZZ" => time.strftime("%z").to_string(),
        _ => return None,
    })
}
