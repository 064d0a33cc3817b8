//! What is to be done, and why: what is desired, what is recorded and what was observed, put side by side.
//!
//! Planning never writes to an engine. [`observe`] looks, [`walk`] goes through the graph and asks the providers, the other
//! modules are pure: which resources ([`select`]), what goes away ([`orphans`]), what is risky ([`risks`]), in which steps
//! it is carried out ([`steps`]), what an approval is bound to ([`digest`]), and how a plan rests in a file ([`file`]).

mod condition;
mod digest;
mod document;
mod engines;
mod file;
mod instance;
mod observe;
mod orphans;
mod question;
mod removal;
mod reopen;
mod request;
mod resting;
mod restore;
mod risks;
mod select;
mod shape;
pub mod steps;
mod walk;

pub use condition::check_condition;
pub use document::{Mode, Nested, OutputChange, Plan, ReadCost, ResourceChange, Summary};
pub use file::{PLAN_FORMAT_VERSION, PlanHeader, SavedPlan};
pub use instance::{ProviderChoice, ignore_changes};
pub use observe::{Observation, Seen, observe};
pub use reopen::reopen;
pub use request::PlanRequest;
pub use restore::{recorded_values, restore};
pub use risks::PREVENT_DESTROY;
pub use shape::shape_of;
pub use walk::{Planned, plan};
