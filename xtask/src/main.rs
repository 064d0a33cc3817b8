//! The project's own chores, as `cargo xtask CHORE`: what a contributor or the build would otherwise have to remember.
//!
//! It runs the real programs and never links them, so that it is built quickly and works while they do not compile.

mod bench;
mod cargo;
mod docs;
mod engines;
mod files;
mod fuzz;
mod output;
mod prove;
mod quickstart;
mod test;
mod web;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Parser, Subcommand};

/// What shells say of a program that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// Why a chore stopped, in words for the person who ran it.
type Failure = String;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The project's own chores", version)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Measure deployctl, beside Terraform and OpenTofu where they are installed
    Bench(bench::Arguments),
    /// Build deployctl and an example application, and show on this machine what it does with it
    Quickstart(quickstart::Arguments),
    /// Bring up the real servers and programs that the tests run against
    Engines(engines::Arguments),
    /// Run all tests of the workspace
    Test(test::Arguments),
    /// Try the fuzz targets
    Fuzz(fuzz::Arguments),
    /// The long run: attack what the program promises, for as long as it takes
    Prove(prove::Arguments),
    /// Write the parts of docs/ that are made from the program itself
    Docs(docs::Arguments),
}

/// Where a script starts a chore in the background, interrupts are ignored, and what the chore starts would inherit that: the
/// tests, of which some interrupt programs. A signal that is listened to is not inherited so.
fn hear_interrupts() {
    let always = Arc::new(AtomicBool::new(true));
    if let Err(error) =
        signal_hook::flag::register_conditional_shutdown(signal_hook::consts::SIGINT, INTERRUPTED, always)
    {
        output::note(&format!("warning: interrupts cannot be listened to: {error}"));
    }
}

fn main() -> ExitCode {
    hear_interrupts();
    let ended = match Arguments::parse().chore {
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Quickstart(arguments) => quickstart::run(&arguments),
        Chore::Engines(arguments) => engines::run(&arguments),
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
        Chore::Prove(arguments) => prove::run(&arguments),
        Chore::Docs(arguments) => docs::run(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(&format!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}
