//! The engine as a library: planning, applying, saved plans and recovery, on a simulated world in virtual time.
#![allow(clippy::needless_raw_string_hashes)]

mod apply_health;
mod apply_runs;
mod apply_stops;
mod apply_truth;
mod bent;
mod context;
mod plan_actions;
mod saved;
