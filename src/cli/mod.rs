//! The command line: arguments in, a call of the library, its events to a renderer, its outcome to an exit code.
//!
//! One file per command, each thin. What only the command line knows lives here and nowhere else: the flags ([`args`]),
//! the names of environment variables ([`environment`]), exit codes ([`exit`]) and printing ([`output`]).

pub mod args;
mod commands;
pub mod environment;
pub mod exit;
mod logging;
pub mod output;
mod single_dash;

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _};

use args::Cli;
use environment::Environment;
use exit::Exit;
use output::Output;

use crate::error::Error;

/// How much stack the program gets: configurations nest, and evaluating them recurses.
const STACK: usize = 64 * 1024 * 1024;

/// Runs the program and answers its exit code.
pub fn main() -> std::process::ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    #[cfg(feature = "local")]
    if let [_, command, spec] = arguments.as_slice()
        && command == "__supervise"
    {
        // Hidden, and before anything else: a supervisor must start its service from the program's first thread.
        let code = deployctl_provider_local::supervise(std::path::Path::new(spec));
        return u8::try_from(code).unwrap_or(1).into();
    }
    let worker = std::thread::Builder::new().name("deployctl".to_owned()).stack_size(STACK);
    let exit = match worker.spawn(move || run(arguments)) {
        Ok(thread) => thread.join().unwrap_or(Exit::Failed),
        Err(_) => Exit::Failed,
    };
    exit.into()
}

/// Runs with these arguments, the program's name first.
pub fn run(arguments: Vec<OsString>) -> Exit {
    let environment = Environment::of_process();
    let arguments = single_dash::rewrite(&Cli::command(), arguments);
    let parsed = Cli::command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(complaint) => {
            let color = environment.color_choice(None);
            return output::clap(&complaint, color);
        }
    };
    let settings = match environment.settle(cli.global) {
        Ok(settings) => settings,
        Err(error) => return Output::plain().fail(&error),
    };
    let output = Output::new(settings.color, settings.json);
    if let Err(error) = logging::start(&settings) {
        return output.fail(&error);
    }
    match commands::run(&settings, &output, cli.command) {
        Ok(exit) => exit,
        Err(error) => output.fail(&error),
    }
}

/// What every command answers.
pub type Outcome = Result<Exit, Error>;
