//! Files that name what is to be left out, by Docker's rules for `.dockerignore`, which `.deployctlignore` shares: a pattern
//! to a line, from the folder's root on; `#` starts a comment, `!` takes back in; what is below a folder that matches
//! matches too; the last line that matches decides.
//!
//! Source of the rules: <https://docs.docker.com/build/concepts/context/#dockerignore-files>.

use globset::{GlobBuilder, GlobMatcher};

/// What is to be left out.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    matcher: GlobMatcher,
    takes_back: bool,
}

/// A line that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it, in words.
    pub reason: String,
}

impl Ignore {
    /// Reads the text of an ignore file.
    ///
    /// # Errors
    /// The first line that is no pattern.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let rules = text.lines().enumerate().filter_map(|(number, line)| rule(line, number + 1));
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }

    /// Whether the file at that path (relative to the folder, with `/`) is left out.
    pub fn ignores(&self, path: &str) -> bool {
        let decides = self.rules.iter().rev().find(|rule| ancestors(path).any(|part| rule.matcher.is_match(part)));
        decides.is_some_and(|rule| !rule.takes_back)
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

fn rule(line: &str, number: usize) -> Option<Result<Rule, BadPattern>> {
    if line.starts_with('#') {
        return None;
    }
    let line = line.trim();
    let (takes_back, pattern) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, line),
    };
    let pattern = clean(pattern);
    if pattern.is_empty() || pattern == "." {
        return None;
    }
    let glob = GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(true).build();
    Some(match glob {
        Ok(glob) => Ok(Rule { matcher: glob.compile_matcher(), takes_back }),
        Err(error) => Err(BadPattern { line: number, reason: format!("{line:?} is not a pattern: {}", error.kind()) }),
    })
}

/// Without `.` and `..` steps and slashes at either end, as Docker takes a pattern.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    // Braces have no meaning in these patterns, and one in the library.
    parts.join("/").replace('{', "[{]").replace('}', "[}]")
}

/// The path itself and each folder above it.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| path.get(..at).unwrap_or_default()).chain(std::iter::once(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(patterns: &str, path: &str) -> bool {
        Ignore::parse(patterns).unwrap().ignores(path)
    }

    #[test]
    fn patterns_start_at_the_root_and_cover_what_is_below() {
        assert!(left_out("node_modules", "node_modules/a/b.js"));
        assert!(!left_out("node_modules", "web/node_modules/a.js"));
        assert!(left_out("**/node_modules", "web/node_modules/a.js"));
        assert!(left_out("**/*.log", "a.log"));
        assert!(left_out("/build/", "build/x"));
        assert!(!left_out("*.md", "docs/a.md"));
        assert!(left_out("*/temp*", "a/temporary.txt"));
    }

    #[test]
    fn the_last_line_that_matches_decides() {
        let patterns = "*.md\n!README*.md\nREADME-secret.md\n# *\n";
        assert!(left_out(patterns, "notes.md"));
        assert!(!left_out(patterns, "README.md"));
        assert!(left_out(patterns, "README-secret.md"));
        assert!(!left_out("docs\n!docs/kept", "docs/kept/a"));
    }

    #[test]
    fn a_line_that_is_no_pattern_is_named() {
        assert_eq!(Ignore::parse("a\n[b").unwrap_err().line, 2);
        assert!(left_out("a{b}", "a{b}"));
    }
}
