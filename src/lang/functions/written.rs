//! Values written as JSON and YAML: numbers exact, keys sorted, the same text whenever it is written.

use std::fmt::Write as _;

use deployctl_sdk::Value;

use super::super::limits::MAX_STRING;
use super::call::{Complaint, Done};

/// Appends a value as JSON. Marks and unknowns have been dealt with before.
pub(super) fn json(value: &Value, out: &mut String) -> Done<()> {
    room(out)?;
    match value.unmark().0 {
        Value::Withheld(_) => return Err(Complaint::whole("this holds a secret that is not kept")),
        Value::Null | Value::Unknown | Value::Sensitive(_) => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => append(out, format_args!("{number}")),
        Value::String(text) => json_string(text, out),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                json(item, out)?;
            }
            out.push(']');
        }
        Value::Map(members) => {
            out.push('{');
            for (at, (key, member)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                json_string(key, out);
                out.push(':');
                json(member, out)?;
            }
            out.push('}');
        }
    }
    room(out)
}

fn room(out: &str) -> Done<()> {
    match out.len() > MAX_STRING {
        true => Err(Complaint::whole(format!("the result would be longer than {} MiB", MAX_STRING >> 20))),
        false => Ok(()),
    }
}

fn append(out: &mut String, part: std::fmt::Arguments) {
    // Writing into a string cannot fail.
    let _ = out.write_fmt(part);
}

/// A string in JSON's quotes. `<`, `>`, `&` and the two line separators are escaped too, as Terraform does, so that the text
/// can stand in HTML and JavaScript.
fn json_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                append(out, format_args!("\\u{:04x}", u32::from(c)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// A value as a YAML document: strings and keys quoted, so that none is taken for a number or a date by a reader.
pub(super) fn yaml(value: &Value) -> Done<String> {
    let mut out = String::new();
    match value.unmark().0 {
        Value::List(items) if !items.is_empty() => yaml_list(items, 0, &mut out)?,
        Value::Map(members) if !members.is_empty() => yaml_map(members, 0, &mut out)?,
        scalar => {
            yaml_scalar(scalar, 0, &mut out)?;
            out.push('\n');
        }
    }
    Ok(out)
}

fn yaml_list(items: &[Value], indent: usize, out: &mut String) -> Done<()> {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            pad(indent, out);
        }
        out.push_str("- ");
        match item.unmark().0 {
            Value::List(inner) if !inner.is_empty() => yaml_list(inner, indent + 2, out)?,
            Value::Map(members) if !members.is_empty() => yaml_map(members, indent + 2, out)?,
            scalar => {
                yaml_scalar(scalar, indent, out)?;
                out.push('\n');
            }
        }
        room(out)?;
    }
    Ok(())
}

/// The caller has written the indentation of the first line.
fn yaml_map(members: &deployctl_sdk::Map, indent: usize, out: &mut String) -> Done<()> {
    for (at, (key, member)) in members.iter().enumerate() {
        if at > 0 {
            pad(indent, out);
        }
        yaml_string(key, out);
        out.push(':');
        match member.unmark().0 {
            Value::List(items) if !items.is_empty() => {
                out.push('\n');
                pad(indent, out);
                yaml_list(items, indent, out)?;
            }
            Value::Map(members) if !members.is_empty() => {
                out.push('\n');
                pad(indent + 2, out);
                yaml_map(members, indent + 2, out)?;
            }
            scalar => {
                out.push(' ');
                yaml_scalar(scalar, indent, out)?;
                out.push('\n');
            }
        }
        room(out)?;
    }
    Ok(())
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn yaml_scalar(value: &Value, indent: usize, out: &mut String) -> Done<()> {
    match value {
        Value::String(text) if is_block(text) => {
            let body = text.strip_suffix('\n');
            out.push_str(if body.is_some() { "|" } else { "|-" });
            for line in body.unwrap_or(text).split('\n') {
                out.push('\n');
                if !line.is_empty() {
                    pad(indent + 2, out);
                    out.push_str(line);
                }
                room(out)?;
            }
        }
        Value::String(text) => yaml_string(text, out),
        Value::List(_) => out.push_str("[]"),
        Value::Map(_) => out.push_str("{}"),
        other => json(other, out)?,
    }
    Ok(())
}

/// Whether a text can stand as a literal block and read back the same.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\n', '\t'])
        && body.chars().all(|c| c == '\n' || !needs_escape(c))
}

fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

fn yaml_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if needs_escape(c) => append(out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
