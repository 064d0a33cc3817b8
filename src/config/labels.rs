//! The labels of a block: how many, and what they may be.

use super::body::{BodyBlock, Label};
use crate::diagnostic::Diagnostic;

/// The labels of a block that must have `N` of them, each a name; `parts` says what each is, `example` how it looks.
pub(super) fn names<const N: usize>(
    block: &BodyBlock,
    parts: [&str; N],
    example: &str,
    complaints: &mut Vec<Diagnostic>,
) -> Option<[Label; N]> {
    let labels: Result<[Label; N], _> = block.labels.clone().try_into();
    let Ok(labels) = labels else {
        let wanted = parts.join(" and ");
        let message = format!("`{}` needs {wanted}", block.name);
        let label = match block.labels.get(N) {
            Some(_) => format!("{} labels here", block.labels.len()),
            None => format!("{} is missing", parts.get(block.labels.len()).copied().unwrap_or("a label")),
        };
        complaints
            .push(Diagnostic::error(block.body.span, message, label).with_help(format!("write `{example} {{ … }}`")));
        return None;
    };
    let mut fine = true;
    for label in &labels {
        if !is_name(&label.text) {
            fine = false;
            let message = format!("`{}` cannot be used as a name", label.text.escape_debug());
            complaints.push(
                Diagnostic::error(label.span, message, "not a name")
                    .with_help("a name begins with a letter or `_` and goes on with letters, digits, `_` and `-`"),
            );
        }
    }
    fine.then_some(labels)
}

/// Whether a text can stand as a name in expressions.
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
