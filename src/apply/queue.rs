//! What waits for a free place, and how many places are taken.

use std::collections::HashMap;
use std::sync::Arc;

use super::prepare::Ready;

/// A step that was announced durably and waits for a free place, the longest remaining way first.
pub(super) struct Runnable {
    pub(super) height: usize,
    pub(super) order: std::cmp::Reverse<usize>,
    pub(super) ready: Box<Ready>,
}

impl PartialEq for Runnable {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Runnable {}

impl PartialOrd for Runnable {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Runnable {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.height, self.order).cmp(&(other.height, other.order))
    }
}

/// How many operations run, in all and by provider.
#[derive(Default)]
pub(super) struct Busy {
    pub(super) total: usize,
    by_provider: HashMap<Arc<str>, usize>,
}

impl Busy {
    pub(super) fn of(&self, provider: &Arc<str>) -> usize {
        self.by_provider.get(provider).copied().unwrap_or_default()
    }

    pub(super) fn begin(&mut self, provider: &Arc<str>) {
        self.total += 1;
        *self.by_provider.entry(provider.clone()).or_default() += 1;
    }

    pub(super) fn end(&mut self, provider: &Arc<str>) {
        self.total = self.total.saturating_sub(1);
        if let Some(count) = self.by_provider.get_mut(provider) {
            *count = count.saturating_sub(1);
        }
    }
}
