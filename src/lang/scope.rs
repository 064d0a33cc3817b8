//! What an expression needs of the world around it.

use std::path::Path;
use std::sync::Arc;

use deployctl_sdk::{Files, Value};

/// One evaluated step of a traversal. A splat never reaches the scope.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `.name`
    Attr(Arc<str>),
    /// `[key]`: known, and without a sensitive mark on top.
    Index(Value),
}

/// A name that means nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// What is wrong, without a full stop. Never a sensitive value.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Gives names their values.
pub trait Scope {
    /// Resolves `root.step.step…`. Answers the value and how many of the steps it used up; the evaluator applies the rest.
    ///
    /// # Errors
    /// [`Unresolved`] when there is no such thing.
    fn resolve(&self, root: &str, steps: &[Step]) -> Result<(Value, usize), Unresolved>;

    /// What functions with an outside need.
    fn outside(&self) -> &dyn Outside;

    /// Tells one evaluation of the same text from another, for `uuid()`: the instance's address, nothing at the top.
    fn site(&self) -> &str {
        ""
    }

    /// Is told of every value that an expression came to, so that what was made from a secret is known.
    fn made(&self, value: &Value) {
        let _ = value;
    }
}

/// The world outside of the configuration's text, as far as functions may see it.
pub trait Outside {
    /// The files of the configuration.
    fn files(&self) -> &dyn Files;

    /// The configuration's folder, absolute.
    fn root(&self) -> &Path;

    /// An environment variable.
    fn env(&self, name: &str) -> Option<String>;

    /// What was read of another configuration's state, by the name of its `data` block.
    fn stack(&self, _name: &str) -> Option<Value> {
        None
    }

    /// The time of the run in RFC 3339, the same whenever it is asked for.
    fn timestamp(&self) -> String;

    /// A random id that is the same for the same site within a run.
    fn uuid(&self, site: &str) -> String;

    /// The secret of that name, under a sensitive mark.
    ///
    /// # Errors
    /// [`Unresolved`] where there is none, or it cannot be had.
    fn secret(&self, name: &str) -> Result<Value, Unresolved> {
        Err(Unresolved { message: format!("`secret.{name}` means nothing here"), help: None })
    }

    /// Whether anything in the value is a secret, or was made from one.
    fn is_from_secret(&self, value: &Value) -> bool {
        let _ = value;
        false
    }

    /// The value with secrets that were left out of the record put back, as far as they are known by now.
    fn with_secrets(&self, value: Value) -> Value {
        value
    }

    /// Sees to it that a value made from a secret does not come to rest.
    fn keep_from_rest(&self, value: &Value) {
        let _ = value;
    }
}
