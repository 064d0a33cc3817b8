//! Places at which a run can be killed, chosen by a counter and not by the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

/// Counts the crash points that one run passes, and kills it at the chosen one: from then on nothing that passes a point
/// goes on. Whoever drives the run waits for [`crashed`](CrashPoints::crashed) and drops it.
#[derive(Debug, Clone)]
pub struct CrashPoints(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    passed: AtomicUsize,
    at: Option<usize>,
    crashed: CancellationToken,
}

impl CrashPoints {
    /// Points of which none kills.
    pub fn never() -> Self {
        Self::new(None)
    }

    /// Points of which that one kills, counted from 0.
    pub fn at(point: usize) -> Self {
        Self::new(Some(point))
    }

    fn new(at: Option<usize>) -> Self {
        Self(Arc::new(Inner { passed: AtomicUsize::new(0), at, crashed: CancellationToken::new() }))
    }

    /// How many points were passed.
    pub fn passed(&self) -> usize {
        self.0.passed.load(Ordering::Acquire)
    }

    /// Passes a point without waiting: false if the run is dead from here on, so that nothing of it may take effect.
    #[must_use]
    pub fn alive(&self) -> bool {
        if self.has_crashed() {
            return false;
        }
        let point = self.0.passed.fetch_add(1, Ordering::AcqRel);
        if Some(point) == self.0.at {
            self.0.crashed.cancel();
        }
        !self.has_crashed()
    }

    /// Passes a point; does not come back if the run is dead from here on.
    pub async fn pass(&self) {
        if !self.alive() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the run was killed.
    pub fn has_crashed(&self) -> bool {
        self.0.crashed.is_cancelled()
    }

    /// Waits until the run is killed.
    pub async fn crashed(&self) {
        self.0.crashed.cancelled().await;
    }
}
