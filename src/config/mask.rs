//! Texts whose secrets are covered, byte for byte, so that places in them stay what they were.

use crate::diagnostic::Span;

/// The text with these places covered.
pub(super) fn ranges(text: &str, places: &[Span]) -> String {
    let covered = |at: usize| places.iter().any(|span| (span.start as usize..span.end as usize).contains(&at));
    cover(text, |at, _| covered(at))
}

/// The text with everything covered but what shows how it is built: brackets, quotes and the like.
pub(super) fn structure(text: &str) -> String {
    cover(text, |_, character| !character.is_whitespace() && !"{}[]()\"=,.$%<#:".contains(character))
}

fn cover(text: &str, covered: impl Fn(usize, char) -> bool) -> String {
    let mut masked = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        match covered(at, character) && character != '\n' {
            true => masked.extend(std::iter::repeat_n('*', character.len_utf8())),
            false => masked.push(character),
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FileId;

    #[test]
    fn secrets_are_covered_and_places_stay() {
        let text = "a = \"é\"\nb = 1\n";
        let place = Span { file: FileId(0), start: 4, end: 8 };
        assert_eq!(ranges(text, &[place]), "a = ****\nb = 1\n");
        assert_eq!(structure(text), "* = \"**\"\n* = *\n");
    }
}
