//! What is to be done, and why. Pure: given what is desired, recorded and observed, without touching an engine.

mod document;

pub use document::{Mode, OutputChange, Plan, ReadCost, ResourceChange, Summary};
