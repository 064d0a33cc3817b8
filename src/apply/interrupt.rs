//! How a run is asked to stop.

use tokio_util::sync::CancellationToken;

/// Two wishes of whoever started a run: to stop soon, and to stop now.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    /// Start nothing more, and finish what runs.
    pub stop: CancellationToken,
    /// Cancel what runs.
    pub cancel: CancellationToken,
}

impl Interrupt {
    /// No wish yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more interrupt: the first asks to stop soon, every later one to stop now.
    pub fn raise(&self) {
        if self.stop.is_cancelled() {
            self.cancel.cancel();
        }
        self.stop.cancel();
    }

    /// Stop now.
    pub fn abort(&self) {
        self.stop.cancel();
        self.cancel.cancel();
    }
}
