//! Which resources a plan is about: everything, or what `--target` and `--exclude` leave.

use std::collections::{BTreeSet, HashSet};

use deployctl_sdk::Address;

use super::PlanRequest;
use crate::config::{Configuration, ResourceBlock};
use crate::error::{Error, Result};
use crate::model::Graph;
use crate::state::State;

/// The resources a plan is about.
pub(super) struct Selection {
    /// Blocks of the configuration of which nothing is planned.
    left_out: HashSet<usize>,
    /// Targets with a key: of their resource only these instances.
    targets: Vec<Address>,
    /// Instances left out by name.
    excludes: Vec<Address>,
    /// Addresses in the state that are left out because of what depends on them, or what they depend on.
    records_out: BTreeSet<Address>,
    exactly: Option<BTreeSet<Address>>,
    /// Blocks that are in because a target depends on them: all of their instances.
    whole: HashSet<usize>,
}

impl Selection {
    /// Works out the selection.
    ///
    /// # Errors
    /// A target or exclusion that names nothing, neither in the configuration nor in the state.
    pub(super) fn new(request: &PlanRequest, config: &Configuration, graph: &Graph, state: &State) -> Result<Self> {
        for named in request.targets.iter().chain(&request.excludes).chain(&request.replaces) {
            let configured = config.resources.iter().any(|block| block.address() == named.resource());
            if !configured && !state.records.keys().any(|address| named.covers(address)) {
                return Err(Error::usage(format!(
                    "there is no resource `{named}`, neither in the configuration nor in the state"
                ))
                .with_hint("`deployctl list` lists the resources"));
            }
        }
        let mut whole = HashSet::new();
        let mut wanted: HashSet<usize> = HashSet::new();
        for (index, block) in config.resources.iter().enumerate() {
            let address = block.address();
            if request.targets.iter().any(|target| target.resource() == address) {
                wanted.insert(index);
                for dependency in closure(index, |index| graph.dependencies(index).to_vec()) {
                    whole.insert(dependency);
                }
            }
        }
        let mut left_out = HashSet::new();
        for (index, block) in config.resources.iter().enumerate() {
            let address = block.address();
            let excluded = |index: usize, address: &Address| {
                request.excludes.iter().any(|exclude| exclude.covers(address))
                    || closure(index, |index| graph.dependencies(index).to_vec()).into_iter().any(|dependency| {
                        let dependency = config.resources.get(dependency).map(ResourceBlock::address);
                        dependency.is_some_and(|dependency| {
                            request.excludes.iter().any(|exclude| exclude.resource() == dependency)
                        })
                    })
            };
            let untargeted = !request.targets.is_empty() && !wanted.contains(&index) && !whole.contains(&index);
            if untargeted || (!request.excludes.is_empty() && excluded(index, &address)) {
                left_out.insert(index);
            }
        }
        Ok(Self {
            left_out,
            whole,
            targets: request.targets.clone(),
            excludes: request.excludes.clone(),
            records_out: records_out(request, state),
            exactly: request.exactly.clone(),
        })
    }

    /// Whether an instance of a configured block is planned.
    pub(super) fn has(&self, block: usize, address: &Address) -> bool {
        if let Some(exactly) = &self.exactly {
            return exactly.contains(address);
        }
        !self.left_out.contains(&block)
            && (self.targets.is_empty()
                || self.whole.contains(&block)
                || self.targets.iter().any(|target| target.covers(address)))
            && !self.excludes.iter().any(|exclude| exclude.covers(address))
    }

    /// Whether a record that the configuration does not have (any more), or that is to be destroyed, is planned.
    pub(super) fn has_record(&self, address: &Address) -> bool {
        match &self.exactly {
            Some(exactly) => exactly.contains(address),
            None => !self.records_out.contains(address),
        }
    }
}

/// Everything reachable from `start`, itself left out.
fn closure(start: usize, next: impl Fn(usize) -> Vec<usize>) -> HashSet<usize> {
    let mut seen = HashSet::new();
    let mut todo = next(start);
    while let Some(index) = todo.pop() {
        if seen.insert(index) {
            todo.extend(next(index));
        }
    }
    seen
}

/// For deletions the direction is turned: a target takes along what depends on it, an exclusion keeps what it depends on.
fn records_out(request: &PlanRequest, state: &State) -> BTreeSet<Address> {
    if request.targets.is_empty() && request.excludes.is_empty() {
        return BTreeSet::new();
    }
    let depends = |from: &Address, on: &Address| {
        state.records.get(from).is_some_and(|record| record.dependencies.iter().any(|dependency| dependency.covers(on)))
    };
    let all: Vec<&Address> = state.records.keys().collect();
    let grow = |mut set: BTreeSet<Address>, joins: &dyn Fn(&Address, &Address) -> bool| {
        loop {
            let more: Vec<_> = all
                .iter()
                .filter(|address| !set.contains(**address) && set.iter().any(|member| joins(address, member)))
                .map(|address| (*address).clone())
                .collect();
            if more.is_empty() {
                return set;
            }
            set.extend(more);
        }
    };
    let named = |names: &[Address]| -> BTreeSet<Address> {
        all.iter().filter(|address| names.iter().any(|name| name.covers(address))).map(|a| (*a).clone()).collect()
    };
    let mut out = grow(named(&request.excludes), &|address, member| depends(member, address));
    if !request.targets.is_empty() {
        let kept = grow(named(&request.targets), &|address, member| depends(address, member));
        out.extend(all.iter().filter(|address| !kept.contains(**address)).map(|address| (*address).clone()));
    }
    out
}
