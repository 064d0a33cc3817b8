//! The graph of steps that carries a plan out: what waits for what.
//!
//! A change is one step or two (a replacement deletes and creates). Dependencies between resources become edges between
//! steps; where many instances stand on either side, one joint node keeps the number of edges linear.
//!
//! That what is needed is made first always holds. In which order things go is a wish: where the old order and the new one
//! contradict each other, the wishes that would make a circle are given up.

use std::collections::HashMap;

use deployctl_sdk::{Action, Address, Operation, Reason, ReplaceOrder};
use petgraph::graph::DiGraph;

use super::ResourceChange;
use crate::state::Record;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// One operation of the change's provider.
    Do(Operation),
    /// Removes what a replacement left behind.
    RemoveDeposed,
    /// Plans a deferred resource, and carries that out.
    PlanLate,
    /// Drops the record and leaves the real thing alone.
    Forget,
    /// Nothing: others meet here.
    Join,
}

/// One step.
#[derive(Debug, Clone)]
pub struct StepNode {
    /// Which change it belongs to; a joint node belongs to none.
    pub change: usize,
    /// What it does.
    pub kind: StepKind,
    /// The steps that wait for it.
    pub next: Vec<usize>,
    /// How many steps it waits for.
    pub waits_for: usize,
    /// How many steps, itself included, the longest way from here to an end has.
    pub height: usize,
    /// In which wave it runs, from 0.
    pub wave: usize,
}

/// The graph of steps.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    /// The steps; a step's number is its place here.
    pub nodes: Vec<StepNode>,
    /// How many of them do something.
    pub real: usize,
}

/// What is recorded of a resource, as far as the order hangs on it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recorded<'r> {
    /// What it was made after; for deletions the order turns round.
    pub dependencies: &'r [Address],
    /// Whether an earlier replacement left old ones of it behind.
    pub deposed: bool,
}

impl<'r> Recorded<'r> {
    /// What a record says of it.
    pub fn of(record: &'r Record) -> Self {
        Self { dependencies: &record.dependencies, deposed: !record.deposed.is_empty() }
    }
}

/// Answers what is recorded of a resource; nothing of most new ones.
pub type Records<'r> = dyn Fn(&Address) -> Recorded<'r> + 'r;

impl Steps {
    /// Builds the graph for these changes.
    pub fn new(changes: &[ResourceChange], recorded: &Records<'_>) -> Self {
        let mut builder = Builder::new(changes, recorded);
        builder.order_makers();
        builder.order_removers(recorded);
        builder.finish()
    }

    /// The changes wave by wave, each once, in the wave of its last step.
    pub fn waves(&self, changes: usize) -> Vec<Vec<usize>> {
        let mut last = vec![None; changes];
        for node in self.nodes.iter().filter(|node| node.kind != StepKind::Join) {
            if let Some(wave) = last.get_mut(node.change) {
                *wave = (*wave).max(Some(node.wave));
            }
        }
        let mut waves: Vec<Vec<usize>> = Vec::new();
        for (change, wave) in last.into_iter().enumerate() {
            let Some(wave) = wave else { continue };
            if waves.len() <= wave {
                waves.resize(wave + 1, Vec::new());
            }
            if let Some(members) = waves.get_mut(wave) {
                members.push(change);
            }
        }
        waves.retain(|wave| !wave.is_empty());
        waves
    }
}

/// In what manner something goes away, which decides who must have let go of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Goes {
    /// Deleted, or deleted first in a replacement: what was made after it is deleted before.
    BeforeAnythingNew,
    /// Deleted and not replaced: what used it has been updated before.
    ForGood,
    /// Removed after its replacement came: what uses it has been moved to the new one before.
    AsDeposed,
}

struct Builder<'c> {
    changes: &'c [ResourceChange],
    nodes: Vec<StepNode>,
    /// By change: the step after which the new thing is there.
    made: Vec<Option<usize>>,
    /// By change: the step after which the old thing is gone.
    gone: Vec<Option<usize>>,
    /// The changes of each resource, by its address without key.
    groups: HashMap<Address, Vec<usize>>,
    by_address: HashMap<&'c Address, usize>,
    made_joins: HashMap<Address, Option<usize>>,
    gone_joins: HashMap<(Address, Goes), Option<usize>>,
    /// Edges that can be given up.
    wishes: Vec<(usize, usize)>,
}

impl<'c> Builder<'c> {
    fn new(changes: &'c [ResourceChange], recorded: &Records<'_>) -> Self {
        let mut builder = Self {
            changes,
            nodes: Vec::with_capacity(changes.len()),
            made: vec![None; changes.len()],
            gone: vec![None; changes.len()],
            groups: HashMap::new(),
            by_address: changes.iter().enumerate().map(|(index, change)| (&change.address, index)).collect(),
            made_joins: HashMap::new(),
            gone_joins: HashMap::new(),
            wishes: Vec::new(),
        };
        for (index, change) in changes.iter().enumerate() {
            builder.groups.entry(change.address.resource()).or_default().push(index);
            let deposed = recorded(&change.address).deposed;
            builder.add_steps(index, change, deposed);
        }
        builder
    }

    fn add_steps(&mut self, index: usize, change: &ResourceChange, deposed: bool) {
        let (made, gone) = match change.action {
            Action::Update if change.reason == Reason::Deposed => {
                (None, Some(self.add(index, StepKind::RemoveDeposed)))
            }
            Action::NoOp | Action::Read => (None, None),
            Action::Create => self.add_maker(index, Operation::Create, deposed),
            Action::Update => self.add_maker(index, Operation::Update, deposed),
            Action::Deferred => (Some(self.add(index, StepKind::PlanLate)), None),
            Action::Forget => (None, Some(self.add(index, StepKind::Forget))),
            Action::Delete => (None, Some(self.add(index, StepKind::Do(Operation::Delete)))),
            Action::Replace(ReplaceOrder::DeleteFirst) => {
                let gone = self.add(index, StepKind::Do(Operation::Delete));
                let made = self.add(index, StepKind::Do(Operation::Create));
                self.edge(gone, made);
                (Some(made), Some(gone))
            }
            Action::Replace(ReplaceOrder::CreateFirst) => self.add_maker(index, Operation::Replace, true),
        };
        if let (Some(a), Some(b)) = (self.made.get_mut(index), self.gone.get_mut(index)) {
            (*a, *b) = (made, gone);
        }
    }

    /// The step that makes something, and where old ones are left behind another that removes them: what still uses an old
    /// one is moved to the new one in between.
    fn add_maker(&mut self, index: usize, operation: Operation, deposed: bool) -> (Option<usize>, Option<usize>) {
        let made = self.add(index, StepKind::Do(operation));
        let gone = deposed.then(|| self.add(index, StepKind::RemoveDeposed));
        gone.into_iter().for_each(|gone| self.edge(made, gone));
        (Some(made), gone)
    }

    fn add(&mut self, change: usize, kind: StepKind) -> usize {
        self.nodes.push(StepNode { change, kind, next: Vec::new(), waits_for: 0, height: 0, wave: 0 });
        self.nodes.len() - 1
    }

    fn edge(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        if let Some(node) = self.nodes.get_mut(from) {
            node.next.push(to);
        }
        if let Some(node) = self.nodes.get_mut(to) {
            node.waits_for += 1;
        }
    }

    /// What depends on something is made after it; the old one of a create-first replacement goes last of all.
    fn order_makers(&mut self) {
        for (index, change) in self.changes.iter().enumerate() {
            let Some(made) = self.made.get(index).copied().flatten() else { continue };
            for dependency in &change.dependencies {
                if let Some(before) = self.made_node(dependency) {
                    self.edge(before, made);
                }
                if let Some(old) = self.gone_node(dependency, Goes::AsDeposed) {
                    self.edge(made, old);
                }
            }
        }
    }

    /// What was made after something goes before it.
    fn order_removers(&mut self, recorded: &Records<'_>) {
        for (index, change) in self.changes.iter().enumerate() {
            let deletes_first = matches!(change.action, Action::Delete | Action::Replace(ReplaceOrder::DeleteFirst));
            // An update that lets go of something comes before that goes, and so does the removal of an old one.
            let (made, gone) = (self.made.get(index).copied().flatten(), self.gone.get(index).copied().flatten());
            let Some(step) = gone.or(made.filter(|_| change.action == Action::Update)) else { continue };
            let goes = if deletes_first { Goes::BeforeAnythingNew } else { Goes::ForGood };
            for dependency in recorded(&change.address).dependencies {
                match self.gone_node(dependency, goes) {
                    Some(after) if deletes_first => self.edge(step, after),
                    Some(after) => self.wish(step, after),
                    None => {}
                }
                if let Some(after) = self.gone_node(dependency, Goes::AsDeposed) {
                    self.wish(step, after);
                }
            }
        }
    }

    fn wish(&mut self, from: usize, to: usize) {
        self.edge(from, to);
        self.wishes.push((from, to));
    }

    fn members(&self, address: &Address) -> Vec<usize> {
        match address.key {
            Some(_) => self.by_address.get(address).copied().into_iter().collect(),
            None => self.groups.get(address).cloned().unwrap_or_default(),
        }
    }

    /// The step after which everything at that address is there.
    fn made_node(&mut self, address: &Address) -> Option<usize> {
        if let Some(known) = self.made_joins.get(address) {
            return *known;
        }
        let makers: Vec<usize> =
            self.members(address).into_iter().filter_map(|index| self.made.get(index).copied().flatten()).collect();
        let node = match makers.as_slice() {
            [] => None,
            [one] => Some(*one),
            _ => {
                let join = self.add(usize::MAX, StepKind::Join);
                makers.iter().for_each(|maker| self.edge(*maker, join));
                Some(join)
            }
        };
        self.made_joins.insert(address.clone(), node);
        node
    }

    /// The step before which nothing at that address goes away in that manner.
    fn gone_node(&mut self, address: &Address, goes: Goes) -> Option<usize> {
        let key = (address.clone(), goes);
        if let Some(known) = self.gone_joins.get(&key) {
            return *known;
        }
        let removed = |change: &ResourceChange| match change.action {
            Action::Delete => goes != Goes::AsDeposed,
            Action::Replace(ReplaceOrder::DeleteFirst) => goes == Goes::BeforeAnythingNew,
            Action::Replace(ReplaceOrder::CreateFirst) => goes == Goes::AsDeposed,
            // Where it has a step in which something goes, that is what an earlier replacement left.
            Action::Create | Action::Update => goes == Goes::AsDeposed,
            _ => false,
        };
        let removers: Vec<usize> = self
            .members(address)
            .into_iter()
            .filter(|index| self.changes.get(*index).is_some_and(removed))
            .filter_map(|index| self.gone.get(index).copied().flatten())
            .collect();
        let node = match removers.as_slice() {
            [] => None,
            [one] => Some(*one),
            _ => {
                let join = self.add(usize::MAX, StepKind::Join);
                removers.iter().for_each(|remover| self.edge(join, *remover));
                Some(join)
            }
        };
        self.gone_joins.insert(key, node);
        node
    }

    fn finish(mut self) -> Steps {
        let mut order = self.topological();
        if order.len() < self.nodes.len() {
            self.give_up_circles();
            order = self.topological();
        }
        for &step in &order {
            let (wave, next, join) = match self.nodes.get(step) {
                Some(node) => (node.wave, node.next.clone(), node.kind == StepKind::Join),
                None => continue,
            };
            for after in next {
                if let Some(node) = self.nodes.get_mut(after) {
                    node.wave = node.wave.max(if join { wave } else { wave + 1 });
                }
            }
        }
        for &step in order.iter().rev() {
            let below = self.nodes.get(step).map_or(0, |node| {
                node.next.iter().filter_map(|after| self.nodes.get(*after)).map(|node| node.height).max().unwrap_or(0)
            });
            if let Some(node) = self.nodes.get_mut(step) {
                node.height = below + 1;
            }
        }
        let real = self.nodes.iter().filter(|node| node.kind != StepKind::Join).count();
        Steps { nodes: self.nodes, real }
    }

    /// Drops every wish whose ends lie on one circle; what is left has none, for makers alone never make one.
    fn give_up_circles(&mut self) {
        let number = |step: usize| u32::try_from(step).unwrap_or(u32::MAX);
        let edges = self.nodes.iter().enumerate();
        let edges = edges.flat_map(|(from, node)| node.next.iter().map(move |to| (number(from), number(*to))));
        let graph = DiGraph::<(), ()>::from_edges(edges);
        let mut circle = vec![usize::MAX; self.nodes.len()];
        for (place, members) in petgraph::algo::kosaraju_scc(&graph).iter().enumerate() {
            for member in members {
                if let Some(slot) = circle.get_mut(member.index()) {
                    *slot = place;
                }
            }
        }
        for (from, to) in std::mem::take(&mut self.wishes) {
            if circle.get(from) != circle.get(to) {
                continue;
            }
            let Some(node) = self.nodes.get_mut(from) else { continue };
            let Some(place) = node.next.iter().position(|next| *next == to) else { continue };
            node.next.swap_remove(place);
            if let Some(node) = self.nodes.get_mut(to) {
                node.waits_for -= 1;
            }
        }
    }

    fn topological(&self) -> Vec<usize> {
        let mut waits: Vec<usize> = self.nodes.iter().map(|node| node.waits_for).collect();
        let mut ready: Vec<usize> = (0..self.nodes.len()).filter(|step| waits.get(*step) == Some(&0)).collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(step) = ready.pop() {
            order.push(step);
            for after in self.nodes.get(step).map(|node| node.next.as_slice()).unwrap_or_default() {
                if let Some(left) = waits.get_mut(*after) {
                    *left -= 1;
                    if *left == 0 {
                        ready.push(*after);
                    }
                }
            }
        }
        order
    }
}

#[cfg(test)]
mod tests;
