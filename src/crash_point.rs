//! Places at which the tests kill the program, chosen by a counter and not by the clock.
//!
//! `DEPLOYCTL_TEST_CRASH_AT=n` kills the process, as `kill -9` does, when it passes its nth point (counted from 0). The points
//! stand before and after every write of the journal and the state and every call of a provider. A released program has
//! none of this: [`pass`] is empty there and the variable means nothing.

/// Passes a point; the process may end here.
#[cfg(debug_assertions)]
pub fn pass() {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static AT: OnceLock<Option<u64>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);

    let chosen = AT.get_or_init(|| std::env::var("DEPLOYCTL_TEST_CRASH_AT").ok()?.parse().ok());
    if let Some(chosen) = chosen
        && PASSED.fetch_add(1, Ordering::Relaxed) == *chosen
    {
        die();
    }
}

/// Passes a point.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn pass() {}

#[cfg(all(debug_assertions, unix))]
fn die() {
    // Nothing may run after this: no destructor, no flush. The abort is for a system that would not obey.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort();
}

#[cfg(all(debug_assertions, not(unix)))]
fn die() {
    std::process::abort();
}
