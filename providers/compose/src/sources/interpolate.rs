//! Variables in a Compose file's paths.
//!
//! Only to find the files that it names: the values that containers get are put in by Compose. So what is wrong is left as it
//! stands, and no error is made of it.

use std::collections::BTreeMap;

/// The text with its variables replaced.
pub(super) fn interpolate(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let after = rest.get(at + 1..).unwrap_or_default();
        if let Some(next) = after.strip_prefix('$') {
            out.push('$');
            rest = next;
        } else if let Some(inside) = after.strip_prefix('{') {
            let Some(end) = closing(inside) else {
                out.push('$');
                rest = after;
                continue;
            };
            out.push_str(&braced(inside.get(..end).unwrap_or_default(), variables));
            rest = inside.get(end + 1..).unwrap_or_default();
        } else {
            let length = name_length(after);
            let name = after.get(..length).unwrap_or_default();
            match length {
                0 => out.push('$'),
                _ => out.push_str(variables.get(name).map_or("", String::as_str)),
            }
            rest = after.get(length..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

/// `NAME`, or `NAME` with an operator and a word: `:-` and `-` for a default, `:+` and `+` for a replacement, `:?` and `?`
/// for an error.
fn braced(inside: &str, variables: &BTreeMap<String, String>) -> String {
    let (name, operation) = inside.split_at(name_length(inside));
    let value = variables.get(name);
    let (full, operation) = match operation.strip_prefix(':') {
        Some(rest) => (value.filter(|value| !value.is_empty()), rest),
        None => (value, operation),
    };
    let mut chars = operation.chars();
    match chars.next() {
        Some('-') => full.cloned().unwrap_or_else(|| interpolate(chars.as_str(), variables)),
        Some('+') => full.map(|_| interpolate(chars.as_str(), variables)).unwrap_or_default(),
        _ => value.cloned().unwrap_or_default(),
    }
}

fn name_length(text: &str) -> usize {
    let is_name = |(position, byte): (usize, u8)| {
        byte == b'_' || byte.is_ascii_alphabetic() || (position > 0 && byte.is_ascii_digit())
    };
    text.bytes().enumerate().take_while(|pair| is_name(*pair)).count()
}

/// Where the brace that was opened before this text is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((position, byte)) = bytes.next() {
        match byte {
            b'$' if bytes.peek().is_some_and(|(_, next)| *next == b'{') => {
                depth += 1;
                bytes.next();
            }
            b'}' if depth == 0 => return Some(position),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_compose_does_it() {
        let variables = [("A", "one"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let put_in = |text| interpolate(text, &variables);
        assert_eq!(put_in("$A/${A}/$$A/$NONE."), "one/one/$A/.");
        assert_eq!(put_in("${EMPTY:-x}${EMPTY-x}${NONE-y}${NONE:-${A}}"), "xyone");
        assert_eq!(put_in("${A:+set}${EMPTY:+set}${EMPTY+set}${A:?e}"), "setsetone");
        assert_eq!(put_in("a$ ${unclosed 5$"), "a$ ${unclosed 5$");
    }
}
