//! Expressions that may refer to nothing: defaults, in variables and in types, and what is given for variables.

use std::path::Path;
use std::sync::Arc;

use deployctl_sdk::{CapturedFile, Digest, FileError, Files, Value};
use hcl_edit::Span as _;
use hcl_edit::expr::FuncCall;
use hcl_edit::visit::Visit;

use super::evaluate::evaluate;
use super::expression::Expression;
use super::scope::{Outside, Scope, Step, Unresolved};
use crate::diagnostic::{Diagnostic, Origin};

/// Evaluates an expression that may use neither references nor functions.
///
/// # Errors
/// Every function call in it; or else what evaluating finds wrong, a reference for example.
pub fn evaluate_constant(expression: &Expression) -> Result<Value, Vec<Diagnostic>> {
    let mut calls = Calls { origin: expression.origin, found: Vec::new() };
    calls.visit_expr(&expression.tree);
    if !calls.found.is_empty() {
        return Err(calls.found);
    }
    evaluate(expression, &Nothing)
}

struct Calls {
    origin: Origin,
    found: Vec<Diagnostic>,
}

impl Visit for Calls {
    fn visit_func_call(&mut self, call: &FuncCall) {
        let place = self.origin.span(call.span().or_else(|| call.name.name.span()));
        self.found.push(
            Diagnostic::error(place, "a plain value must stand here, without functions", "a function call")
                .with_help("compute it in `locals` instead"),
        );
    }
}

/// A scope in which nothing can be referred to, and which has no outside.
struct Nothing;

impl Scope for Nothing {
    fn resolve(&self, root: &str, _: &[Step]) -> Result<(Value, usize), Unresolved> {
        Err(Unresolved {
            message: format!("a plain value must stand here: it cannot refer to `{root}`"),
            help: Some("compute it in `locals` instead".to_owned()),
        })
    }

    fn outside(&self) -> &dyn Outside {
        self
    }
}

/// A scope in which nothing can be referred to, but functions work: for files of variables.
pub struct Constants<'o>(pub &'o dyn Outside);

impl Scope for Constants<'_> {
    fn resolve(&self, root: &str, steps: &[Step]) -> Result<(Value, usize), Unresolved> {
        Nothing.resolve(root, steps)
    }

    fn outside(&self) -> &dyn Outside {
        self.0
    }
}

impl Outside for Nothing {
    fn files(&self) -> &dyn Files {
        self
    }

    fn root(&self) -> &Path {
        Path::new("")
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn timestamp(&self) -> String {
        String::new()
    }

    fn uuid(&self, _: &str) -> String {
        String::new()
    }
}

impl Files for Nothing {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        Err(not_here(path))
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        Err(not_here(path))
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        Err(not_here(folder))
    }

    fn entries(&self, folder: &Path, _: &str) -> Result<Vec<String>, FileError> {
        Err(not_here(folder))
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        Err(not_here(Path::new(&digest.to_string())))
    }
}

fn not_here(path: &Path) -> FileError {
    FileError { path: path.to_owned(), reason: "a plain value cannot read files".to_owned() }
}
