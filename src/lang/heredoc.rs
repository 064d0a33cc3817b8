//! Indented heredocs (`<<-`), read again from the text.
//!
//! The parser takes the indentation off by a rule of its own: it does not look into `%{ for }` and `%{ if }`, and where a
//! line has none it can cut into the text. Here the smallest indentation of all lines is taken off all lines, directives'
//! bodies included; empty lines do not count, and a line that begins with `${` or `%{` counts as far as its spaces go.

use hcl_edit::Span as _;
use hcl_edit::expr::Expression as Tree;
use hcl_edit::structure::Body;
use hcl_edit::template::{Directive, Element, HeredocTemplate, Template};
use hcl_edit::visit_mut::{VisitMut, visit_heredoc_template_mut};

/// Mends the indented heredocs of a body that was parsed from `text`.
pub fn mend_heredocs(text: &str, body: &mut Body) {
    // Most configurations have none, and going through all of a large one is not free.
    if text.contains("<<-") {
        Mender { text }.visit_body_mut(body);
    }
}

/// The same for one expression.
pub(super) fn mend_expression(text: &str, tree: &mut Tree) {
    if text.contains("<<-") {
        Mender { text }.visit_expr_mut(tree);
    }
}

struct Mender<'t> {
    text: &'t str,
}

impl VisitMut for Mender<'_> {
    fn visit_heredoc_template_mut(&mut self, heredoc: &mut HeredocTemplate) {
        let start = heredoc.span().map_or(usize::MAX, |span| span.start);
        if self.text.get(start..).is_some_and(|rest| rest.starts_with("<<-")) {
            let mut lines = Lines { text: self.text, at_start: true, least: None };
            lines.measure(&heredoc.template);
            let mut cut = Cut { text: self.text, at_start: true, width: lines.least.unwrap_or(0) };
            cut.template(&mut heredoc.template);
        }
        visit_heredoc_template_mut(self, heredoc);
    }
}

/// The literal as it was written, its escaped markers read.
fn written(text: &str, range: Option<std::ops::Range<usize>>) -> Option<String> {
    Some(text.get(range?)?.replace("$${", "${").replace("%%{", "%{"))
}

/// Finds the smallest indentation.
struct Lines<'t> {
    text: &'t str,
    at_start: bool,
    least: Option<usize>,
}

impl Lines<'_> {
    fn measure(&mut self, template: &Template) {
        for element in template {
            match element {
                Element::Literal(literal) => {
                    let Some(text) = written(self.text, literal.span()) else { continue };
                    for line in text.split_inclusive('\n') {
                        self.line(line);
                    }
                }
                Element::Interpolation(_) => self.marker(),
                Element::Directive(directive) => self.directive(directive),
            }
        }
    }

    fn line(&mut self, line: &str) {
        let blank = line.trim().is_empty();
        if self.at_start && !(blank && line.ends_with('\n')) {
            let indent = line.chars().take_while(|c| c.is_whitespace()).count();
            self.count(indent);
        }
        self.at_start = line.ends_with('\n');
    }

    fn marker(&mut self) {
        if self.at_start {
            self.count(0);
        }
        self.at_start = false;
    }

    fn count(&mut self, indent: usize) {
        self.least = Some(self.least.map_or(indent, |least| least.min(indent)));
    }

    fn directive(&mut self, directive: &Directive) {
        self.marker();
        match directive {
            Directive::If(directive) => {
                self.measure(&directive.if_expr.template);
                if let Some(otherwise) = &directive.else_expr {
                    self.marker();
                    self.measure(&otherwise.template);
                }
            }
            Directive::For(directive) => self.measure(&directive.for_expr.template),
        }
        self.marker();
    }
}

/// Takes the indentation off.
struct Cut<'t> {
    text: &'t str,
    at_start: bool,
    width: usize,
}

impl Cut<'_> {
    fn template(&mut self, template: &mut Template) {
        for element in template {
            match element {
                Element::Literal(literal) => {
                    let Some(text) = written(self.text, literal.span()) else { continue };
                    *literal.value_mut() = self.literal(&text);
                }
                Element::Interpolation(_) => self.at_start = false,
                Element::Directive(directive) => self.directive(directive),
            }
        }
    }

    fn literal(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            let indent = line.chars().take_while(|c| c.is_whitespace() && *c != '\n').count();
            let cut = if self.at_start { indent.min(self.width) } else { 0 };
            out.extend(line.chars().skip(cut));
            self.at_start = line.ends_with('\n');
        }
        out
    }

    fn directive(&mut self, directive: &mut Directive) {
        self.at_start = false;
        match directive {
            Directive::If(directive) => {
                self.template(&mut directive.if_expr.template);
                self.at_start = false;
                if let Some(otherwise) = &mut directive.else_expr {
                    self.template(&mut otherwise.template);
                }
            }
            Directive::For(directive) => self.template(&mut directive.for_expr.template),
        }
        self.at_start = false;
    }
}
