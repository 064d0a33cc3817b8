//! The mark on our processes: a variable in their environment, inherited by all that they start. With it everything that
//! belongs to a replica is found, also what left the process group or lost its parent.

use deployctl_sdk::ResourceId;

use super::identity::{Identity, all_pids, environment};

/// The variable.
pub(crate) const VARIABLE: &str = "DEPLOYCTL_PROCESS";

/// What it says for one replica.
pub(crate) fn value(id: ResourceId, replica: usize) -> String {
    format!("{id}/{replica}")
}

/// The running processes that bear the mark.
pub(crate) fn bearers(mark: &str) -> Vec<Identity> {
    let own = std::process::id();
    let bears = |pid: &u32| environment(*pid).iter().any(|(name, value)| name == VARIABLE && value == mark);
    // The identity is taken first: if the mark is then seen under the same identity, it is this process that bears it.
    let seen = all_pids().into_iter().filter(|pid| *pid != own).filter_map(Identity::of);
    seen.filter(|process| bears(&process.pid) && process.is_alive()).collect()
}
