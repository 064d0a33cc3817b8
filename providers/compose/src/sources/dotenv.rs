//! Environment files, as far as they decide where other files are.

use std::collections::BTreeMap;

use super::interpolate::interpolate;

/// Reads an environment file's variables over those that are there.
pub(super) fn read(text: &str, variables: &mut BTreeMap<String, String>) {
    for line in text.lines() {
        let line = line.trim_start().trim_start_matches("export ").trim();
        let Some((name, value)) = line.split_once('=').filter(|(name, _)| !name.starts_with('#')) else { continue };
        let value = value.trim();
        let value = match value.chars().next() {
            Some('\'') => quoted(value, '\'').to_owned(),
            Some('"') => interpolate(quoted(value, '"'), variables),
            _ => {
                let bare = value.split(" #").next().unwrap_or_default().trim_end();
                interpolate(bare, variables)
            }
        };
        variables.insert(name.trim().to_owned(), value);
    }
}

fn quoted(value: &str, quote: char) -> &str {
    let inside = value.strip_prefix(quote).unwrap_or(value);
    inside.split(quote).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_with_their_quotes_and_comments() {
        let mut variables = BTreeMap::new();
        read("# x=1\nA=one # more\nexport B='$A'\nC=\"$A two\"\n\nD=a#b\n", &mut variables);
        let expected = [("A", "one"), ("B", "$A"), ("C", "one two"), ("D", "a#b")];
        assert_eq!(variables, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }
}
