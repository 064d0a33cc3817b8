//! Values as people read them: short ones on a line, long ones cut in the middle, large ones line by line, and never what
//! is sensitive.

use deployctl_sdk::Value;
use deployctl_sdk::value::{SENSITIVE_TEXT, UNKNOWN_TEXT};

use super::text::{clean, cut_end, grouped, plural};

/// How many lines of one value are shown before the rest is counted.
const SHOWN_LINES: usize = 30;

/// The value on one line of about so many columns: long texts are cut in the middle, large lists and maps are counted.
pub fn inline(value: &Value, columns: usize) -> String {
    match value {
        Value::String(text) => quoted(text, columns),
        Value::List(items) if !items.is_empty() => {
            whole(value, columns).unwrap_or_else(|| format!("[…] ({})", many(items.len(), "item")))
        }
        Value::Map(members) if !members.is_empty() => {
            whole(value, columns).unwrap_or_else(|| format!("{{…}} ({})", many(members.len(), "member")))
        }
        other => whole(other, usize::MAX).unwrap_or_default(),
    }
}

fn many(count: usize, noun: &str) -> String {
    format!("{} {}", grouped(count), plural(count, noun))
}

/// The value on one line if all of it has room there.
pub fn whole(value: &Value, columns: usize) -> Option<String> {
    let mut out = String::new();
    write(value, columns.saturating_mul(4), &mut out).then_some(out).filter(|out| super::text::width(out) <= columns)
}

/// Writes until done, or until more than `budget` bytes were written.
fn write(value: &Value, budget: usize, out: &mut String) -> bool {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) if text.len() > budget => return false,
        Value::String(text) => quote(text, out),
        Value::Unknown => out.push_str(UNKNOWN_TEXT),
        Value::Sensitive(_) | Value::Withheld(_) => out.push_str(SENSITIVE_TEXT),
        Value::List(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                out.push_str(if position == 0 { "" } else { ", " });
                if out.len() > budget || !write(item, budget, out) {
                    return false;
                }
            }
            out.push(']');
        }
        Value::Map(members) if members.is_empty() => out.push_str("{}"),
        Value::Map(members) => {
            out.push_str("{ ");
            for (position, (name, member)) in members.iter().enumerate() {
                out.push_str(if position == 0 { "" } else { ", " });
                out.push_str(&key(name));
                out.push_str(" = ");
                if out.len() > budget || !write(member, budget, out) {
                    return false;
                }
            }
            out.push_str(" }");
        }
    }
    out.len() <= budget
}

/// The value on as many lines as it takes, the first of which may stand behind a name.
pub fn lines(value: &Value, columns: usize) -> Vec<String> {
    if let Some(line) = whole(value, columns).filter(|_| !is_text_of_lines(value)) {
        return vec![line];
    }
    let mut lines = Lines { shown: Vec::new(), most: SHOWN_LINES };
    let hidden = lines.put_value(value, columns.max(20), "", "");
    if hidden > 0 {
        lines.shown.push(format!("… {} more lines", grouped(hidden)));
    }
    lines.shown
}

/// The value on as many lines as it takes, all of them: for those who asked for exactly this value.
pub fn all_lines(value: &Value, columns: usize) -> Vec<String> {
    if let Some(line) = whole(value, columns) {
        return vec![line];
    }
    let mut lines = Lines { shown: Vec::new(), most: usize::MAX };
    lines.put_value(value, columns.max(20), "", "");
    lines.shown
}

/// Whether it is text that is better read line by line.
pub fn is_text_of_lines(value: &Value) -> bool {
    matches!(value, Value::String(text) if text.trim_end_matches('\n').contains('\n'))
}

/// Lines up to the most that may be shown.
struct Lines {
    shown: Vec<String>,
    most: usize,
}

impl Lines {
    /// Puts the value's lines, and answers how many found no room.
    fn put_value(&mut self, value: &Value, columns: usize, indent: &str, lead: &str) -> usize {
        let room = columns.saturating_sub(indent.len() + lead.len()).max(20);
        let deeper = format!("{indent}  ");
        match value {
            Value::String(text) if is_text_of_lines(value) => {
                let mut hidden = self.put(|| format!("{indent}{lead}<<"));
                for line in text.lines() {
                    hidden += self.put(|| format!("{deeper}{}", clean(&cut_end(line, columns))));
                }
                hidden
            }
            Value::List(items) if whole(value, room).is_none() => {
                let mut hidden = self.put(|| format!("{indent}{lead}["));
                for item in items.iter() {
                    hidden += if self.is_full() { 1 } else { self.put_value(item, columns, &deeper, "") };
                }
                hidden + self.put(|| format!("{indent}]"))
            }
            Value::Map(members) if whole(value, room).is_none() => {
                let mut hidden = self.put(|| format!("{indent}{lead}{{"));
                for (name, member) in members.iter() {
                    let lead = format!("{} = ", key(name));
                    hidden += if self.is_full() { 1 } else { self.put_value(member, columns, &deeper, &lead) };
                }
                hidden + self.put(|| format!("{indent}}}"))
            }
            other => self.put(|| format!("{indent}{lead}{}", inline(other, room))),
        }
    }

    fn is_full(&self) -> bool {
        self.shown.len() >= self.most
    }

    fn put(&mut self, line: impl FnOnce() -> String) -> usize {
        if self.is_full() {
            return 1;
        }
        self.shown.push(line());
        0
    }
}

/// The text in quotes, its middle left out where it is longer than the columns.
pub fn quoted(text: &str, columns: usize) -> String {
    let columns = columns.max(12);
    let mut out = String::new();
    if text.len() <= columns || text.chars().nth(columns).is_none() {
        quote(text, &mut out);
        return out;
    }
    if let Some(short) = short_digest(text) {
        return format!("\"{short}…\"");
    }
    let tail_length = columns / 3;
    let head: String = text.chars().take(columns - tail_length - 1).collect();
    let tail: Vec<char> = text.chars().rev().take(tail_length).collect();
    let tail: String = tail.into_iter().rev().collect();
    out.push('"');
    escape(&head, &mut out);
    out.push('…');
    escape(&tail, &mut out);
    out.push('"');
    out.push_str(&format!(" ({} characters)", grouped(text.chars().count())));
    out
}

/// Enough of a SHA-256 digest, with or without its name before it, to tell it from others; `None` for other texts.
pub fn short_digest(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_digest = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| text.get(..text.len() - 52)).flatten()
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    escape(text, out);
    out.push('"');
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
}

/// A map's key as a configuration writes it.
pub fn key(name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if plain { name.to_owned() } else { quoted(name, 200) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_are_one_line() {
        let value = Value::map([
            ("a", Value::from(1)),
            ("b c", Value::list([Value::from("x\ny\u{1b}"), Value::Unknown, Value::from("s").into_sensitive()])),
        ]);
        assert_eq!(inline(&value, 100), r#"{ a = 1, "b c" = ["x\ny\u{1b}", (known after apply), (sensitive value)] }"#);
        assert_eq!(inline(&value, 20), "{…} (2 members)");
    }

    #[test]
    fn large_values_are_bounded() {
        let long = Value::from("ab".repeat(5_000_000));
        assert_eq!(inline(&long, 24), "\"abababababababa…abababab\" (10,000,000 characters)");
        let list = Value::list((0..100_000).map(Value::from));
        let lines = lines(&list, 60);
        assert_eq!(lines.len(), SHOWN_LINES + 1);
        assert_eq!(lines.last().unwrap(), "… 99,972 more lines");
    }

    #[test]
    fn text_is_shown_line_by_line() {
        let value = Value::map([("script", Value::from("one\ntwo\n")), ("other", Value::from("x".repeat(50)))]);
        assert_eq!(
            lines(&value, 40).join("\n"),
            format!(
                "{{\n  other = \"{}…{}\" (50 characters)\n  script = <<\n    one\n    two\n}}",
                "x".repeat(19),
                "x".repeat(10)
            )
        );
    }
}
