//! Expressions to values.
//!
//! The syntax tree is `hcl-edit`'s; evaluating it is done here, because a planner needs what a plain evaluator does not have:
//! values that are *unknown* until something was applied, and values that are *sensitive*. Both marks survive every
//! operation. Semantics are those that Terraform's users know.
//!
//! This module must not know blocks, resources, state or providers: names are resolved by a [`Scope`] that the caller
//! brings, and whatever a function needs of the outside comes through an [`Outside`]. So the same text evaluated twice
//! with the same scope is the same value.

mod constant;
mod evaluate;
mod expression;
mod functions;
mod heredoc;

pub mod layout;
mod limits;
pub mod nesting;
mod references;
mod scope;
mod type_expression;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use constant::{Constants, evaluate_constant};
pub use evaluate::evaluate;
pub use expression::{Expression, parse_expression, syntax_error};
pub use functions::{FunctionDoc, functions};
pub use heredoc::mend_heredocs;
pub use references::{Reference, StaticStep, references};
pub use scope::{Outside, Scope, Step, Unresolved};
pub use type_expression::parse_type;
