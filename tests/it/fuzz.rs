//! The fuzz targets on stable: every regression, then the corpus with seeded mutations. `cargo fuzz run TARGET` goes further.
//!
//! A find is written to `fuzz/regressions/TARGET` under a name that says what it was, and stays there. `FUZZ_SEED=n` repeats
//! a run. `DEPLOYCTL_TEST_FUZZ_SECONDS=n` goes on for so long with each target; with `DEPLOYCTL_TEST_LONG=1` that is a minute.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deployctl_sdk::conformance::Dice;

use crate::context::Context;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// How many mutations a short run tries.
const SHORT: usize = 3_000;

/// For how long a long run goes on, in seconds.
const LONG: u64 = 60;

/// The longest one input may take.
const HANG: Duration = Duration::from_secs(5);

/// Words that chance alone would not find.
const WORDS: [&str; 28] = [
    "resource",
    "variable",
    "locals",
    "output",
    "for_each",
    "count",
    "lifecycle",
    "<<EOT\n",
    "\nEOT\n",
    "${",
    "%{ if ",
    "%{ endif }",
    "%{ for x in ",
    "}",
    "[for x in ",
    "{for k, v in ",
    " => ",
    "...",
    "[*]",
    ".*",
    "null",
    "1e999",
    "\\u{",
    "var.secret",
    "var.unknown",
    "var.map",
    "\"",
    "==",
];

#[test]
fn configurations() {
    run("config", targets::config);
}

#[test]
fn expressions() {
    run("expression", targets::expression);
}

#[test]
fn states() {
    run("state", targets::state);
}

#[test]
fn journals() {
    run("journal", targets::journal);
}

#[test]
fn saved_plans() {
    run("plan", targets::plan);
}

/// Any bit flipped in a saved plan, a state or a journal before its last line is refused.
#[test]
fn no_flipped_bit_is_believed() {
    let documents = documents();
    assert!(targets::plan_is_read(&documents.plan));
    each_bit(&documents.plan, |bit, flipped| {
        assert!(!targets::plan_is_read(flipped), "a plan with bit {bit} flipped is read");
    });
    assert!(targets::state_is_read(&documents.state).is_some());
    each_bit(&documents.state, |bit, flipped| {
        assert_eq!(targets::state_is_read(flipped), None, "a state with bit {bit} flipped is read");
    });
    let good = targets::journal_is_read(&documents.journal).unwrap();
    let before_end = documents.journal.len() - 1;
    let last = documents.journal[..before_end].iter().rposition(|byte| *byte == b'\n').unwrap();
    each_bit(&documents.journal, |bit, flipped| {
        let read = targets::journal_is_read(flipped);
        if bit / 8 < last {
            assert_eq!(read, None, "a journal with bit {bit} flipped is read");
        } else {
            // The last line counts as torn: dropped or refused, and never read as something else.
            assert_ne!(read.as_ref(), Some(&good), "a last line with bit {bit} flipped is believed");
        }
    });
}

fn each_bit(whole: &[u8], look: impl Fn(usize, &[u8])) {
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        look(bit, &flipped);
    }
}

struct Documents {
    plan: Vec<u8>,
    state: Vec<u8>,
    journal: Vec<u8>,
}

/// Documents as the program of today writes them, sealed under the key that the targets know.
fn documents() -> Documents {
    let mut context = Context::with(
        "variable \"secret\" {\n  default = \"planted-secret\"\n  sensitive = true\n}\n\
         resource \"value\" \"a\" {\n  count = 2\n  input = [count.index, var.secret]\n}\n\
         resource \"value\" \"b\" {\n  input = value.a[0].id\n}\n",
    );
    context.set("DEPLOYCTL_STATE_KEY", &"07".repeat(32));
    assert_eq!(context.run("plan -o plan.bin").code, 0);
    let read = |name: &str| deployctl_sdk::fs::read(&context.file(name)).unwrap_or_default();
    let plan = read("plan.bin");
    // Killed at one point after the other, until there is a journal with something in it.
    let journals = (0..200).map(|point: u32| {
        deployctl_sdk::fs::remove_dir_all(&context.file(".deployctl")).unwrap();
        let arguments = ["apply", "--auto-approve"];
        context.command().args(arguments).env("DEPLOYCTL_TEST_CRASH_AT", point.to_string()).output().unwrap();
        read(".deployctl/default/journal")
    });
    let long = |journal: &Vec<u8>| journal.iter().filter(|byte| **byte == b'\n').count() >= 4;
    let journal = journals.into_iter().find(long).unwrap();
    assert_eq!(context.run("apply --auto-approve").code, 0);
    Documents { plan, state: read(".deployctl/default/state.json"), journal }
}

fn run(name: &str, target: fn(&[u8])) {
    for (path, data) in inputs(&folder("regressions").join(name)) {
        attempt(target, &data).unwrap_or_else(|why| panic!("the regression {} is back: {why}", path.display()));
    }
    let corpus: Vec<Vec<u8>> = inputs(&folder("corpus").join(name)).into_iter().map(|(_, data)| data).collect();
    assert!(!corpus.is_empty(), "the corpus of {name} is missing");
    for data in &corpus {
        attempt(target, data)
            .unwrap_or_else(|why| panic!("the corpus of {name}: {why}: {}", String::from_utf8_lossy(data)));
    }
    let seed = std::env::var("FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut dice = Dice::about(seed, name);
    let seconds = std::env::var("DEPLOYCTL_TEST_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let seconds = seconds.or(std::env::var_os("DEPLOYCTL_TEST_LONG").map(|_| LONG)).map(Duration::from_secs);
    let begun = Instant::now();
    let mut tried = 0;
    while seconds.map_or(tried < SHORT, |seconds| begun.elapsed() < seconds) {
        let data = mutated(&corpus, &mut dice);
        if let Err(why) = attempt(target, &data) {
            panic!("{name}, FUZZ_SEED={seed}, try {tried}: {why}\n{}\n{data:?}", String::from_utf8_lossy(&data));
        }
        tried += 1;
    }
    println!("{name}: {tried} inputs tried");
}

fn attempt(target: fn(&[u8]), data: &[u8]) -> Result<(), String> {
    let begun = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| target(data)));
    let took = begun.elapsed();
    match ended {
        Ok(()) if took < HANG => Ok(()),
        Ok(()) => Err(format!("it took {took:?}")),
        Err(panic) => Err(match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => text.clone(),
            (_, Some(text)) => (*text).to_owned(),
            _ => "a panic".to_owned(),
        }),
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn inputs(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = deployctl_sdk::fs::read_dir(folder).unwrap_or_default();
    files.into_iter().map(|path| (path.clone(), deployctl_sdk::fs::read(&path).unwrap())).collect()
}

/// One of the corpus, changed in a few places.
pub fn mutated(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut data = dice.pick(corpus).cloned().unwrap_or_default();
    for _ in 0..1 + dice.below(4) {
        let at = dice.below(data.len() + 1);
        let end = (at + 1 + dice.below(12)).min(data.len());
        match dice.below(7) {
            0 if at < data.len() => data[at] ^= 1 << dice.below(8),
            1 => drop(data.drain(at.min(end)..end)),
            2 => {
                let again = data[at.min(end)..end].to_vec();
                data.splice(at..at, again);
            }
            3 => {
                let word = dice.pick(&WORDS).unwrap();
                data.splice(at..at, word.bytes());
            }
            4 => {
                let other = dice.pick(corpus).unwrap();
                let from = dice.below(other.len() + 1);
                let to = (from + dice.below(60)).min(other.len());
                data.splice(at..at, other[from..to].to_vec());
            }
            5 => data.truncate(at),
            _ => data.insert(at, u8::try_from(dice.below(256)).unwrap()),
        }
    }
    data
}
