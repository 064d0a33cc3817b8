//! What stands around the changes: the line of context, what to look at first, and what was changed by others.

use std::collections::BTreeSet;

use deployctl_sdk::{Action, ReplaceOrder, RiskKind};

use super::{Frame, change};
use crate::plan::{Mode, Plan, ResourceChange};
use crate::render::text::{clean, counted, pad, width};
use crate::render::time::duration;
use crate::render::{Look, Paint, reason};

/// How many remarks are shown before the rest is counted.
const SHOWN: usize = 20;

/// `shop · environment staging · state local, serial 12 · read 41 resources in 0.3 s`
pub fn context(plan: &Plan, frame: Frame<'_>, look: Look) -> String {
    let mut parts = Vec::new();
    parts.extend(frame.name.map(|name| look.bold(&clean(name))));
    if &*plan.environment != "default" {
        parts.push(format!("environment {}", clean(&plan.environment)));
    }
    let backend = frame.backend.map(|backend| format!(" {backend}")).unwrap_or_default();
    parts.push(match plan.serial {
        0 => format!("state{backend}, new"),
        serial => format!("state{backend}, serial {serial}"),
    });
    match &plan.mode {
        Mode::Normal => {}
        Mode::RefreshOnly => parts.push("refresh only".to_owned()),
        Mode::Destroy => parts.push("destroy".to_owned()),
        Mode::Rollback { to } => parts.push(format!("rollback to serial {to}")),
    }
    if !plan.targets.is_empty() {
        let named: Vec<String> = plan.targets.iter().take(3).map(ToString::to_string).collect();
        let more = if plan.targets.len() > 3 { ", …" } else { "" };
        parts.push(format!("only {}{more}", named.join(", ")));
    }
    if plan.read.resources > 0 {
        parts.push(format!("read {} in {}", counted(plan.read.resources, "resource"), duration(plan.read.millis)));
    }
    parts.join(" · ")
}

/// One line of what to look at first.
struct Danger<'p> {
    change: &'p ResourceChange,
    kind: Option<RiskKind>,
    text: String,
}

/// What to look at first: the risks, the worst sort first, then deletions and replacements that carry none. Answers which
/// deletions it has told all of, so that they need not be shown again.
pub fn dangers(out: &mut String, plan: &Plan, look: Look) -> BTreeSet<usize> {
    let mut rows: Vec<Danger<'_>> = plan
        .risks()
        .into_iter()
        .map(|(change, risk)| Danger { change, kind: Some(risk.kind), text: clean(&risk.text) })
        .collect();
    let plain = |wanted: fn(Action) -> bool| {
        plan.changes.iter().filter(move |change| change.risks.is_empty() && wanted(change.action))
    };
    if plan.mode != Mode::Destroy {
        rows.extend(plain(|action| action == Action::Delete).map(bare));
    }
    rows.extend(plain(|action| matches!(action, Action::Replace(_))).map(bare));
    if rows.is_empty() {
        return BTreeSet::new();
    }
    out.push_str(&format!("{}\n", look.bold("Look at these first")));
    let addresses = rows.iter().map(|row| width(&row.change.address.to_string())).filter(|width| *width <= 40).max();
    let kinds = rows.iter().filter_map(|row| row.kind).map(|kind| reason::risk_word(kind).len()).max().unwrap_or(0);
    for row in &rows {
        write_danger(out, row, addresses.unwrap_or(0), kinds, look);
    }
    out.push('\n');
    let told: BTreeSet<_> = rows.iter().map(|row| &row.change.address).collect();
    let folded = plan.changes.iter().enumerate().filter(|(_, change)| {
        matches!(change.action, Action::Delete) && told.contains(&change.address) && !change::has_body(change)
    });
    folded.map(|(index, _)| index).collect()
}

fn bare(change: &ResourceChange) -> Danger<'_> {
    Danger { change, kind: None, text: clean(&reason::reason(change.action, &change.reason)) }
}

fn write_danger(out: &mut String, row: &Danger<'_>, addresses: usize, kinds: usize, look: Look) {
    let symbol = look.paint(change::paint(row.change.action), &pad(row.change.action.symbol(), 3));
    let address = pad(&row.change.address.to_string(), addresses);
    let paint = if row.kind == Some(RiskKind::DataLoss) { Paint::Alarm } else { Paint::Yellow };
    let word = row.kind.map(reason::risk_word).unwrap_or_default();
    let kind = if kinds == 0 { String::new() } else { format!("  {}", look.paint(paint, &pad(word, kinds))) };
    let why = reason::reason(row.change.action, &row.change.reason);
    // A deletion that stands nowhere else says here why it goes.
    let text =
        match row.change.action {
            Action::Delete if row.kind.is_some() && !why.is_empty() && !row.text.contains(&why) => {
                if row.text.is_empty() { why } else { format!("{why}; {}", row.text) }
            }
            _ => row.text.clone(),
        };
    out.push_str(format!("  {symbol} {address}{kind}  {text}").trim_end());
    out.push('\n');
}

/// What was changed by others, and what becomes of it.
pub fn drift(out: &mut String, plan: &Plan, look: Look) {
    let stays = if plan.mode == Mode::RefreshOnly { "will be recorded" } else { "is left as it is" };
    let rows = plan
        .changes
        .iter()
        .filter(|change| !change.drift.is_empty())
        .map(|change| (&change.address, &change.drift, change::drift_outcome(change)))
        .chain(plan.drift.iter().map(|(address, diffs)| (address, diffs, stays)));
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return;
    }
    out.push_str(&format!("{}\n", look.bold("Changed outside deployctl")));
    let column = rows.iter().map(|(address, ..)| width(&address.to_string())).filter(|width| *width <= 40).max();
    let column = column.unwrap_or(0);
    for (address, diffs, outcome) in rows {
        let (mut name, mut outcome) = (address.to_string(), outcome);
        for diff in diffs {
            let room = look.width.saturating_sub(column + 4).max(30);
            let line = change::drift_line(&diff.path.to_string(), diff, room, look);
            out.push_str(format!("  {}  {line}  {}", pad(&name, column), look.dim(outcome)).trim_end());
            out.push('\n');
            name.clear();
            outcome = "";
        }
    }
    out.push('\n');
}

/// Remarks about resources that stay as they are.
pub fn notes(out: &mut String, plan: &Plan, look: Look) {
    if plan.notes.is_empty() {
        return;
    }
    out.push_str(&format!("{}\n", look.bold("Notes")));
    for (address, note) in plan.notes.iter().take(SHOWN) {
        out.push_str(&format!("  {address}  {}\n", note.0.lines().map(clean).collect::<Vec<_>>().join(" ")));
    }
    if plan.notes.len() > SHOWN {
        out.push_str(&look.dim(&format!("  … {} more", plan.notes.len() - SHOWN)));
        out.push('\n');
    }
    out.push('\n');
}

/// The symbols that the plan uses, with their meaning.
pub fn legend(plan: &Plan, look: Look) -> Option<String> {
    const ALL: [(Action, &str); 8] = [
        (Action::Create, "create"),
        (Action::Update, "update in place"),
        (Action::Replace(ReplaceOrder::DeleteFirst), "replace, the old one goes first"),
        (Action::Replace(ReplaceOrder::CreateFirst), "replace, the new one comes first"),
        (Action::Delete, "delete"),
        (Action::Read, "read"),
        (Action::Forget, "forget, the real thing stays"),
        (Action::Deferred, "planned during the apply"),
    ];
    let used: BTreeSet<Action> = plan
        .changes
        .iter()
        .flat_map(|change| std::iter::once(change.action).chain(change.children.iter().map(|child| child.action)))
        .collect();
    let shown: Vec<String> = ALL
        .iter()
        .filter(|(action, _)| used.contains(action))
        .map(|(action, word)| format!("{} {word}", look.paint(change::paint(*action), action.symbol())))
        .collect();
    (!shown.is_empty()).then(|| shown.join("   "))
}
