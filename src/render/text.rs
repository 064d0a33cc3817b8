//! Small matters of text: widths, padding, cutting, counting, and keeping control characters off the terminal.

use unicode_width::UnicodeWidthStr as _;

/// How many columns the text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text followed by as many spaces as bring it to `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{:missing$}", "")
}

/// The text with everything that could steer a terminal made visible, for words that come from outside: an engine's
/// messages, lines of a log. Line ends are made visible too; give it one line at a time.
pub fn clean(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => clean.push_str("    "),
            '\r' if text.ends_with('\r') => {}
            c if c.is_control() => clean.extend(c.escape_unicode()),
            c => clean.push(c),
        }
    }
    clean
}

/// The text with its middle left out where it has more than `columns` characters, and a word on how long it was.
pub fn cut_middle(text: &str, columns: usize) -> String {
    // Bytes are never fewer than characters, so most texts need no counting.
    if text.len() <= columns {
        return text.to_owned();
    }
    let length = text.chars().count();
    if length <= columns {
        return text.to_owned();
    }
    let kept = columns.max(8) - 1;
    let head: String = text.chars().take(kept - kept / 3).collect();
    let tail: Vec<char> = text.chars().rev().take(kept / 3).collect();
    let tail: String = tail.into_iter().rev().collect();
    format!("{head}…{tail} ({} characters)", grouped(length))
}

/// The text with its end left out where it is wider than `columns`.
pub fn cut_end(text: &str, columns: usize) -> String {
    if text.len() <= columns || text.chars().nth(columns).is_none() {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(columns.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// The words on lines of so many columns; empty lines part paragraphs as before.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (position, paragraph) in text.trim().split("\n\n").enumerate() {
        if position > 0 {
            lines.push(String::new());
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && width(&line) + 1 + width(word) > columns {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// A count with its thousands set apart: `10,485,760`.
pub fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count with its noun: `1 resource`, `3 resources`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {}", plural(count, noun))
}

/// The noun as that count has it.
pub fn plural(count: usize, noun: &str) -> String {
    match noun {
        _ if count == 1 => noun.to_owned(),
        noun if noun.ends_with("ss") => format!("{noun}es"),
        noun if noun.ends_with('s') => noun.to_owned(),
        noun if noun.ends_with('y') && !noun.ends_with("ay") && !noun.ends_with("ey") => {
            format!("{}ies", noun.trim_end_matches('y'))
        }
        noun => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_in_the_middle_with_their_length() {
        assert_eq!(cut_middle("short", 10), "short");
        assert_eq!(
            cut_middle(&"é".repeat(2000), 10),
            format!("{}…{} (2,000 characters)", "é".repeat(6), "é".repeat(3))
        );
        assert_eq!(cut_end("abcdef", 4), "abc…");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\u{7}"), "a\\u{1b}[31mb\\u{7}");
        assert_eq!(clean("windows line\r"), "windows line");
    }

    #[test]
    fn counts_read_well() {
        assert_eq!(grouped(10_485_760), "10,485,760");
        assert_eq!(counted(1, "policy"), "1 policy");
        assert_eq!(counted(2, "policy"), "2 policies");
        assert_eq!(counted(3, "ingress"), "3 ingresses");
    }
}
