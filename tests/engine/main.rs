//! The engine as a library: planning, applying, saved plans and recovery, on a simulated world in virtual time.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::disallowed_methods)]

mod apply_health;
mod apply_runs;
mod apply_stops;
mod apply_truth;
mod bent;
mod clock;
mod context;
mod plan_actions;
mod records;
mod recovery;
mod saved;
