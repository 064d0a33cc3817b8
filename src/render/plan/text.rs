//! A plan as text: what is dangerous first, then what changes, then what was counted.

use deployctl_sdk::Action;

use super::{Frame, change, frame, short_digest};
use crate::plan::{Mode, Nested, OutputChange, Plan, Summary};
use crate::render::text::{clean, counted, grouped, width};
use crate::render::{Look, Paint, value};

/// The order is spelled out up to so many names, and counted beyond.
const NAMED_IN_ORDER: usize = 24;

/// The whole plan.
pub fn text(plan: &Plan, around: Frame<'_>, look: Look) -> String {
    let mut out = String::new();
    for warning in &plan.warnings {
        out.push_str(&format!("{} {}\n", look.paint(Paint::Yellow, "warning:"), clean(warning)));
    }
    if plan.is_empty() {
        nothing(&mut out, plan, look);
        return out;
    }
    out.push_str(&format!("{}\n\n", frame::context(plan, around, look)));
    let folded = frame::dangers(&mut out, plan, look);
    changes(&mut out, plan, &folded, look);
    frame::drift(&mut out, plan, look);
    frame::notes(&mut out, plan, look);
    outputs(&mut out, &plan.outputs, look);
    if let Some(legend) = frame::legend(plan, look) {
        out.push_str(&format!("{legend}\n"));
    }
    let counts = match plan.mode {
        Mode::RefreshOnly => format!("{} to be brought up to date in the state", counted(plan.drift.len(), "resource")),
        _ => summary(&plan.summary()),
    };
    out.push_str(&format!("{}\n", look.bold(&format!("Plan: {counts}"))));
    if let Some(order) = order(plan) {
        out.push_str(&format!("Order: {order}\n"));
    }
    match around.saved {
        Some(file) => out.push_str(&format!(
            "Saved to {file} · digest {} · apply with: deployctl apply {file}\n",
            short_digest(&plan.digest)
        )),
        None => out.push_str(&format!("{}\n", look.dim(&format!("Digest {}", short_digest(&plan.digest))))),
    }
    out
}

fn nothing(out: &mut String, plan: &Plan, look: Look) {
    frame::drift(out, plan, look);
    frame::notes(out, plan, look);
    let count = plan.summary().unchanged;
    out.push_str(&match plan.mode {
        Mode::Destroy => "No changes. There is nothing to destroy.\n".to_owned(),
        Mode::RefreshOnly => format!("No changes. {} as recorded.\n", are(count)),
        Mode::Rollback { to } => format!("No changes. {} as serial {to} had them.\n", are(count)),
        Mode::Normal => format!("No changes. {} as configured.\n", are(count)),
    });
}

fn are(count: usize) -> String {
    format!("{} {}", counted(count, "resource"), if count == 1 { "is" } else { "are" })
}

fn changes(out: &mut String, plan: &Plan, folded: &std::collections::BTreeSet<usize>, look: Look) {
    let mut open = false;
    for (index, change) in plan.changes.iter().enumerate() {
        if folded.contains(&index) || (change.action == Action::NoOp && !change::has_body(change)) {
            continue;
        }
        // A blank line keeps blocks apart; headers alone stand close together.
        let block = change::has_body(change);
        if open && block && !out.ends_with("\n\n") {
            out.push('\n');
        }
        change::write(out, change, look);
        if block {
            out.push('\n');
        }
        open = true;
    }
    if open && !out.ends_with("\n\n") {
        out.push('\n');
    }
}

fn outputs(out: &mut String, outputs: &[OutputChange], look: Look) {
    if outputs.is_empty() {
        return;
    }
    out.push_str(&format!("{}\n", look.bold("Outputs")));
    let column = outputs.iter().map(|output| width(&output.name)).filter(|width| *width <= 40).max().unwrap_or(0);
    for output in outputs {
        let (symbol, paint) = match (&output.before, &output.after) {
            (None, _) => ("+", Paint::Green),
            (_, None) => ("-", Paint::Red),
            _ => ("~", Paint::Yellow),
        };
        let room = look.width.saturating_sub(column + 8).max(30);
        let both = output.before.is_some() && output.after.is_some();
        let side = |value: &Option<deployctl_sdk::Value>| {
            value.as_ref().map(|value| value::inline(value, if both { room / 2 } else { room }))
        };
        let told = match (side(&output.before), side(&output.after)) {
            (Some(before), Some(after)) if before == after && before == deployctl_sdk::value::SENSITIVE_TEXT => {
                "(sensitive value, changed)".to_owned()
            }
            (Some(before), Some(after)) => format!("{before} → {after}"),
            (None, Some(after)) => after,
            (Some(before), None) => before,
            (None, None) => String::new(),
        };
        let name = crate::render::text::pad(&output.name, column);
        out.push_str(&format!("  {} {name}  {told}\n", look.paint(paint, symbol)));
    }
    out.push('\n');
}

/// `3 to create, 1 to update, 1 to replace, 0 to delete (37 unchanged)`
pub fn summary(summary: &Summary) -> String {
    let mut parts = vec![
        format!("{} to create", summary.create),
        format!("{} to update", summary.update),
        format!("{} to replace", summary.replace),
        format!("{} to delete", summary.delete),
    ];
    let rare = [(summary.read, "to read"), (summary.forget, "to forget"), (summary.deferred, "deferred")];
    parts.extend(rare.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")));
    let unchanged = if summary.unchanged > 0 { format!(" ({} unchanged)", summary.unchanged) } else { String::new() };
    let nested = nested(&summary.nested).map(|counts| format!("; nested: {counts}")).unwrap_or_default();
    format!("{}{unchanged}{nested}", parts.join(", "))
}

/// What is done to parts of resources: `2 to create, 1 to delete`; `None` where nothing is.
pub fn nested(nested: &Nested) -> Option<String> {
    let all = [
        (nested.create, "to create"),
        (nested.update, "to update"),
        (nested.replace, "to replace"),
        (nested.delete, "to delete"),
        (nested.deferred, "deferred"),
    ];
    let parts: Vec<String> =
        all.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The same with only what there is: `3 to create, 1 to update`.
pub fn summary_in_words(summary: &Summary) -> String {
    let all = [
        (summary.create, "to create"),
        (summary.update, "to update"),
        (summary.replace, "to replace"),
        (summary.delete, "to delete"),
        (summary.read, "to read"),
        (summary.forget, "to forget"),
        (summary.deferred, "deferred"),
    ];
    let parts: Vec<String> =
        all.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

/// The waves: names while they are few, counts beyond; nothing where there is no order to speak of.
pub fn order(plan: &Plan) -> Option<String> {
    let steps: usize = plan.waves.iter().map(Vec::len).sum();
    if steps < 2 {
        return None;
    }
    if steps <= NAMED_IN_ORDER {
        let waves: Vec<String> = plan.waves.iter().map(|wave| names(plan, wave)).collect();
        return Some(waves.join(" → "));
    }
    if plan.waves.len() <= 12 {
        let counts: Vec<String> = plan.waves.iter().map(|wave| grouped(wave.len())).collect();
        return Some(match counts.len() {
            1 => format!("all {} side by side", grouped(steps)),
            waves => format!("{} in {waves} waves", counts.join(" → ")),
        });
    }
    let widest = plan.waves.iter().map(Vec::len).max().unwrap_or(0);
    Some(format!("{} waves, the widest of {}", grouped(plan.waves.len()), grouped(widest)))
}

fn names(plan: &Plan, wave: &[usize]) -> String {
    let names: Vec<String> =
        wave.iter().filter_map(|index| plan.changes.get(*index)).map(|change| change.address.to_string()).collect();
    names.join(", ")
}
