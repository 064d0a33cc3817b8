//! `cargo xtask test`: every test there is, with nothing needed but cargo.

use clap::Args;

use crate::{Failure, cargo, output};

/// What `cargo xtask test` takes.
#[derive(Args)]
pub struct Arguments {
    /// Run the long form: more seeds, more kills, more time for each generated test
    #[arg(long)]
    long: bool,
    /// What is passed on to the test programs, such as a part of a test's name
    #[arg(last = true, value_name = "ARGUMENT")]
    passed_on: Vec<String>,
}

/// Builds what the tests run, then runs them.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    // The tests of other crates run the programs too, so these are built beforehand and not as part of one crate's tests.
    output::note("building the programs that the tests run");
    cargo::run(&mut cargo::command(["build", "--workspace", "--bins", "--locked"])?)?;

    let mut tests = cargo::command(["test", "--workspace", "--locked", "--no-fail-fast"])?;
    if arguments.long {
        output::note("the long form takes hours rather than minutes");
        tests.env("DEPLOYCTL_TEST_LONG", "1");
    }
    if !arguments.passed_on.is_empty() {
        tests.arg("--").args(&arguments.passed_on);
    }
    cargo::run(&mut tests)
}
