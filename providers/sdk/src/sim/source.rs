//! Time and identities of a simulated run, all from a seed.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::conformance::Dice;
use crate::source::Source;

/// The farthest that the clock jumps at once.
const FARTHEST_JUMP_SECONDS: usize = 40 * 86_400;

/// A source that gives the same times and identities for the same seed, in the order in which they are asked for. Its clock
/// goes on a little each time it is looked at, and now and then somebody sets it forwards or back.
pub struct SimSource(Mutex<Inner>);

struct Inner {
    dice: Dice,
    clock: Timestamp,
    jumps: u32,
}

impl SimSource {
    /// A source whose clock jumps in so many of a thousand looks at it.
    pub fn new(seed: u64, jumps: u32) -> Self {
        let clock = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50);
        Self(Mutex::new(Inner { dice: Dice::about(seed, "source"), clock, jumps }))
    }
}

impl Source for SimSource {
    fn now(&self) -> Timestamp {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut millis = inner.dice.below(50);
        let jumps = inner.jumps;
        if inner.dice.chance(jumps) {
            millis += 1000 * inner.dice.below(FARTHEST_JUMP_SECONDS);
        }
        let step = SignedDuration::from_millis(i64::try_from(millis).unwrap_or_default());
        let backwards = millis > 50 && inner.dice.chance(500);
        inner.clock = inner.clock.saturating_add(if backwards { -step } else { step }).unwrap_or(inner.clock);
        inner.clock
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            let thrown = inner.dice.throw().to_le_bytes();
            chunk.iter_mut().zip(thrown).for_each(|(place, byte)| *place = byte);
        }
    }
}
