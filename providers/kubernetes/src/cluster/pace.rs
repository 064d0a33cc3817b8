//! How fast requests are sent. By default as fast as they come: the server's own priority and fairness says when it is too
//! much (429 with `Retry-After`), and the client obeys that.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// A limit on requests per second, if there is one.
pub(crate) struct Pace {
    interval: Option<Duration>,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many requests per second, written as a number.
    pub(crate) fn new(qps: Option<String>) -> Self {
        let per_second = qps.and_then(|text| text.parse::<f64>().ok()).filter(|number| *number > 0.0);
        Self { interval: per_second.map(|number| Duration::from_secs_f64(1.0 / number)), next: Mutex::default() }
    }

    /// Waits until one more request may be sent.
    pub(crate) async fn wait(&self) {
        let Some(interval) = self.interval else { return };
        let mut next = self.next.lock().await;
        let now = Instant::now();
        let turn = next.unwrap_or(now).max(now);
        *next = Some(turn + interval);
        drop(next);
        sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_keep_their_distance() {
        let pace = Pace::new(Some("100".to_owned()));
        let started = Instant::now();
        for _ in 0..6 {
            pace.wait().await;
        }
        assert!(started.elapsed() >= Duration::from_millis(50));
    }
}
