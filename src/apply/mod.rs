//! Carries a plan out: which steps run when, what each of them does, and what is recorded about it.
//!
//! [`schedule`] decides what may run and is pure; [`prepare`] turns a step into one operation with real values; [`action`]
//! does one operation with its tries and time-outs; [`conclude`] says what its end means; [`account`] keeps the ledger; [`run`] is the one loop that puts them together, with the journal, the
//! health gates and interrupts; [`recover`] completes the record of a run that was killed; [`undo`] takes a failed run back.

mod account;
mod action;
mod approval;
mod conclude;
mod interrupt;
mod outcome;
mod prepare;
mod queue;
pub mod recover;
mod run;
mod schedule;
mod undo;

pub use interrupt::Interrupt;
pub use outcome::{Applied, ApplyOptions};
pub use run::apply;
pub use undo::{undo, wanted as undo_wanted};
