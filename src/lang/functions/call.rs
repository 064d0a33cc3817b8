//! What a function gets, and how it says no.

use std::sync::Arc;

use deployctl_sdk::{Map, Number, Value};

use super::super::evaluate::{Evaluator, plain_text};
use super::super::limits;
use super::super::scope::Outside;

/// The result of a function.
pub(in crate::lang) type Done<T = Value> = Result<T, Complaint>;

/// Why a function has no result.
#[derive(Debug)]
pub(in crate::lang) struct Complaint {
    /// The argument at fault, counted from 0; `None` blames the whole call.
    pub argument: Option<usize>,
    /// What is wrong. Never anything of a value: that belongs into `detail`.
    pub message: String,
    /// What stands under the underline. Never anything of a value.
    pub label: String,
    /// More words, which may hold parts of the arguments; left out where one of them is sensitive.
    pub detail: Option<String>,
    /// What to do about it, where it is not just to call the function as it is meant.
    pub help: Option<String>,
}

impl Complaint {
    /// A complaint about an argument.
    pub fn of(argument: usize, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { argument: Some(argument), message: message.into(), label: label.into(), detail: None, help: None }
    }

    /// A complaint about the call as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self { argument: None, message: message.into(), label: "in this call".to_owned(), detail: None, help: None }
    }

    /// With words that may hold parts of the arguments.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// One call under way.
pub(in crate::lang) struct Call<'c, 'e> {
    /// The evaluation it is part of.
    pub evaluator: &'c mut Evaluator<'e>,
    /// The arguments, without marks as the function's rule has it.
    pub values: &'c [Value],
    /// Where in the text the call stands, to tell two calls of one function apart.
    pub site: usize,
}

impl<'c> Call<'c, '_> {
    /// The outside.
    pub fn outside(&self) -> &dyn Outside {
        self.evaluator.scope.outside()
    }

    /// An argument; one that was left out is null.
    pub fn value(&self, at: usize) -> &'c Value {
        self.values.get(at).unwrap_or(&Value::Null)
    }

    /// An argument as text; numbers and bools are converted.
    pub fn text(&self, at: usize) -> Done<Arc<str>> {
        plain_text(self.value(at)).ok_or_else(|| self.wrong(at, "a string"))
    }

    /// An argument as a number; a string that is one is converted.
    pub fn number(&self, at: usize) -> Done<Number> {
        match self.value(at) {
            Value::Number(number) => Ok(number.clone()),
            Value::String(text) => Number::parse(text).map_err(|_| self.wrong(at, "a number")),
            _ => Err(self.wrong(at, "a number")),
        }
    }

    /// An argument as a whole number.
    pub fn int(&self, at: usize) -> Done<i64> {
        self.number(at)?.to_i64().ok_or_else(|| Complaint::of(at, "this must be a whole number", "not a whole number"))
    }

    /// An argument as a truth value.
    pub fn bool(&self, at: usize) -> Done<bool> {
        match self.value(at) {
            Value::Bool(value) => Ok(*value),
            Value::String(text) if &**text == "true" => Ok(true),
            Value::String(text) if &**text == "false" => Ok(false),
            _ => Err(self.wrong(at, "a bool")),
        }
    }

    /// An argument as a list.
    pub fn list(&self, at: usize) -> Done<&'c Arc<Vec<Value>>> {
        match self.value(at) {
            Value::List(items) => Ok(items),
            _ => Err(self.wrong(at, "a list")),
        }
    }

    /// An argument as a map.
    pub fn map(&self, at: usize) -> Done<&'c Arc<Map>> {
        match self.value(at) {
            Value::Map(members) => Ok(members),
            _ => Err(self.wrong(at, "a map")),
        }
    }

    /// An argument as a list of texts.
    pub fn texts(&self, at: usize) -> Done<Vec<Arc<str>>> {
        let texts = self.list(at)?.iter().map(|item| plain_text(item.unmark().0));
        texts
            .collect::<Option<_>>()
            .ok_or_else(|| Complaint::of(at, "every item of this list must be a string", "an item is something else"))
    }

    /// The complaint that an argument is not of the type it should be.
    pub fn wrong(&self, at: usize, wanted: &str) -> Complaint {
        match self.value(at) {
            Value::Null => Complaint::of(at, format!("this must be {wanted}, not null"), "this is null"),
            Value::String(_) => {
                Complaint::of(at, format!("this must be {wanted}"), format!("this string is not {wanted}"))
            }
            other => Complaint::of(at, format!("this must be {wanted}"), format!("this is {}", other.kind())),
        }
    }

    /// Refuses a list or map before it is made, if it would have too many items.
    pub fn items(&self, count: usize) -> Done<()> {
        if count > limits::MAX_NODES {
            let limit = limits::MAX_NODES;
            return Err(Complaint::whole(format!("the result would have more than {limit} items")));
        }
        Ok(())
    }

    /// All arguments from one on as lists, with room for all of their items.
    pub fn lists(&self, from: usize) -> Done<Vec<&'c [Value]>> {
        let lists: Vec<&[Value]> = (from..self.values.len()).map(|at| Ok(&***self.list(at)?)).collect::<Done<_>>()?;
        self.items(lists.iter().map(|list| list.len()).sum())?;
        Ok(lists)
    }

    /// Refuses a text before it is made, if it would be too long.
    pub fn room(&self, bytes: usize) -> Done<()> {
        if bytes > limits::MAX_STRING {
            let limit = limits::MAX_STRING >> 20;
            return Err(Complaint::whole(format!("the result would be longer than {limit} MiB")));
        }
        Ok(())
    }
}
