//! The commands, one file each.

pub mod completions;
pub mod version;

use super::Outcome;
use super::args::Command;
use super::environment::Settings;
use super::output::Output;

/// Runs the command.
pub fn run(settings: &Settings, output: &Output, command: Command) -> Outcome {
    let _ = settings;
    match command {
        Command::Completions(arguments) => completions::run(output, &arguments),
        Command::Version(_) => version::run(output),
    }
}
