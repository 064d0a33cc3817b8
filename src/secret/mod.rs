//! Values from outside that must not come to rest: where they come from, and what is known of them while a run lasts.
//!
//! A `secret` is fetched when it is first needed ([`secrets`]), from this machine ([`origin`]) or from Vault ([`vault`]).
//! What was made from it is noted in a [`registry`] that is asked before anything is written down. This module knows neither
//! configurations nor states nor plans.

mod origin;
mod registry;
mod secrets;
pub mod vault;

pub use origin::{Origin, OriginError};
pub use registry::Registry;
pub use secrets::{Secrets, Source};
