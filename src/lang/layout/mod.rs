//! The canonical layout of a configuration, the one that `terraform fmt` gives.
//!
//! It works on lines and tokens and moves nothing but white space: two spaces for each level, one space between words, the
//! `=` of consecutive attributes and the comments behind them in one column, at most one empty line. What stands in
//! strings, heredocs and comments is left alone.

mod spacing;
mod tokens;

use hcl_edit::parser;

use self::spacing::space_after;
use self::tokens::{Kind, Token};
use super::expression::syntax_error;
use super::nesting;
use crate::diagnostic::{Diagnostic, FileId};

/// Lays a configuration out. The result laid out again is the same.
///
/// # Errors
/// The text does not parse; spans are of file 0.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let file = FileId(0);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    nesting::nesting_limit_check(text).map_err(|at| vec![nesting::too_deep(file, at)])?;
    let body = parser::parse_body(text).map_err(|error| vec![syntax_error(file, text, &error)])?;
    let mut lines: Vec<Line> = tokens::lines(text, &body).into_iter().map(Line::new).collect();
    indent(&mut lines);
    align_assignments(&mut lines);
    align_comments(&mut lines);
    Ok(write(&lines))
}

/// One line, or several where a heredoc or a comment spans them: its cells, and where they begin.
struct Line<'t> {
    /// The name of an attribute, or the whole line where it is none.
    lead: Vec<Token<'t>>,
    /// The `=` and the value of an attribute that ends on its line.
    assign: Vec<Token<'t>>,
    /// A comment at the end.
    comment: Option<Token<'t>>,
    indent: usize,
    before_assign: usize,
    before_comment: usize,
}

impl<'t> Line<'t> {
    fn new(mut tokens: Vec<Token<'t>>) -> Self {
        let comment = match tokens.last() {
            Some(last) if tokens.len() > 1 && last.kind == Kind::Comment => tokens.pop(),
            _ => None,
        };
        let equals = tokens.iter().position(|token| token.kind == Kind::Equal).filter(|at| *at > 0);
        let assign = match equals {
            // Brackets that stay open begin an expression of several lines, which is not aligned.
            Some(at) if brackets(tokens.get(at..).unwrap_or_default()) == 0 => tokens.split_off(at),
            _ => Vec::new(),
        };
        Self { lead: tokens, assign, comment, indent: 0, before_assign: 1, before_comment: 1 }
    }

    fn is_empty(&self) -> bool {
        self.lead.is_empty()
    }

    fn has_heredoc(&self) -> bool {
        self.lead.iter().chain(&self.assign).any(|token| token.kind == Kind::Heredoc)
    }

    /// The width of the line without its comment.
    fn width(&self) -> usize {
        let assign = if self.assign.is_empty() { 0 } else { self.before_assign + width(&self.assign) };
        self.indent + width(&self.lead) + assign
    }
}

/// How many brackets the tokens open, or, below zero, close.
fn brackets(tokens: &[Token]) -> isize {
    tokens
        .iter()
        .map(|token| match token.kind {
            Kind::Open => 1,
            Kind::Close => -1,
            _ => 0,
        })
        .sum()
}

/// Several brackets opened on one line are one level, until they are closed.
fn indent(lines: &mut [Line]) {
    let mut levels: Vec<isize> = Vec::new();
    for line in lines {
        let net = brackets(&line.lead) + brackets(&line.assign);
        let mut closed = -net;
        while closed > 0
            && let Some(level) = levels.last_mut()
        {
            if closed < *level {
                *level -= closed;
                closed = 0;
            } else {
                closed -= *level;
                levels.pop();
            }
        }
        line.indent = 2 * levels.len();
        if net > 0 {
            levels.push(net);
        }
    }
}

fn align_assignments(lines: &mut [Line]) {
    for chain in chains(lines, |line| !line.assign.is_empty()) {
        let widest = chain.iter().map(|line| width(&line.lead)).max().unwrap_or(0);
        for line in chain {
            line.before_assign = widest - width(&line.lead) + 1;
        }
    }
}

fn align_comments(lines: &mut [Line]) {
    for chain in chains(lines, |line| line.comment.is_some()) {
        let widest = chain.iter().map(|line| line.width()).max().unwrap_or(0);
        for line in chain {
            line.before_comment = widest - line.width() + 1;
        }
    }
}

/// Runs of lines that have a cell to be aligned. A heredoc ends its run.
fn chains<'l, 't>(
    lines: &'l mut [Line<'t>],
    aligned: impl Fn(&Line) -> bool,
) -> impl Iterator<Item = &'l mut [Line<'t>]> {
    lines
        .chunk_by_mut(move |one, next| aligned(one) && aligned(next) && !one.has_heredoc() && one.indent == next.indent)
        .filter(|chain| chain.first().is_some_and(|line| !line.is_empty()))
}

fn width(tokens: &[Token]) -> usize {
    let texts: usize = tokens.iter().map(|token| token.text.chars().count()).sum();
    texts + (0..tokens.len()).filter(|at| space_after(tokens, *at)).count()
}

fn write(lines: &[Line]) -> String {
    let mut out = String::new();
    let mut gap = false;
    for line in lines {
        if line.is_empty() {
            gap = !out.is_empty();
            continue;
        }
        if gap {
            out.push('\n');
            gap = false;
        }
        spaces(line.indent, &mut out);
        write_tokens(&line.lead, &mut out);
        if !line.assign.is_empty() {
            spaces(line.before_assign, &mut out);
            write_tokens(&line.assign, &mut out);
        }
        if let Some(comment) = &line.comment {
            spaces(line.before_comment, &mut out);
            out.push_str(comment.text);
        }
        out.push('\n');
    }
    out
}

fn write_tokens(tokens: &[Token], out: &mut String) {
    for (at, token) in tokens.iter().enumerate() {
        out.push_str(token.text);
        if space_after(tokens, at) {
            out.push(' ');
        }
    }
}

fn spaces(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', count));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNTIDY: &str = "\n\n# top\nresource   \"docker_container\"  \"web\"{\nimage=docker_image.web.id\n    name  =   \"a  b\" # one\nlonger_name=[1,2 , 3]// two\n\n\n\n  env={\nA=\"x\"\n\"B C\" : -1\n}\ntext = <<-EOT\n      keep   this\n    EOT\n  y=!x&&f( a ,b... )?z[ 0 ].*.q:{for k,v in [1]:k=>v... if (v>1)}\n}\n/* a\n   b */\nlocals {}\n";

    const TIDY: &str = "# top\nresource \"docker_container\" \"web\" {\n  image       = docker_image.web.id\n  name        = \"a  b\"    # one\n  longer_name = [1, 2, 3] // two\n\n  env = {\n    A = \"x\"\n    \"B C\" : -1\n  }\n  text = <<-EOT\n      keep   this\n    EOT\n  y = !x && f(a, b...) ? z[0].*.q : { for k, v in [1] : k => v... if (v > 1) }\n}\n/* a\n   b */\nlocals {}\n";

    #[test]
    fn untidy_becomes_tidy() {
        assert_eq!(format(UNTIDY).unwrap(), TIDY);
        assert_eq!(format("a = 1\r\nb=2\r\n").unwrap(), "a = 1\nb = 2\n");
        assert_eq!(format("x = f(-1, a - -b, a -1, !c, [-d])\n").unwrap(), "x = f(-1, a - -b, a - 1, !c, [-d])\n");
        assert_eq!(
            format("x = merge({\na = 1\n}, [{\nb=2\n}])\n").unwrap(),
            "x = merge({\n  a = 1\n  }, [{\n    b = 2\n}])\n"
        );
        assert_eq!(format("a = \"${ x  }  ${\"}\"}\" #c\n").unwrap(), "a = \"${ x  }  ${\"}\"}\" #c\n");
        assert_eq!(format("").unwrap(), "");
        assert!(format("a = ").is_err());
    }

    /// What the project itself shows people is laid out, and stays so.
    #[test]
    fn the_examples_are_tidy() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        for example in deployctl_sdk::fs::read_dir(&folder).unwrap() {
            for file in deployctl_sdk::fs::read_dir(&example).unwrap_or_default() {
                if file.extension().is_some_and(|extension| extension == "hcl") {
                    let text = deployctl_sdk::fs::read_to_string(&file).unwrap();
                    assert_eq!(format(&text).unwrap(), text, "{}", file.display());
                }
            }
        }
    }

    fn squeezed(text: &str) -> String {
        text.split_whitespace().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        /// However the white space stood, the result is the same after one pass, and nothing else has changed.
        #[test]
        fn laying_out_again_changes_nothing(
            lines in prop::collection::vec(prop::sample::select(vec![
                "a = 1", "longer=2 # c", "", "", "  # alone", "b {\n c=1\n  dd = [\n1,\n2]\n}", "x = f(\n{\na=1})",
                "h = <<E\n  text ${x} \nE", "block \"l\" { z=1 }", "o = {a=1,b:2}", "t = \"a ${b  + c}\" // d", "n = -1 - -1",
            ]), 0..12),
        ) {
            // Attributes must not repeat within one body, so each piece gets a block of its own.
            let text: String = lines.iter().enumerate().map(|(at, line)| match line.trim_start() {
                "" => "\n".to_owned(),
                comment if comment.starts_with('#') => format!("{line}\n"),
                _ => format!("w{at}   {{\n{line}\n}}\n"),
            }).collect();
            let once = format(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error:?}")))?;
            prop_assert_eq!(format(&once).unwrap(), once.clone());
            prop_assert_eq!(squeezed(&once), squeezed(&text));
        }
    }
}
