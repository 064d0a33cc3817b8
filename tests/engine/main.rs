//! The engine as a library: planning, applying, saved plans and recovery, on a simulated world in virtual time.
#![allow(clippy::needless_raw_string_hashes)]

mod bent;
mod context;
mod plan_actions;
mod saved;
