//! Which steps may run now: a queue of what is ready, longest remaining way first. Pure; it runs nothing.

use std::collections::BinaryHeap;

use crate::plan::steps::{StepKind, Steps};

/// The progress of a graph of steps.
pub(super) struct Schedule {
    steps: Steps,
    waits: Vec<usize>,
    progress: Vec<Progress>,
    ready: BinaryHeap<(usize, std::cmp::Reverse<usize>)>,
    /// With waves one after the other: how many steps each has left.
    left_in_wave: Option<Vec<usize>>,
    held_back: Vec<usize>,
    left: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    Started,
    Ended,
}

impl Schedule {
    /// Nothing done yet. `by_waves` lets a wave begin only when the one before it has ended.
    pub(super) fn new(steps: Steps, by_waves: bool) -> Self {
        let count = steps.nodes.len();
        let mut schedule = Self {
            waits: steps.nodes.iter().map(|node| node.waits_for).collect(),
            progress: vec![Progress::Waiting; count],
            ready: BinaryHeap::new(),
            left_in_wave: by_waves.then(|| counts(&steps)),
            held_back: Vec::new(),
            left: count,
            steps,
        };
        for step in 0..count {
            if schedule.waits.get(step) == Some(&0) {
                schedule.make_ready(step);
            }
        }
        schedule
    }

    /// The step's change and what it does.
    pub(super) fn step(&self, step: usize) -> Option<(usize, StepKind)> {
        self.steps.nodes.get(step).map(|node| (node.change, node.kind))
    }

    /// How long the way from this step to the end is.
    pub(super) fn height(&self, step: usize) -> usize {
        self.steps.nodes.get(step).map_or(0, |node| node.height)
    }

    /// Whether every step has ended.
    #[cfg(test)]
    pub(super) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Takes the next step that may run.
    pub(super) fn take_ready(&mut self) -> Option<usize> {
        let (_, std::cmp::Reverse(step)) = self.ready.pop()?;
        if let Some(progress) = self.progress.get_mut(step) {
            *progress = Progress::Started;
        }
        Some(step)
    }

    /// A step ended well: what waited only for it becomes ready.
    pub(super) fn finish(&mut self, step: usize) {
        let mut ended = vec![step];
        while let Some(step) = ended.pop() {
            self.end(step);
            let next = self.steps.nodes.get(step).map(|node| node.next.clone()).unwrap_or_default();
            for after in next {
                let Some(waits) = self.waits.get_mut(after) else { continue };
                *waits = waits.saturating_sub(1);
                if *waits > 0 || self.progress.get(after) != Some(&Progress::Waiting) {
                    continue;
                }
                match self.step(after) {
                    Some((_, StepKind::Join)) => ended.push(after),
                    _ => self.make_ready(after),
                }
            }
        }
    }

    /// A step did not end well: everything after it ends without having started. Answers those steps.
    pub(super) fn fail(&mut self, step: usize) -> Vec<usize> {
        self.end(step);
        let mut skipped = Vec::new();
        let mut todo = self.steps.nodes.get(step).map(|node| node.next.clone()).unwrap_or_default();
        while let Some(after) = todo.pop() {
            if self.progress.get(after) != Some(&Progress::Waiting) {
                continue;
            }
            self.end(after);
            if !matches!(self.step(after), Some((_, StepKind::Join))) {
                skipped.push(after);
            }
            todo.extend(self.steps.nodes.get(after).map(|node| node.next.clone()).unwrap_or_default());
        }
        skipped.sort_unstable();
        skipped
    }

    /// Everything that has not been started; it ends here.
    pub(super) fn give_up(&mut self) -> Vec<usize> {
        let waiting: Vec<usize> =
            (0..self.progress.len()).filter(|step| self.progress.get(*step) == Some(&Progress::Waiting)).collect();
        self.ready.clear();
        self.held_back.clear();
        waiting.iter().for_each(|step| self.end(*step));
        waiting.into_iter().filter(|step| !matches!(self.step(*step), Some((_, StepKind::Join)))).collect()
    }

    fn make_ready(&mut self, step: usize) {
        let wave = self.steps.nodes.get(step).map_or(0, |node| node.wave);
        let blocked = self.left_in_wave.as_ref().is_some_and(|left| left.iter().take(wave).any(|left| *left > 0));
        if blocked {
            self.held_back.push(step);
        } else {
            self.ready.push((self.height(step), std::cmp::Reverse(step)));
        }
    }

    fn end(&mut self, step: usize) {
        let Some(progress) = self.progress.get_mut(step) else { return };
        if *progress == Progress::Ended {
            return;
        }
        *progress = Progress::Ended;
        self.left -= 1;
        let Some(node) = self.steps.nodes.get(step) else { return };
        let Some(left) = &mut self.left_in_wave else { return };
        if node.kind != StepKind::Join
            && let Some(left) = left.get_mut(node.wave)
        {
            *left = left.saturating_sub(1);
            if *left == 0 {
                for step in std::mem::take(&mut self.held_back) {
                    self.make_ready(step);
                }
            }
        }
    }
}

fn counts(steps: &Steps) -> Vec<usize> {
    let mut counts = Vec::new();
    for node in steps.nodes.iter().filter(|node| node.kind != StepKind::Join) {
        if counts.len() <= node.wave {
            counts.resize(node.wave + 1, 0);
        }
        if let Some(count) = counts.get_mut(node.wave) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::steps::StepNode;

    fn chain(edges: &[(usize, usize)], count: usize) -> Steps {
        let node = |change| StepNode { change, kind: StepKind::Forget, next: vec![], waits_for: 0, height: 1, wave: 0 };
        let mut nodes: Vec<StepNode> = (0..count).map(node).collect();
        for &(from, to) in edges {
            nodes[from].next.push(to);
            nodes[to].waits_for += 1;
            nodes[to].wave = nodes[to].wave.max(nodes[from].wave + 1);
        }
        Steps { real: count, nodes }
    }

    #[test]
    fn a_step_waits_for_all_before_it() {
        let mut schedule = Schedule::new(chain(&[(0, 2), (1, 2)], 3), false);
        assert_eq!((schedule.take_ready(), schedule.take_ready(), schedule.take_ready()), (Some(0), Some(1), None));
        schedule.finish(0);
        assert_eq!(schedule.take_ready(), None);
        schedule.finish(1);
        assert_eq!(schedule.take_ready(), Some(2));
        schedule.finish(2);
        assert!(schedule.is_done());
    }

    #[test]
    fn a_failure_ends_what_depends_on_it_and_nothing_else() {
        let mut schedule = Schedule::new(chain(&[(0, 2), (2, 3)], 5), false);
        while schedule.take_ready().is_some() {}
        assert_eq!(schedule.fail(0), vec![2, 3]);
        schedule.finish(1);
        schedule.finish(4);
        assert!(schedule.is_done());
    }

    #[test]
    fn waves_run_one_after_the_other() {
        let mut schedule = Schedule::new(chain(&[(0, 2)], 4), true);
        let first: Vec<_> = std::iter::from_fn(|| schedule.take_ready()).collect();
        assert_eq!(first, vec![0, 1, 3]);
        schedule.finish(0);
        assert_eq!(schedule.take_ready(), None, "the first wave has not ended");
        schedule.finish(1);
        schedule.finish(3);
        assert_eq!(schedule.take_ready(), Some(2));
    }
}
