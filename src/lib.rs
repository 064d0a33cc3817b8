//! deployctl: one declarative plan and apply for everything a team deploys.
//!
//! The way of the data, each step a module and nothing flowing backwards:
//!
//! - [`config`]: files to spanned blocks
//! - [`lang`]: expressions to values
//! - [`model`]: blocks to a graph
//! - [`plan`]: desired × recorded × observed to what is to be done
//! - [`apply`]: a plan to actions on the engines
//! - [`state`]: records, journal, revisions, locks and where they are kept
//!
//! Beside it stand [`event`] (what happens, as data), [`render`] (events and documents as text, JSON and Markdown), [`cli`]
//! (the commands), [`inputs`] (everything a run was made from), [`providers`] (which providers there are), [`builtin`] (the
//! provider that needs no engine), [`health`] (does it work), [`project`] (one configuration in one environment), [`import`] (what
//! is to be managed from now on), [`logs`], [`stacks`] (where states are kept, and what is read of others'),
//! [`secret`] (values from outside that must not come to rest), [`diagnostic`] and [`error`] (complaints and failures), `http`
//! (what asks over it has in common), `upgrade` (records of older schemas), [`crash_point`] (where the tests kill it).
//! `docs/architecture.md` is the map of the whole house.

pub mod apply;
pub mod builtin;
pub mod cli;
pub mod config;
pub mod crash_point;
pub mod diagnostic;
pub mod error;
pub mod event;
pub mod health;
mod http;
pub mod import;
pub mod inputs;
pub mod lang;
pub mod logs;
pub mod model;
pub mod plan;
pub mod project;
pub mod providers;
pub mod render;
pub mod secret;
pub mod stacks;
pub mod state;
mod upgrade;
