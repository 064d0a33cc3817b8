//! The attributes that differ, each as shortly as it can be told.

use deployctl_sdk::value::{SENSITIVE_TEXT, UNKNOWN_TEXT};
use deployctl_sdk::{Diff, Value};

use super::lines::{self, Line};
use crate::render::text::{clean, cut_end, grouped, pad, width, wrapped};
use crate::render::{Look, Paint, value};

/// What stands for no value.
const NOT_SET: &str = "(not set)";

/// Names longer than this do not push the values of the others to the right.
const NAME_COLUMNS: usize = 24;

/// Writes the differences, each line after `indent`. In a creation there is nothing before, so only what comes is shown.
pub fn write<'d>(
    out: &mut String,
    diffs: impl IntoIterator<Item = &'d Diff>,
    creating: bool,
    indent: &str,
    look: Look,
) {
    let (later, diffs): (Vec<&Diff>, Vec<&Diff>) =
        diffs.into_iter().partition(|diff| creating && matches!(diff.after, Some(Value::Unknown)));
    write_known(out, &diffs, creating, indent, look);
    if !later.is_empty() {
        let names: Vec<String> = later.iter().map(|diff| clean(&diff.path.to_string())).collect();
        let text = format!("known after apply: {}", names.join(", "));
        for line in wrapped(&text, look.width.saturating_sub(indent.len()).max(40)) {
            out.push_str(&format!("{indent}{}\n", look.dim(&line)));
        }
    }
}

fn write_known(out: &mut String, diffs: &[&Diff], creating: bool, indent: &str, look: Look) {
    let names: Vec<String> = diffs.iter().map(|diff| clean(&diff.path.to_string())).collect();
    let column = names.iter().map(|name| width(name)).filter(|width| *width <= NAME_COLUMNS).max().unwrap_or(0);
    for (diff, name) in diffs.iter().zip(&names) {
        let room = look.width.saturating_sub(indent.len() + column.max(width(name)) + 2).max(24);
        let shown = difference(diff, creating, room, look);
        out.push_str(indent);
        match shown.split_first() {
            Some((first, [])) => {
                out.push_str(&format!("{}  {first}\n", pad(name, column)));
            }
            Some((first, rest)) => {
                let first = if first.is_empty() { String::new() } else { format!("  {first}") };
                out.push_str(&format!("{}{first}\n", if first.is_empty() { name.clone() } else { pad(name, column) }));
                for line in rest {
                    out.push_str(&format!("{indent}{line}\n"));
                }
            }
            None => out.push_str(&format!("{name}\n")),
        }
    }
}

/// One difference: what stands beside the name, and the lines below it.
pub fn difference(diff: &Diff, creating: bool, room: usize, look: Look) -> Vec<String> {
    let before = diff.before.as_ref().filter(|value| !value.is_null());
    let after = diff.after.as_ref().filter(|value| !value.is_null());
    match (before, after) {
        (None, Some(after)) if creating => value::lines(after, room),
        (Some(Value::Sensitive(_)), Some(Value::Sensitive(inner))) => vec![match **inner {
            Value::Unknown => format!("{SENSITIVE_TEXT} → {UNKNOWN_TEXT}"),
            _ => "(sensitive value, changed)".to_owned(),
        }],
        (Some(Value::String(before)), Some(Value::String(after))) if before.contains('\n') || after.contains('\n') => {
            text(before, after, room, look)
        }
        (Some(Value::List(before)), Some(Value::List(after))) => list(before, after, room, look),
        (Some(Value::String(before)), Some(Value::String(after))) => vec![strings(before, after, room)],
        (before, after) => vec![arrow(&half(before, room), &half(after, room))],
    }
}

fn half(value: Option<&Value>, room: usize) -> String {
    value.map_or_else(|| NOT_SET.to_owned(), |value| value::inline(value, room.saturating_sub(3) / 2))
}

fn arrow(before: &str, after: &str) -> String {
    format!("{before} → {after}")
}

/// Two one-line texts: whole where there is room, otherwise from shortly before the place where they begin to differ.
fn strings(before: &str, after: &str, room: usize) -> String {
    let each = room.saturating_sub(3) / 2;
    let (quoted_before, quoted_after) = (value::quoted(before, each), value::quoted(after, each));
    if quoted_before != quoted_after {
        return arrow(&quoted_before, &quoted_after);
    }
    let same = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).count();
    let window = |text: &str| {
        let from: String = text.chars().skip(same.saturating_sub(8)).take(each.saturating_sub(10)).collect();
        format!("…{}…", clean(&from))
    };
    let length = grouped(after.chars().count());
    format!("{} ({length} characters, different from character {})", arrow(&window(before), &window(after)), same + 1)
}

fn text(before: &str, after: &str, room: usize, look: Look) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut shown = vec![String::new()];
    shown.extend(marked(&lines::diff(&old, &new), true, room, look));
    if shown.len() == 1 {
        shown.push("  (only line ends differ)".to_owned());
    }
    shown
}

fn list(before: &[Value], after: &[Value], room: usize, look: Look) -> Vec<String> {
    let items = |items: &[Value]| -> Vec<String> { items.iter().map(|item| value::inline(item, 2000)).collect() };
    let (old, new) = (items(before), items(after));
    let (old, new): (Vec<&str>, Vec<&str>) =
        (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    let differences = lines::diff(&old, &new);
    if differences.is_empty() {
        return vec!["(what differs is sensitive or too long to show)".to_owned()];
    }
    let mut shown = vec![String::new()];
    shown.extend(marked(&differences, false, room, look));
    let gone = before.len().saturating_sub(differences.iter().filter(|line| matches!(line, Line::Gone(_))).count());
    if gone > 0 && !differences.iter().any(|line| matches!(line, Line::More(_))) {
        shown.push(format!(
            "  {}",
            look.dim(&format!("({gone} unchanged {})", if gone == 1 { "item" } else { "items" }))
        ));
    }
    shown
}

fn marked(lines: &[Line<'_>], places: bool, room: usize, look: Look) -> Vec<String> {
    let mut shown = Vec::new();
    let mut put = |line: String| shown.push(format!("  {line}"));
    for line in lines {
        match line {
            Line::At(number) if places => put(look.paint(Paint::Cyan, &format!("@@ line {number}"))),
            Line::At(_) => {}
            Line::Gone(text) => put(look.paint(Paint::Red, &format!("- {}", clean(&cut_end(text, room))))),
            Line::New(text) => put(look.paint(Paint::Green, &format!("+ {}", clean(&cut_end(text, room))))),
            Line::More(count) => put(look.dim(&format!("… {} more lines differ", grouped(*count)))),
        }
    }
    shown
}
