//! Random configurations through plan, apply, crash and resume, with the real scheduler, journal and state code on a
//! simulated world and a simulated disk.
//!
//! Everything hangs on the seed. A seed that fails is named; `SIM_SEED=n cargo test --test it simulation` repeats it alone.
//! 500 seeds are run, and 10,000 with `DEPLOYCTL_TEST_LONG=1`.

mod disk;
mod law;
mod model;
mod run;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use deployctl::plan::Mode;
use deployctl_sdk::conformance::Dice;
use deployctl_sdk::sim::{Odds, SimSource, World};
use deployctl_sdk::source;

use disk::SimDisk;
use model::{Model, PLANTED};
use run::{End, Ended, Mishap, Scene};

/// How often one seed's configuration is changed.
const VERSIONS: usize = 3;

/// The most runs in which something may go wrong before one in which nothing does.
const TROUBLED_RUNS: usize = 4;

fn seeds() -> std::ops::Range<u64> {
    if let Some(seed) = std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return seed..seed + 1;
    }
    0..if std::env::var_os("DEPLOYCTL_TEST_LONG").is_some() { 10_000 } else { 500 }
}

#[test]
fn every_run_ends_in_the_truth() {
    let (seeds, failed) = (Mutex::new(seeds()), Mutex::new(Vec::new()));
    let work = || {
        // Enough failures to look into, and no reason to go on.
        while let (Some(seed), true) = (seeds.lock().unwrap().next(), failed.lock().unwrap().len() < 12) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| live(seed))) {
                let text = panic.downcast_ref::<String>().cloned();
                failed.lock().unwrap().push((seed, text.unwrap_or_else(|| "a panic".to_owned())));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    assert!(failed.is_empty(), "{}", told(&failed));
}

fn told(failed: &[(u64, String)]) -> String {
    failed.iter().map(|(seed, why)| format!("SIM_SEED={seed}: {why}\n")).collect()
}

/// A failing seed is worth something only if it fails again: whatever is said, and every byte that is written, is the same
/// the second time, times and identities included.
#[test]
fn a_seed_repeats_to_the_last_byte() {
    for seed in 0..25 {
        let lives = [(), ()].map(|()| {
            let scene = scene(seed);
            // A seed that fails must repeat too; whether it does is told by the other test.
            let _ = catch_unwind(AssertUnwindSafe(|| live_in(&scene, seed)));
            let said = scene.said.lock().unwrap().clone();
            (said, scene.disk.trace(), scene.world.things())
        });
        let [(first, first_trace, first_world), (second, second_trace, second_world)] = lives;
        assert!(first_trace.len() > 10, "hardly anything is written");
        for (one, other) in first.iter().zip(&second) {
            assert_eq!(one, other, "SIM_SEED={seed} goes another way the second time");
        }
        assert_eq!(first.len(), second.len(), "SIM_SEED={seed} ends another way the second time");
        assert_eq!(first_trace, second_trace, "SIM_SEED={seed} writes something else the second time");
        assert_eq!(first_world, second_world, "SIM_SEED={seed} makes something else the second time");
    }
}

fn scene(seed: u64) -> Scene {
    Scene::new(World::new(seed, Odds::default()), SimDisk::default())
}

/// One configuration's life, from its first apply to its end. A seed that is repeated alone tells how it went.
fn live(seed: u64) {
    let scene = scene(seed);
    let lived = catch_unwind(AssertUnwindSafe(|| live_in(&scene, seed)));
    if let Err(panic) = lived {
        if seeds().count() == 1 {
            println!("{}", scene.said.lock().unwrap().join("\n"));
        }
        std::panic::resume_unwind(panic);
    }
}

fn live_in(scene: &Scene, seed: u64) {
    // In every third life somebody keeps setting the clock.
    let jumps = if seed.is_multiple_of(3) { 100 } else { 0 };
    source::with(Arc::new(SimSource::new(seed, jumps)), || live_from(scene, seed));
}

fn live_from(scene: &Scene, seed: u64) {
    let mut dice = Dice::new(seed);
    let odds = Odds {
        transient: u32::try_from(dice.below(150)).unwrap(),
        permanent: u32::try_from(dice.below(60)).unwrap(),
        partial: u32::try_from(dice.below(100)).unwrap(),
        unreadable: u32::try_from(dice.below(40)).unwrap(),
        latency_millis: u32::try_from(dice.below(2000)).unwrap(),
    };
    let calm = Odds { latency_millis: odds.latency_millis, ..Odds::default() };
    let mut model = Model::random(&mut dice);
    for version in 0..VERSIONS {
        if version > 0 {
            model.change(&mut dice);
            meddle(&scene.world, &mut dice);
        }
        let text = model.text();
        scene.world.set_odds(odds);
        for _ in 0..dice.below(TROUBLED_RUNS + 1) {
            let before = law::recorded(scene);
            let mishap = mishap(&mut dice);
            let end = scene.run(&text, &Mode::Normal, mishap, &mut dice);
            law::dependencies_first(scene, &model, &before);
            if let End::Ended(ended) = end {
                law::failures_are_told(scene, &ended);
            }
        }
        scene.world.set_odds(calm);
        let ended = calmly(scene, &text, &Mode::Normal, &mut dice);
        law::dependencies_first(scene, &model, &Default::default());
        law::state_is_reality(scene, &ended.state, &model);
        let again = calmly(scene, &text, &Mode::Normal, &mut dice);
        assert!(again.plan.is_empty(), "the second apply is no no-op: {:?}", again.plan.changes);
    }
    scene.world.set_odds(odds);
    scene.run(&model.text(), &Mode::Destroy, mishap(&mut dice), &mut dice);
    scene.world.set_odds(calm);
    let ended = calmly(scene, &model.text(), &Mode::Destroy, &mut dice);
    assert!(ended.state.records.is_empty(), "records are left: {:?}", ended.state.records.keys());
    assert_eq!(scene.world.things(), Default::default(), "something is left in the world");
    assert!(!scene.disk.holds(PLANTED), "a secret rests in clear");
    let said = scene.said.lock().unwrap();
    assert!(!said.iter().any(|text| !text.starts_with("\n---") && text.contains(PLANTED)), "a secret was said");
}

/// A run in which nothing goes wrong any more.
fn calmly(scene: &Scene, text: &str, mode: &Mode, dice: &mut Dice) -> Box<Ended> {
    match scene.run(text, mode, Mishap::None, dice) {
        End::Ended(ended) => {
            if let Some(applied) = &ended.applied {
                assert!(applied.is_success(), "a calm run fails: {} {:?}", applied.result(), applied.ledger);
            }
            ended
        }
        End::Failed(error) => panic!("a calm run fails: {error}"),
        End::Killed => unreachable!("nothing kills a calm run"),
    }
}

fn mishap(dice: &mut Dice) -> Mishap {
    match dice.below(4) {
        0 => Mishap::None,
        1 => Mishap::Interrupt { at: dice.below(40), again_after: 1 + dice.below(10) },
        _ => Mishap::Kill(dice.below(80)),
    }
}

/// Somebody changes or removes things by hand.
fn meddle(world: &World, dice: &mut Dice) {
    for number in world.things().into_keys() {
        match dice.below(12) {
            0 => {
                world.remove(number);
            }
            1 => {
                world.meddle(number, |thing| {
                    thing.config.insert("size".into(), 77.into());
                });
            }
            _ => {}
        }
    }
}
