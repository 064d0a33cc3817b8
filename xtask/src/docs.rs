//! `cargo xtask docs`: the reference, which is made from the program itself and so cannot contradict it.

use std::process::Command;

use clap::Args;

use crate::{Failure, cargo};

/// What `cargo xtask docs` takes.
#[derive(Args)]
pub struct Arguments {
    /// Write nothing; fail if something is not as it would be written
    #[arg(long)]
    check: bool,
}

/// Leaves the work to `xtask/docs`, which links deployctl, as this program does not.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = cargo::root()?.join("docs");
    if arguments.check {
        // Checked before the tests run, from the same build.
        let program = cargo::built(&cargo::EVERYTHING, "xtask-docs")?;
        return cargo::run(Command::new(program).arg(folder).arg("--check"));
    }
    let mut command = cargo::command(["run", "--quiet", "--locked", "--package", "xtask-docs", "--"])?;
    cargo::run(command.arg(folder))
}
