//! What goes wrong, decided by the seed, the resource and how often it was tried, and by nothing else: so a run can be
//! repeated however its actions interleave.

use std::time::Duration;

use crate::conformance::Dice;

/// How often what goes wrong, of a thousand calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Odds {
    /// Fails before anything was done, and works when tried again.
    pub transient: u32,
    /// Fails before anything was done, each time until the world is mended.
    pub permanent: u32,
    /// Fails with half of it done.
    pub partial: u32,
    /// Cannot be read this time.
    pub unreadable: u32,
    /// The longest a step of the engine takes, in virtual milliseconds; 0 for no more than a turn of the scheduler.
    pub latency_millis: u32,
}

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Transient,
    Permanent,
    Partial,
}

impl Odds {
    /// What goes wrong with the nth try of an operation on a resource.
    pub(super) fn fault(&self, seed: u64, what: &str, nth: u64) -> Option<Fault> {
        if Dice::about(seed, &format!("permanent {what}")).chance(self.permanent) {
            return Some(Fault::Permanent);
        }
        let mut dice = Dice::about(seed, &format!("{what} {nth}"));
        if dice.chance(self.transient) {
            return Some(Fault::Transient);
        }
        dice.chance(self.partial).then_some(Fault::Partial)
    }

    /// Whether the nth read of a resource fails.
    pub(super) fn unreadable(&self, seed: u64, what: &str, nth: u64) -> bool {
        Dice::about(seed, &format!("read {what} {nth}")).chance(self.unreadable)
    }

    /// How long a step takes.
    pub(super) fn latency(&self, seed: u64, what: &str, nth: u64) -> Duration {
        let longest = usize::try_from(self.latency_millis).unwrap_or(usize::MAX);
        let millis = Dice::about(seed, &format!("latency {what} {nth}")).below(longest.saturating_add(1));
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}
