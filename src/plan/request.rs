//! What a plan is asked for.

use std::collections::BTreeSet;

use deployctl_sdk::Address;

use super::Mode;

/// What a plan is asked for.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// What it is for.
    pub mode: Mode,
    /// Only these, with what they depend on; empty means everything.
    pub targets: Vec<Address>,
    /// Not these, nor what depends on them.
    pub excludes: Vec<Address>,
    /// Make new ones of these.
    pub replaces: Vec<Address>,
    /// Whether to look at what is really there; without, the records are believed.
    pub refresh: bool,
    /// Exactly these instances and nothing they depend on: for undoing what a run did.
    pub exactly: Option<BTreeSet<Address>>,
}

impl Default for PlanRequest {
    fn default() -> Self {
        Self {
            mode: Mode::Normal,
            targets: Vec::new(),
            excludes: Vec::new(),
            replaces: Vec::new(),
            refresh: true,
            exactly: None,
        }
    }
}
