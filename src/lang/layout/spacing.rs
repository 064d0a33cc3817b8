//! Where a space stands between two tokens of a line.

use super::tokens::{Kind, Token};

/// Whether a space follows the token at a position.
pub(super) fn space_after(tokens: &[Token], at: usize) -> bool {
    let (Some(this), Some(next)) = (tokens.get(at), tokens.get(at + 1)) else { return false };
    let before = at.checked_sub(1).and_then(|at| tokens.get(at));
    match (this.kind, next.kind) {
        // What follows a heredoc or precedes a comment is never glued to it.
        (Kind::Remark, _) | (_, Kind::Remark | Kind::Comment) => true,
        (Kind::Dot, _) | (_, Kind::Dot | Kind::Comma | Kind::Ellipsis) => false,
        (Kind::Comma, _) => true,
        // A word before `(` is a function, before `[` something indexed, unless it is a word of `for`.
        (Kind::Word, Kind::Open) if next.text != "{" => is_keyword(this, before),
        (Kind::Close, Kind::Open) if next.text == "[" => false,
        (Kind::Operator, Kind::Open) if is_splat(this, before) => false,
        (Kind::Operator, _) if is_unary(this, before) => false,
        (Kind::Open, Kind::Close) => false,
        (Kind::Open, _) => this.text == "{",
        (_, Kind::Close) => next.text == "}",
        _ => true,
    }
}

fn is_keyword(word: &Token, before: Option<&Token>) -> bool {
    matches!(word.text, "in" | "if") && before.is_some_and(|before| before.kind != Kind::Dot)
}

/// The `*` of `.*`.
fn is_splat(operator: &Token, before: Option<&Token>) -> bool {
    operator.text == "*" && before.is_some_and(|before| before.kind == Kind::Dot)
}

/// `!`, and a `-` with nothing before it that it could be subtracted from.
fn is_unary(operator: &Token, before: Option<&Token>) -> bool {
    match operator.text {
        "!" => true,
        "-" => before.is_none_or(|before| {
            matches!(before.kind, Kind::Open | Kind::Comma | Kind::Equal)
                || (before.kind == Kind::Operator)
                || is_keyword(before, Some(operator))
        }),
        _ => false,
    }
}
