//! The functions of the language.
//!
//! [`table`] lists them all with what people read about them; the other files hold what they do. A function sees plain
//! values: marks are taken off before and put back after, by the rule that its entry names ([`Marks`]).

mod call;
mod collection;
mod conversion;
mod encoding;
mod filesystem;
mod format;
mod number;
mod outside;
mod set;
mod string;
mod table;
mod written;

use std::sync::LazyLock;

use deployctl_sdk::Value;

pub(super) use call::{Call, Complaint, Done};

/// What people read about a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionDoc {
    /// Its name.
    pub name: &'static str,
    /// Its name and arguments: `join(separator, list)`.
    pub signature: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
}

/// How a function's arguments lose their marks and its result gets them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// The function looks into all of its arguments: one sensitive part makes the result sensitive, one unknown part unknown.
    Whole,
    /// The function moves parts about without looking into them: only marks on top of an argument make it to the result,
    /// those inside stay on the parts.
    Top,
    /// The function sees marks and unknowns, and deals with them itself.
    Own,
}

/// One function.
pub(super) struct Function {
    /// What people read about it.
    pub doc: FunctionDoc,
    /// The fewest arguments it takes.
    pub least: usize,
    /// The most arguments it takes.
    pub most: usize,
    /// Its rule for marks.
    pub marks: Marks,
    /// What it does.
    pub run: fn(&mut Call<'_, '_>) -> Done<Value>,
}

/// The function of that name. (`try` and `can` are the evaluator's own: their arguments are not evaluated beforehand.)
pub(super) fn find(name: &str) -> Option<&'static Function> {
    let table = table::FUNCTIONS;
    table.binary_search_by(|function| (*function.doc.name).cmp(name)).ok().and_then(|at| table.get(at))
}

/// All functions, sorted by name.
pub fn functions() -> &'static [FunctionDoc] {
    static DOCS: LazyLock<Vec<FunctionDoc>> = LazyLock::new(|| {
        let mut docs: Vec<_> = table::FUNCTIONS.iter().map(|function| function.doc).collect();
        docs.extend(table::LAZY);
        docs.sort_by_key(|doc| doc.name);
        docs
    });
    &DOCS
}
