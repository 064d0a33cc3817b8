//! Runs the `validation` blocks of variables.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployctl_sdk::Value;

use super::Configuration;
use super::blocks::{Condition, Variable};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::lang::{self, Outside, Scope, Step, Unresolved};

/// What the variables' own conditions have against their values.
pub(super) fn validate(
    config: &Configuration,
    values: &BTreeMap<Arc<str>, Value>,
    outside: &dyn Outside,
) -> Vec<Diagnostic> {
    let scope = Variables { values, outside };
    let all = config.variables.values().flat_map(|variable| variable.validations.iter().map(move |v| (variable, v)));
    all.filter_map(|(variable, validation)| complaints(variable, validation, &scope)).flatten().collect()
}

fn complaints(variable: &Variable, validation: &Condition, scope: &Variables<'_>) -> Option<Vec<Diagnostic>> {
    let span = validation.condition.span();
    let holds = match lang::evaluate(&validation.condition, scope) {
        Ok(value) => value,
        Err(found) => return Some(found),
    };
    match holds.as_bool() {
        Some(true) => None,
        Some(false) => {
            let message = match lang::evaluate(&validation.error_message, scope) {
                Ok(text) if text.contains_sensitive() => "its value is not valid".to_owned(),
                Ok(text) => text.as_str().map_or_else(|| "its value is not valid".to_owned(), sentence),
                Err(found) => return Some(found),
            };
            Some(vec![
                Diagnostic::error(span, format!("the variable `{}`: {message}", variable.name), "this does not hold")
                    .with_label(variable.span, "declared here"),
            ])
        }
        None => {
            let message = format!("the condition must be `true` or `false`, but is {}", holds.kind());
            Some(vec![Diagnostic::error(span, message, "not a bool")])
        }
    }
}

/// A message as complaints have it: one sentence without its full stop.
fn sentence(text: &str) -> String {
    text.trim().strip_suffix('.').unwrap_or(text.trim()).to_owned()
}

/// A scope that knows the variables and nothing else.
struct Variables<'v> {
    values: &'v BTreeMap<Arc<str>, Value>,
    outside: &'v dyn Outside,
}

impl Scope for Variables<'_> {
    fn resolve(&self, root: &str, steps: &[Step]) -> Result<(Value, usize), Unresolved> {
        if root != "var" {
            let message = format!("a validation can refer to variables alone, not to `{root}`");
            return Err(Unresolved { message, help: None });
        }
        let Some(Step::Attr(name)) = steps.first() else {
            return Ok((Value::from(deployctl_sdk::Map::from_iter(self.values.clone())), 0));
        };
        match self.values.get(name) {
            Some(value) => Ok((value.clone(), 1)),
            None => {
                let close = did_you_mean(name, self.values.keys().map(|name| &**name));
                let help = close.map(|close| format!("did you mean `var.{close}`?"));
                Err(Unresolved { message: format!("there is no variable `{name}`"), help })
            }
        }
    }

    fn outside(&self) -> &dyn Outside {
        self.outside
    }
}
