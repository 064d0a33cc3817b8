//! A cheap look at a text before the recursive parser gets it.
//!
//! `hcl-edit` descends once per nested bracket, block, template, unary operator and conditional. It has limits of its own
//! (64 levels, 128 chained operators), but how it keeps them is its business; this scan keeps ten thousand levels away from
//! it whatever it does. What passes here is parsed and evaluated within 2 MiB of stack, unoptimised builds included; a thread
//! that reads configuration needs that much.

use crate::diagnostic::{Diagnostic, Origin};

/// The most levels of brackets, blocks and templates.
const MAX_LEVELS: usize = 250;

/// The most unary operators in a row.
const MAX_UNARY: usize = 60;

/// The most `?` of conditionals within one pair of brackets or one line.
const MAX_CONDITIONALS: usize = 60;

/// What is said about a text that nests too deeply.
pub const TOO_DEEP: &str = "too deeply nested";

/// The complaint about what [`nesting_limit_check`] found.
pub fn too_deep(origin: impl Into<Origin>, at: usize) -> Diagnostic {
    Diagnostic::error(origin.into().span(Some(at..at + 1)), TOO_DEEP, "nested too deeply from here")
        .with_help("take parts of it out into `locals`")
}

/// Where the scan is: each bracket, string, template and heredoc is a level.
enum Level {
    /// `(`, `[`, `{`, `${` or `%{`, and the conditionals met in it so far.
    Bracket { conditionals: usize },
    /// Between double quotes.
    Quoted,
    /// In a heredoc that ends with this word.
    Heredoc { start: usize, end: usize },
    /// In the text of a template file.
    Template,
}

/// Refuses a text that nests too deeply for a recursive parser: levels of brackets, blocks and templates, rows of unary
/// operators, chains of `? :`. Answers the offset of the first character that is too much. It knows strings, templates,
/// heredocs and comments, but no grammar: a text that passes may still be nonsense.
///
/// # Errors
/// The byte offset at which the text becomes too deep.
pub fn nesting_limit_check(text: &str) -> Result<(), usize> {
    Scan::new(text).run(vec![Level::Bracket { conditionals: 0 }])
}

/// The same for the text of a template file.
///
/// # Errors
/// As [`nesting_limit_check`]; directives count as levels too.
pub fn template_limit_check(text: &str) -> Result<(), usize> {
    Scan::new(text).run(vec![Level::Template])
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    levels: Vec<Level>,
    unary: usize,
    /// `%{ if` and `%{ for` without their ends so far.
    directives: usize,
}

impl<'t> Scan<'t> {
    fn new(text: &'t str) -> Self {
        Self { text: text.as_bytes(), at: 0, levels: Vec::new(), unary: 0, directives: 0 }
    }

    fn run(mut self, start: Vec<Level>) -> Result<(), usize> {
        self.levels = start;
        while self.at < self.text.len() {
            match self.levels.last() {
                Some(Level::Quoted) => self.quoted()?,
                Some(Level::Heredoc { start, end }) => {
                    let word = self.text.get(*start..*end).unwrap_or_default();
                    self.heredoc(word)?;
                }
                Some(Level::Template) => {
                    if !self.marker()? {
                        self.at += 1;
                    }
                }
                _ => self.code()?,
            }
            if self.levels.len() + self.directives > MAX_LEVELS {
                return Err(self.at.saturating_sub(1));
            }
        }
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn code(&mut self) -> Result<(), usize> {
        let Some(byte) = self.peek(0) else { return Ok(()) };
        let unary = matches!(byte, b'!' | b'-');
        if unary {
            self.unary += 1;
            if self.unary > MAX_UNARY {
                return Err(self.at);
            }
        } else if !byte.is_ascii_whitespace() {
            self.unary = 0;
        }
        match byte {
            b'#' => self.skip_line(),
            b'/' if self.peek(1) == Some(b'/') => self.skip_line(),
            b'/' if self.peek(1) == Some(b'*') => self.skip_comment(),
            b'"' => {
                self.at += 1;
                self.levels.push(Level::Quoted);
            }
            b'<' if self.peek(1) == Some(b'<') => self.heredoc_start(),
            b'(' | b'[' | b'{' => {
                self.at += 1;
                self.levels.push(Level::Bracket { conditionals: 0 });
            }
            b')' | b']' | b'}' => self.close(),
            b'?' => self.conditional()?,
            b'\n' | b',' => {
                self.at += 1;
                self.new_line(byte);
            }
            _ => self.at += 1,
        }
        Ok(())
    }

    /// At the top a new line ends an expression; a comma does anywhere.
    fn new_line(&mut self, byte: u8) {
        let top = self.levels.len() <= 1;
        if (top || byte == b',')
            && let Some(Level::Bracket { conditionals }) = self.levels.last_mut()
        {
            *conditionals = 0;
        }
    }

    fn conditional(&mut self) -> Result<(), usize> {
        if let Some(Level::Bracket { conditionals }) = self.levels.last_mut() {
            *conditionals += 1;
            if *conditionals > MAX_CONDITIONALS {
                return Err(self.at);
            }
        }
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        // A bracket too many is the parser's business.
        if self.levels.len() > 1 {
            self.levels.pop();
        }
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    fn skip_comment(&mut self) {
        self.at += 2;
        while self.at < self.text.len() && !(self.peek(0) == Some(b'*') && self.peek(1) == Some(b'/')) {
            self.at += 1;
        }
        self.at += 2;
    }

    fn quoted(&mut self) -> Result<(), usize> {
        match self.peek(0) {
            Some(b'\\') => self.at += 2,
            Some(b'"') => {
                self.at += 1;
                self.levels.pop();
            }
            _ => {
                if !self.marker()? {
                    self.at += 1;
                }
            }
        }
        Ok(())
    }

    /// Enters `${` or `%{`; steps over `$${` and `%%{`.
    fn marker(&mut self) -> Result<bool, usize> {
        let Some(first @ (b'$' | b'%')) = self.peek(0) else { return Ok(false) };
        if self.peek(1) == Some(first) && self.peek(2) == Some(b'{') {
            self.at += 3;
            return Ok(true);
        }
        if self.peek(1) != Some(b'{') {
            return Ok(false);
        }
        self.at += 2;
        if first == b'%' {
            self.directive();
            if self.levels.len() + self.directives > MAX_LEVELS {
                return Err(self.at);
            }
        }
        self.levels.push(Level::Bracket { conditionals: 0 });
        Ok(true)
    }

    fn directive(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let rest = rest.strip_prefix(b"~").unwrap_or(rest).trim_ascii_start();
        let word = rest.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
        match word {
            b"if" | b"for" => self.directives += 1,
            b"endif" | b"endfor" => self.directives = self.directives.saturating_sub(1),
            _ => {}
        }
    }

    fn heredoc_start(&mut self) {
        self.at += 2;
        if self.peek(0) == Some(b'-') {
            self.at += 1;
        }
        let start = self.at;
        while self
            .peek(0)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || byte >= 128)
        {
            self.at += 1;
        }
        if self.at > start {
            self.levels.push(Level::Heredoc { start, end: self.at });
            self.skip_line();
        }
    }

    /// Stands anywhere in a heredoc. Its end is a line that holds nothing but the word.
    fn heredoc(&mut self, word: &'t [u8]) -> Result<(), usize> {
        if self.peek(0) == Some(b'\n') {
            let rest = self.text.get(self.at + 1..).unwrap_or_default();
            let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let trimmed = line.trim_ascii_start();
            let ends = trimmed.strip_prefix(word).is_some_and(|after| {
                !after.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            });
            if ends {
                self.at += 1 + (line.len() - trimmed.len()) + word.len();
                self.levels.pop();
                return Ok(());
            }
        }
        if !self.marker()? {
            self.at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FileId;

    /// Texts that nest `depth` times, each in another way.
    fn nested(depth: usize) -> Vec<String> {
        let around = |open: &str, inner: &str, close: &str| {
            format!("a = {}{inner}{}\n", open.repeat(depth), close.repeat(depth))
        };
        vec![
            around("(", "1", ")"),
            around("[", "", "]"),
            around("{ a = ", "1", "}"),
            around("f(", "1", ")"),
            around("\"${", "1", "}\""),
            around("!", "true", ""),
            around("-", "x", ""),
            around("x[", "0", "]"),
            around("x ? 1 : ", "2", ""),
            around("x ? ", "1", " : 2"),
            around("[for x in y : ", "x", "]"),
            format!("{}{}", "b {\n".repeat(depth), "}\n".repeat(depth)),
            format!("a = \"{}x{}\"\n", "%{ if x }".repeat(depth), "%{ endif }".repeat(depth)),
            format!("a = <<E\n{}\n{}E\n", "${ f(<<E\n".repeat(depth), "\nE\n) }\n".repeat(depth)),
        ]
    }

    #[test]
    fn ten_thousand_levels_are_refused() {
        for text in nested(10_000) {
            assert!(nesting_limit_check(&text).is_err(), "{}", &text[..60]);
        }
        assert!(template_limit_check(&"%{ if x }".repeat(1_000)).is_err());
    }

    #[test]
    fn brackets_in_text_and_comments_do_not_count() {
        let many = "([{".repeat(1_000);
        for text in [
            format!("# {many}\na = 1\n"),
            format!("a = 1 // {many}\n"),
            format!("/* {many} */\n"),
            format!("a = \"{many} $${{ \\\" %%{{ \"\n"),
            format!("a = <<-E\n  {many}\n  E\nb = 1\n"),
            "a = x ? 1 : 2\n".repeat(1_000),
            format!("a = [{}]\n", "x ? 1 : 2, ".repeat(1_000)),
            "a = !b\n".repeat(1_000),
        ] {
            assert_eq!(nesting_limit_check(&text), Ok(()), "{}", &text[..40]);
        }
    }

    /// What the scan lets through, the parser and the evaluator survive on the smallest stack a thread usually has.
    #[test]
    fn what_passes_is_safe_on_two_megabytes_of_stack() {
        let work = || {
            let chain = format!("a = {}1\n", "1 + ".repeat(120));
            let mixed = format!("a = {}1{}\n", "(1 + f([{ x = -".repeat(16), " }]))".repeat(16));
            for text in [59, 60, 240].into_iter().flat_map(nested).chain([chain, mixed]) {
                if nesting_limit_check(&text).is_ok()
                    && let Ok(body) = hcl_edit::parser::parse_body(&text)
                {
                    for attribute in body.attributes() {
                        let expr = crate::lang::Expression::new(FileId(0), attribute.value.clone());
                        let _ = crate::lang::evaluate(&expr, &crate::lang::tests::World::new());
                        let _ = crate::lang::references(&expr);
                    }
                }
            }
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
    }

    /// A tree deeper than any that the parser makes is an error of the evaluator, not the end of the process.
    #[test]
    fn a_deeper_tree_is_an_error() {
        use hcl_edit::expr::{Expression as Tree, FuncArgs, FuncCall, Parenthesis};
        let around: [fn(Tree) -> Tree; 5] = [
            |tree| Tree::from(Parenthesis::new(tree)),
            |tree| Tree::from(FuncCall::new(hcl_edit::Ident::new("upper"), FuncArgs::from(vec![tree]))),
            |tree| Tree::Array(hcl_edit::expr::Array::from(vec![tree])),
            |tree| {
                let names =
                    hcl_edit::expr::ForIntro::new(hcl_edit::Ident::new("x"), Tree::Array(vec![Tree::from("a")].into()));
                Tree::ForExpr(Box::new(hcl_edit::expr::ForExpr::new(names, tree)))
            },
            |tree| {
                let part = hcl_edit::template::Element::Interpolation(hcl_edit::template::Interpolation::new(tree));
                Tree::StringTemplate(vec!["a".into(), part].into())
            },
        ];
        let work = move || {
            for wrap in around {
                let tree = (0..1_000).fold(Tree::from("text"), |tree, _| wrap(tree));
                let expr = crate::lang::Expression::new(FileId(0), tree);
                assert!(crate::lang::evaluate(&expr, &crate::lang::tests::World::new()).is_err());
            }
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
    }
}
