//! `cargo xtask prove`: the long run. What the spine promises is attacked for as long as it takes, with nothing needed but cargo.

use clap::Args;

use crate::{Failure, cargo, fuzz, output};

/// The tests of the program that have a long form.
const ATTACKS: [&str; 6] = ["simulation::", "crash::", "interrupt::", "small_disk::", "generated::", "fuzz::"];

/// The only tests among those of the library that need more than cargo; they have no long form.
const NEEDS_A_SERVER: &str = "state::postgres::";

/// How many cases each property is tried on.
const CASES: &str = "20000";

/// What `cargo xtask prove` takes.
#[derive(Args)]
pub struct Arguments {
    /// For how long each fuzz target is tried
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    fuzz_seconds: u32,
}

/// Runs it all, and goes on after a failure, so that one run shows everything that there is to see.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    output::note("10,000 seeds of the simulation, a kill at every point of a run, every token of every configuration:");
    output::note("this takes half an hour or more");
    let attacks = tests(&["--package", "deployctl", "--test", "it", "--"], &ATTACKS);
    let engine = tests(&["--package", "deployctl", "--lib", "--test", "engine", "--", "--skip"], &[NEEDS_A_SERVER]);
    let contract = tests(&["--package", "deployctl-sdk"], &[]);
    let fuzzed = fuzz::run(&fuzz::Arguments { seconds: arguments.fuzz_seconds, stable: false, targets: Vec::new() });
    let failed: Vec<Failure> = [attacks, engine, contract, fuzzed].into_iter().filter_map(Result::err).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn tests(selection: &[&str], names: &[&str]) -> Result<(), Failure> {
    let mut tests = cargo::command(["test", "--locked", "--no-fail-fast", "--profile", "prove"])?;
    tests.args(selection).args(names).env("DEPLOYCTL_TEST_LONG", "1").env("PROPTEST_CASES", CASES);
    cargo::run(&mut tests)
}
