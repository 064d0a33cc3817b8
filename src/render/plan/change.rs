//! One resource of a plan: its header with the reason, and what will be different, folded.

use deployctl_sdk::{Action, Child, Diff, Reason};

use super::attributes;
use crate::plan::ResourceChange;
use crate::render::text::{clean, counted, cut_end, pad, plural, width};
use crate::render::{Look, Paint, reason, value};

/// Where the reasons begin.
const REASON_COLUMN: usize = 53;

/// The paint of an action's symbol.
pub fn paint(action: Action) -> Paint {
    match action {
        Action::NoOp | Action::Forget => Paint::Dim,
        Action::Create => Paint::Green,
        Action::Update => Paint::Yellow,
        Action::Replace(_) => Paint::Magenta,
        Action::Delete => Paint::Red,
        Action::Read | Action::Deferred => Paint::Cyan,
    }
}

/// Whether anything stands below the header.
pub fn has_body(change: &ResourceChange) -> bool {
    shows_attributes(change.action) && (!change.diffs.is_empty() || change.unchanged_attributes > 0)
        || !change.children.is_empty()
        || !change.notes.is_empty()
}

fn shows_attributes(action: Action) -> bool {
    !matches!(action, Action::Delete | Action::Forget | Action::NoOp)
}

/// Writes the resource's lines.
pub fn write(out: &mut String, change: &ResourceChange, look: Look) {
    header(out, change, look);
    if shows_attributes(change.action) {
        let creating = change.action == Action::Create;
        let shown = || change.diffs.iter().filter(|diff| !(creating && is_at_default(change, diff)));
        attributes::write(out, shown(), creating, "    ", look);
        let folded = change.diffs.len() - shown().count();
        if folded > 0 {
            let text = format!("({} at the default)", counted(folded, "attribute"));
            out.push_str(&format!("    {}\n", look.dim(&text)));
        }
        if change.unchanged_attributes > 0 && !matches!(change.action, Action::Create | Action::Deferred) {
            let noun = plural(change.unchanged_attributes, "attribute");
            out.push_str(&format!(
                "    {}\n",
                look.dim(&format!("({} unchanged {noun})", change.unchanged_attributes))
            ));
        }
    }
    children(out, &change.children, look);
    for note in &change.notes {
        for (position, line) in note.0.lines().enumerate() {
            out.push_str(&format!("    {}{}\n", if position == 0 { "note: " } else { "      " }, clean(line)));
        }
    }
}

fn is_at_default(change: &ResourceChange, diff: &Diff) -> bool {
    diff.path.attribute().is_some_and(|name| change.at_default.iter().any(|other| other == name))
}

fn header(out: &mut String, change: &ResourceChange, look: Look) {
    let symbol = change.action.symbol();
    let address = change.address.to_string();
    let plain = format!("{symbol} {}", clean(&address));
    out.push_str(&format!("{} {}", look.paint(paint(change.action), symbol), look.bold(&clean(&address))));
    let mut why = vec![clean(&reason::reason(change.action, &change.reason)), children_in_words(&change.children)];
    why.retain(|part| !part.is_empty());
    let why = why.join(", ");
    let place = change.position.as_ref().map(|at| format!("{}:{}", clean(&at.path), at.line)).unwrap_or_default();
    if !why.is_empty() || !place.is_empty() {
        let gap = REASON_COLUMN.saturating_sub(width(&plain)).max(2);
        let between = if why.is_empty() || place.is_empty() { "" } else { "  " };
        out.push_str(&format!("{:gap$}{why}{between}{}", "", look.dim(&place)));
    }
    out.push('\n');
}

/// `1 of 3 services`, `2 to create, 1 to delete, 3 deferred`.
fn children_in_words(children: &[Child]) -> String {
    let changed = children.iter().filter(|child| child.action != Action::NoOp).count();
    if children.is_empty() || changed == 0 {
        return String::new();
    }
    if changed < children.len() {
        let mut kinds = children.iter().map(|child| child.kind.as_str());
        let first = kinds.next().unwrap_or("object");
        let kind = if kinds.all(|kind| kind == first) { first } else { "object" };
        return format!("{changed} of {}", counted(children.len(), &clean(kind)));
    }
    let mut counts: Vec<(Action, usize)> = Vec::new();
    for child in children {
        match counts.iter_mut().find(|(action, _)| action.word() == child.action.word()) {
            Some((_, count)) => *count += 1,
            None => counts.push((child.action, 1)),
        }
    }
    let parts = counts.iter().map(|(action, count)| match action {
        Action::Deferred => format!("{count} deferred"),
        action => format!("{count} to {}", action.word()),
    });
    parts.collect::<Vec<String>>().join(", ")
}

fn children(out: &mut String, children: &[Child], look: Look) {
    let changed = || children.iter().filter(|child| child.action != Action::NoOp);
    let mixed = changed().any(|child| changed().next().is_some_and(|first| first.kind != child.kind));
    let name = |child: &Child| {
        if mixed { format!("{} {}", clean(&child.kind), clean(&child.name)) } else { clean(&child.name) }
    };
    let column = changed().map(|child| width(&name(child))).filter(|width| *width <= 40).max().unwrap_or(0);
    for child in changed() {
        let symbol = look.paint(paint(child.action), child.action.symbol());
        let name = name(child);
        let mut about = vec![clean(&child.reason)];
        let single = (child.diffs.len() == 1).then(|| child.diffs.first()).flatten();
        let mut below = String::new();
        match single
            .map(|diff| (diff, attributes::difference(diff, false, look.width.saturating_sub(column + 8), look)))
        {
            Some((diff, shown)) if shown.len() == 1 && child.action != Action::Create => {
                about.push(format!("{} {}", clean(&diff.path.to_string()), shown.concat()));
            }
            _ => attributes::write(&mut below, &child.diffs, child.action == Action::Create, "        ", look),
        }
        about.retain(|part| !part.is_empty());
        let about = about.join(": ");
        let padded = if about.is_empty() { name } else { format!("{}  {about}", pad(&name, column)) };
        out.push_str(&format!("    {symbol} {padded}\n{below}"));
    }
}

/// A line for each difference between what was recorded and what is there.
pub fn drift_line(path: &str, diff: &Diff, room: usize, look: Look) -> String {
    if path.is_empty() && diff.after.is_none() {
        return "is gone".to_owned();
    }
    let shown = attributes::difference(diff, false, room, look);
    let told = match shown.as_slice() {
        [one] => one.clone(),
        _ => {
            let side = |value: &Option<deployctl_sdk::Value>| {
                value.as_ref().map_or_else(|| "(not set)".to_owned(), |value| value::inline(value, room / 2))
            };
            format!("{} → {}", side(&diff.before), side(&diff.after))
        }
    };
    format!("{} {told}", clean(&cut_end(path, 60)))
}

/// What becomes of a drift, in the place of a reason.
pub fn drift_outcome(change: &ResourceChange) -> &'static str {
    match (change.action, &change.reason) {
        (Action::Update, _) | (Action::Replace(_), _) | (Action::Create, Reason::Missing) => "will be put back",
        (Action::Delete, _) => "will be deleted",
        _ => "",
    }
}
