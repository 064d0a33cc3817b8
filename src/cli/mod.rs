//! The command line: arguments in, a call of the library, its events to a renderer, its outcome to an exit code.
//!
//! One file per command, each thin. What only the command line knows lives here and nowhere else: the flags ([`args`]),
//! the names of environment variables ([`environment`]), exit codes ([`exit`]) and printing ([`output`]).

pub mod args;
mod carry_out;
mod commands;
mod condition;
pub mod environment;
pub mod exit;
mod logging;
pub mod output;
mod progress;
mod prompt;
mod provider_settings;
mod session;
mod signals;
mod single_dash;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use args::Cli;
use environment::Environment;
use exit::Exit;
use output::Output;

use crate::error::Error;

/// How much stack the program gets: configurations nest, and evaluating them recurses.
const STACK: usize = 64 * 1024 * 1024;

/// The hidden first argument with which deployctl starts itself as the supervisor of a local process.
const SUPERVISE: &str = "__supervise";

/// Runs the program and answers its exit code.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|argument| argument == SUPERVISE) {
        return supervise(arguments.get(2));
    }
    let worker = std::thread::Builder::new().name("deployctl".to_owned()).stack_size(STACK);
    let exit = match worker.spawn(move || run(arguments)) {
        Ok(thread) => thread.join().unwrap_or(Exit::Failed),
        Err(_) => Exit::Failed,
    };
    exit.into()
}

/// Becomes a supervisor. It must come before any thread is started.
fn supervise(specification: Option<&OsString>) -> ExitCode {
    #[cfg(feature = "local")]
    if let Some(path) = specification {
        let code = deployctl_provider_local::supervise(std::path::Path::new(path));
        return ExitCode::from(u8::try_from(code).unwrap_or(Exit::Failed as u8));
    }
    let _ = specification;
    Exit::Usage.into()
}

/// Runs with these arguments, the program's name first.
pub fn run(arguments: Vec<OsString>) -> Exit {
    let environment = Environment::of_process();
    let mut parser = Cli::command();
    parser.build();
    let arguments = single_dash::rewrite(&parser, arguments);
    let parsed = parser.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(complaint) => return output::clap(&complaint, environment.color_choice(None)),
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
