//! A plan as Markdown, for the comment under a pull request: what is dangerous in the open, the rest folded away.

use deployctl_sdk::Action;

use super::{Frame, change, short_digest, text};
use crate::plan::{Plan, ResourceChange};
use crate::render::{Look, reason};

/// Pull requests take 65,536 characters; the rest is counted.
const ROOM: usize = 56_000;

/// How wide the folded texts are.
const LOOK: Look = Look { color: false, width: 110, cuts: false };

/// The plan.
pub fn markdown(plan: &Plan, frame: Frame<'_>) -> String {
    let mut out = format!("### {}\n\n", heading(plan, frame));
    if plan.is_empty() {
        out.push_str(&text(plan, frame, LOOK));
        return out;
    }
    let summary = plan.summary();
    let unchanged = if summary.unchanged > 0 { format!(" ({} unchanged)", summary.unchanged) } else { String::new() };
    let nested = text::nested(&summary.nested).map(|counts| format!(" · nested: {counts}")).unwrap_or_default();
    out.push_str(&format!(
        "**{}**{unchanged}{nested} · digest `{}`\n\n",
        text::summary_in_words(&summary),
        short_digest(&plan.digest)
    ));
    for warning in &plan.warnings {
        out.push_str(&format!("> **Warning:** {}\n\n", escaped(warning)));
    }
    dangers(&mut out, plan);
    details(&mut out, plan);
    let mut rest = String::new();
    super::frame::drift(&mut rest, plan, LOOK);
    super::frame::notes(&mut rest, plan, LOOK);
    if !rest.is_empty() && out.len() + rest.len() < ROOM {
        out.push_str(&format!("{}\n", fenced(rest.trim_end())));
    }
    if let Some(order) = text::order(plan).filter(|order| out.len() + order.len() < ROOM) {
        out.push_str(&format!("Order: {}\n", escaped(&order)));
    }
    out
}

fn heading(plan: &Plan, frame: Frame<'_>) -> String {
    let name = frame.name.map(|name| format!(" for {}", escaped(name))).unwrap_or_default();
    let environment = match &*plan.environment {
        "default" => String::new(),
        environment => format!(", environment {}", escaped(environment)),
    };
    format!("Deployment plan{name}{environment}")
}

fn dangers(out: &mut String, plan: &Plan) {
    let risks = plan.risks();
    if risks.is_empty() {
        return;
    }
    out.push_str("| Look at these first | | |\n|---|---|---|\n");
    for (shown, (change, risk)) in risks.iter().enumerate() {
        let row = format!(
            "| {} | **{}** | {} |\n",
            code(&format!("{} {}", change.action.symbol(), change.address)),
            reason::risk_word(risk.kind),
            escaped(&risk.text)
        );
        if out.len() + row.len() > ROOM / 2 {
            out.push_str(&format!("| … | | {} more |\n", risks.len() - shown));
            break;
        }
        out.push_str(&row);
    }
    out.push('\n');
}

fn details(out: &mut String, plan: &Plan) {
    // What goes away or is replaced stands before what only changes.
    let rank = |change: &&ResourceChange| match change.action {
        Action::Delete => 0,
        Action::Replace(_) => 1,
        Action::Create => 3,
        _ => 2,
    };
    let mut changes: Vec<&ResourceChange> =
        plan.changes.iter().filter(|change| change.action != Action::NoOp || change::has_body(change)).collect();
    changes.sort_by_key(rank);
    for (position, change) in changes.iter().enumerate() {
        let block = detail(change);
        if out.len() + block.len() > ROOM {
            let left = changes.len() - position;
            out.push_str(&format!(
                "… {left} more {} not shown here\n\n",
                if left == 1 { "change is" } else { "changes are" }
            ));
            break;
        }
        out.push_str(&block);
    }
}

fn detail(change: &ResourceChange) -> String {
    let why = reason::reason(change.action, &change.reason);
    let why = if why.is_empty() { String::new() } else { format!(" {}", escaped(&why)) };
    let title = format!("<code>{} {}</code>{why}", change.action.symbol(), html(&change.address.to_string()));
    if !change::has_body(change) {
        return format!("- {title}\n\n");
    }
    let mut body = String::new();
    change::write(&mut body, change, LOOK);
    let body = body.split_once('\n').map_or("", |(_, below)| below);
    format!("<details><summary>{title}</summary>\n\n{}\n</details>\n\n", fenced(&dedent(body)))
}

fn dedent(text: &str) -> String {
    text.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The text in a fence longer than any in it.
fn fenced(text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}diff\n{text}\n{fence}\n")
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", html(text))
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('|', "&#124;")
}

/// Text in which nothing is taken for Markdown or HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in html(text).chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
