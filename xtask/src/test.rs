//! `cargo xtask test`: every test there is, with the engines that they run against.

use std::thread::ScopedJoinHandle;

use clap::Args;

use crate::engines::Surroundings;
use crate::{Failure, cargo, engines, output};

/// What `cargo xtask test` takes.
#[derive(Args)]
pub struct Arguments {
    /// Run the long form: more seeds, more kills, more time for each generated test
    #[arg(long)]
    long: bool,
    /// At the end, stop the engines that were not running before
    #[arg(long)]
    stop: bool,
    /// What is passed on to the test programs, such as a part of a test's name
    #[arg(last = true, value_name = "ARGUMENT")]
    passed_on: Vec<String>,
}

/// Builds what the tests run, brings up what they run against, then runs them.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Engines that have to be built first give way to cargo.
    let (surroundings, up, built) = std::thread::scope(|scope| {
        let engines = scope.spawn(|| engines::up(engines::TESTED));
        let built = build();
        let (surroundings, up) = joined(engines);
        (surroundings, up, built)
    });
    let tested = built.and_then(|()| test(arguments, &surroundings));
    let stopped = match arguments.stop && !surroundings.started.is_empty() {
        true => engines::stop(&surroundings.started),
        false => Ok(()),
    };
    // Tests whose engine is missing have failed and said so; the reason is repeated where it is seen.
    up.and(tested).and(stopped)
}

fn build() -> Result<(), Failure> {
    output::note("building the tests and the programs that they run");
    cargo::run(&mut cargo::command(cargo::EVERYTHING)?)
}

fn joined(engines: ScopedJoinHandle<'_, (Surroundings, Result<(), Failure>)>) -> (Surroundings, Result<(), Failure>) {
    if !engines.is_finished() {
        output::note("waiting for the engines");
    }
    engines.join().unwrap_or_else(|_| (Surroundings::default(), Err("bringing up the engines panicked".to_owned())))
}

fn test(arguments: &Arguments, surroundings: &Surroundings) -> Result<(), Failure> {
    let mut tests = cargo::command(["test", "--workspace", "--locked", "--no-fail-fast"])?;
    surroundings.apply(&mut tests);
    if arguments.long {
        output::note("the long form takes hours rather than minutes");
        tests.env("DEPLOYCTL_TEST_LONG", "1");
    }
    if !arguments.passed_on.is_empty() {
        tests.arg("--").args(&arguments.passed_on);
    }
    cargo::run(&mut tests)
}
