//! Conditions that a configuration says must hold.

use deployctl_sdk::Value;

use crate::config::Condition;
use crate::diagnostic::Diagnostic;
use crate::lang::{self, Scope};

/// Checks one condition. One that is not known yet holds for now; it is checked again when it is.
///
/// # Errors
/// A complaint with the condition's own message when it does not hold, or those of evaluating it.
pub fn check_condition(condition: &Condition, scope: &dyn Scope, what: &str) -> Result<(), Vec<Diagnostic>> {
    let span = condition.condition.span();
    let value = lang::evaluate(&condition.condition, scope)?;
    match value.unmark().0 {
        Value::Bool(true) | Value::Unknown => Ok(()),
        Value::Bool(false) => {
            let message = lang::evaluate(&condition.error_message, scope)?;
            let text = match &message {
                Value::String(text) => text.to_string(),
                _ => "it does not hold, and its message may not be shown".to_owned(),
            };
            Err(vec![Diagnostic::error(span, text, format!("{what} does not hold"))])
        }
        other => {
            Err(vec![Diagnostic::error(span, "a condition must be true or false", format!("this is {}", other.kind()))])
        }
    }
}
