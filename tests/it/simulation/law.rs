//! What must hold after every run, whatever happened in it.

use std::collections::BTreeMap;

use deployctl::event::Outcome;
use deployctl::state::State;
use deployctl_sdk::sim::{Deed, World};
use deployctl_sdk::{Address, Operation};

use super::model::Model;
use super::run::{Ended, Scene};

/// What every instance depended on when it was last recorded.
pub type Recorded = BTreeMap<Address, Vec<Address>>;

/// What was recorded before a run.
pub fn recorded(scene: &Scene) -> Recorded {
    scene.state().records.into_iter().map(|(address, record)| (address, record.dependencies.clone())).collect()
}

/// Nothing begins before what it depends on has ended well, and nothing goes before what depends on it.
pub fn dependencies_first(scene: &Scene, model: &Model, before: &Recorded) {
    let deeds = scene.world.deeds();
    for (position, deed) in deeds.iter().enumerate().filter(|(_, deed)| !deed.ended) {
        let makes = deed.operation != Operation::Delete;
        if makes {
            for need in model.needs_of(&deed.address) {
                needs_met(&deeds, position, deed, &need);
            }
        } else if !made_again(&deeds, &deed.address) {
            let on_it = before.iter().filter(|(_, needs)| needs.iter().any(|need| need.covers(&deed.address)));
            for (dependent, _) in on_it {
                let late = deeds.iter().skip(position).any(|other| {
                    other.address == *dependent
                        && other.operation == Operation::Delete
                        && !made_again(&deeds, dependent)
                });
                assert!(!late, "{} goes before {dependent}, which depends on it", deed.address);
            }
        }
    }
}

fn needs_met(deeds: &[Deed], position: usize, deed: &Deed, need: &Address) {
    let about = |other: &&Deed| need.covers(&other.address) && other.operation != Operation::Delete;
    let mut ends: BTreeMap<&Address, bool> = BTreeMap::new();
    for other in deeds.iter().take(position).filter(about) {
        ends.insert(&other.address, other.ended && other.worked);
    }
    for (address, worked) in ends {
        assert!(worked, "{} begins before {address} has ended well", deed.address);
    }
    let late = deeds.iter().skip(position).find(about);
    assert!(late.is_none(), "{} begins before {need} is done with", deed.address);
}

fn made_again(deeds: &[Deed], address: &Address) -> bool {
    deeds.iter().any(|deed| deed.address == *address && deed.operation != Operation::Delete)
}

/// Every operation that failed for good is in the ledger as such, and nothing else is.
pub fn failures_are_told(scene: &Scene, ended: &Ended) {
    let mut last: BTreeMap<Address, bool> = BTreeMap::new();
    for deed in scene.world.deeds().into_iter().filter(|deed| deed.ended) {
        last.insert(deed.address, deed.worked);
    }
    let entries = ended.applied.as_ref().map(|applied| applied.ledger.entries.clone()).unwrap_or_default();
    for (address, worked) in &last {
        let told: Vec<&Outcome> =
            entries.iter().filter(|entry| entry.address == *address).map(|entry| &entry.outcome).collect();
        assert!(!told.is_empty(), "what became of {address} is not in the ledger");
        let told_failed = told.iter().any(|outcome| !matches!(outcome, Outcome::Done));
        assert!(*worked || told_failed, "the failure of {address} is not in the ledger: {told:?}");
    }
    for entry in entries.iter() {
        // What was gone already is deleted without a call.
        if matches!(entry.outcome, Outcome::Done) && entry.operation != Operation::Delete {
            assert!(last.contains_key(&entry.address), "{} is told as done, and nothing was done", entry.address);
        }
    }
}

/// What is recorded is what is there, and both are what the configuration says.
pub fn state_is_reality(scene: &Scene, state: &State, model: &Model) {
    let things = scene.world.things();
    let wanted = model.instances();
    let recorded: Vec<String> = state.records.keys().map(ToString::to_string).collect();
    assert_eq!(recorded.len(), wanted.len(), "recorded {recorded:?}, wanted {:?}", wanted.keys());
    let mut unknown = things.clone();
    for (address, record) in &state.records {
        assert!(record.deposed.is_empty(), "{address} still has something deposed");
        let object = record.object.as_ref().unwrap_or_else(|| panic!("{address} has no object"));
        let number = World::number_of(object).unwrap_or_else(|| panic!("{address} has no number"));
        let thing = things.get(&number).unwrap_or_else(|| panic!("{address} is recorded and not there"));
        assert!(thing.whole, "{address} is half made");
        assert_eq!(*object, thing.object(number), "{address} is recorded as what it is not");
        let size = thing.config.get("size").and_then(|size| size.as_i64());
        assert_eq!(size, wanted.get(&address.to_string()).copied(), "{address} has another size than configured");
        unknown.remove(&number);
    }
    let unknown: Vec<String> = unknown
        .iter()
        .map(|(number, thing)| format!("thing-{number} of {}", thing.mark.as_ref().unwrap().address))
        .collect();
    assert!(unknown.is_empty(), "no record knows {unknown:?}");
}
