//! What the parser has against a text, said so that a person sees what to do.

use super::brackets::{self, Imbalance};
use crate::diagnostic::{Diagnostic, Origin};
use crate::lang;

/// The complaint about a text that is no HCL: the unbalanced bracket where that is the cause, otherwise what the parser says.
pub(super) fn syntax_error(origin: Origin, text: &str, error: &hcl_edit::parser::Error) -> Diagnostic {
    let reason = error.message();
    let at = text.floor_char_boundary(error.location().offset().min(text.len()));
    let word = word_at(text, at);
    if reason.contains("redefined attribute") {
        let message = format!("the attribute `{word}` is given twice");
        let complaint =
            Diagnostic::error(origin.span(Some(at..at + word.len())), message, "given before in the same block");
        return complaint.with_help("take one of the two out");
    }
    if let Some(imbalance) = brackets::imbalance(text).filter(|found| not_below(text, found.at(), at)) {
        return unbalanced(origin, &imbalance);
    }
    let mut complaint = lang::syntax_error(origin, text, error);
    if let (Some((place, _)), Some(first)) = (complaint.labels.first_mut(), word.chars().next()) {
        *place = origin.span(Some(at..at + word.len()));
        complaint.message = complaint.message.replace(&format!("`{first}`"), &format!("`{word}`"));
    }
    if reason.ends_with("expected `{`") || reason.starts_with("invalid structure") {
        complaint.help = Some("an attribute is written `name = value`, a block `name { … }`".to_owned());
    } else if reason.contains("newline") {
        let help =
            "each attribute and block has a line of its own; only a block with a single attribute fits on one line";
        complaint.help = Some(help.to_owned());
    }
    complaint
}

/// Whether one place of a text is on an earlier line than another, or on the same.
fn not_below(text: &str, place: usize, other: usize) -> bool {
    place <= other || text.get(other..place).is_some_and(|between| !between.contains('\n'))
}

fn unbalanced(origin: Origin, imbalance: &Imbalance) -> Diagnostic {
    let cause = match imbalance {
        Imbalance::Stray(at) => {
            return Diagnostic::error(
                origin.span(Some(*at..*at + 1)),
                "this bracket closes nothing",
                "nothing is open here",
            )
            .with_help("take it out, or add the one that opens it");
        }
        Imbalance::Unclosed(cause) => cause,
    };
    let place = origin.span(Some(cause.open..cause.open + cause.opener.len()));
    let message = format!("`{}` is never closed", cause.opener);
    let complaint = Diagnostic::error(place, message, format!("`{}` is missing for this", cause.closer));
    match cause.instead {
        Some(at) => {
            complaint.with_label(origin.span(Some(at..at + 1)), format!("`{}` was due before this", cause.closer))
        }
        None => complaint,
    }
}

/// The name that stands at a place of a text, if one does.
fn word_at(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}
