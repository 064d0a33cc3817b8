//! `wait_for`: an expression that says when an object is ready, for controllers that follow no convention.
//!
//! `status.phase == "Bound"`, `status.readyReplicas >= spec.replicas`, `status.conditions[type=Synced].status == "True"`,
//! `status.url && !status.error`. A path says where in the object to look; alone it asks whether something stands there that
//! is not empty, zero or false. It is the smallest language that says what `kubectl wait` can say and compares two fields.

mod evaluate;
mod parse;

use deployctl_sdk::ProviderError;
use serde_json::Value;

use super::Readiness;

/// An expression, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitFor {
    text: String,
    root: Expression,
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Not(Box<Expression>),
    Compare(Operand, Operator, Operand),
    Holds(Operand),
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Path(Path),
    Literal(Value),
}

/// Where in an object to look, and how it was written.
#[derive(Debug, Clone, PartialEq)]
struct Path {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// A member of a map.
    Key(String),
    /// An item of a list, counted from 0; a negative one from the end.
    Index(i64),
    /// The first item of a list of maps whose member is that text.
    Where(String, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl WaitFor {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is none; the detail shows where.
    pub fn parse(text: &str) -> Result<Self, ProviderError> {
        let root = parse::expression(text)?;
        Ok(Self { text: text.trim().to_owned(), root })
    }

    /// Whether it holds of this object.
    pub fn holds(&self, object: &Value) -> bool {
        evaluate::holds(&self.root, object)
    }

    /// How far the object is, by this expression alone.
    pub fn readiness(&self, object: &Value) -> Readiness {
        if self.holds(object) {
            return Readiness::Ready;
        }
        // What a Secret holds is nobody's to see, whatever is asked of it.
        let shown = match object["kind"] == "Secret" {
            true => None,
            false => evaluate::first_path(&self.root).map(|path| evaluate::shown(path, object)),
        };
        let shown = shown.map(|shown| format!(" ({shown})")).unwrap_or_default();
        Readiness::Progressing(format!("it waits for {}{shown}", self.text))
    }
}
