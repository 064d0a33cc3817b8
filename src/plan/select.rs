//! Which resources a plan is about: everything, or what `--target` and `--exclude` leave.

use std::collections::{BTreeSet, HashMap, HashSet};

use deployctl_sdk::Address;

use super::PlanRequest;
use crate::config::Configuration;
use crate::error::{Error, Result};
use crate::model::{Graph, Node};
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
        let block_of = |named: &Address| match named.module.is_empty() {
            true => config.resource(&named.type_name, &named.name),
            false => None,
        };
        for named in request.targets.iter().chain(&request.excludes).chain(&request.replaces) {
            if block_of(named).is_none() && recorded(state, named).next().is_none() {
                return Err(Error::usage(format!(
                    "there is no resource `{named}`, neither in the configuration nor in the state"
                ))
                .with_hint("`deployctl list` lists the resources"));
            }
        }
        let wanted: HashSet<usize> = request.targets.iter().filter_map(block_of).collect();
        let whole = needed_by(&wanted, graph);
        let excluded: HashSet<usize> = request.excludes.iter().filter_map(block_of).collect();
        let mut left_out = dependents_of(&excluded, graph);
        // An instance that is left out by its key leaves the others of its resource in.
        left_out.extend(request.excludes.iter().filter(|named| named.key.is_none()).filter_map(block_of));
        if !request.targets.is_empty() {
            let blocks = 0..config.resources.len();
            left_out.extend(blocks.filter(|index| !wanted.contains(index) && !whole.contains(index)));
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

/// The blocks that these need, at any remove; one of these only if another needs it.
fn needed_by(blocks: &HashSet<usize>, graph: &Graph) -> HashSet<usize> {
    let mut needed = HashSet::new();
    let mut todo: Vec<usize> = blocks.iter().copied().collect();
    while let Some(block) = todo.pop() {
        todo.extend(graph.dependencies(block).iter().copied().filter(|dependency| needed.insert(*dependency)));
    }
    needed
}

/// The blocks that need one of these, at any remove.
fn dependents_of(blocks: &HashSet<usize>, graph: &Graph) -> HashSet<usize> {
    let mut dependents = HashSet::new();
    if blocks.is_empty() {
        return dependents;
    }
    // What a block needs comes before it, so one pass finds all.
    for node in &graph.order {
        let Node::Resource(block) = node else { continue };
        if graph.dependencies(*block).iter().any(|needed| blocks.contains(needed) || dependents.contains(needed)) {
            dependents.insert(*block);
        }
    }
    dependents
}

/// The recorded addresses that a name means: one instance, or all of a resource, which stand side by side.
fn recorded<'s>(state: &'s State, name: &Address) -> impl Iterator<Item = &'s Address> {
    let from = state.records.range(name.clone()..).map(|(address, _)| address);
    from.take_while(move |address| name.covers(address))
}

/// For deletions the direction is turned: a target takes along what depends on it, an exclusion keeps what it depends on.
fn records_out(request: &PlanRequest, state: &State) -> BTreeSet<Address> {
    let mut out = HashSet::new();
    let mut todo: Vec<&Address> = request.excludes.iter().collect();
    // Names are followed once each: many records may depend on a resource with many instances.
    let mut followed: HashSet<&Address> = HashSet::new();
    while let Some(name) = todo.pop() {
        if !followed.insert(name) {
            continue;
        }
        for address in recorded(state, name).filter(|address| out.insert(*address)) {
            todo.extend(state.records.get(address).into_iter().flat_map(|record| &record.dependencies));
        }
    }
    if !request.targets.is_empty() {
        let kept = with_dependents(&request.targets, state);
        out.extend(state.records.keys().filter(|address| !kept.contains(*address)));
    }
    out.into_iter().cloned().collect()
}

/// The records that these names mean, and those that depend on one of them, at any remove.
fn with_dependents<'s>(names: &[Address], state: &'s State) -> HashSet<&'s Address> {
    let mut by_dependency: HashMap<&Address, Vec<&Address>> = HashMap::new();
    for (address, record) in &state.records {
        for dependency in &record.dependencies {
            by_dependency.entry(dependency).or_default().push(address);
        }
    }
    let mut kept: HashSet<&Address> = HashSet::new();
    let mut todo: Vec<&Address> = names.iter().flat_map(|name| recorded(state, name)).collect();
    while let Some(address) = todo.pop() {
        if kept.insert(address) {
            // A dependency names an instance, or the whole resource; each is followed once.
            todo.extend(by_dependency.remove(address).unwrap_or_default());
            todo.extend(by_dependency.remove(&address.resource()).unwrap_or_default());
        }
    }
    kept
}
