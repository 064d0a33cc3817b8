//! `deployctl completions`: what a shell needs to complete commands and flags.

use clap::CommandFactory as _;

use crate::cli::Outcome;
use crate::cli::args::Cli;
use crate::cli::exit::Exit;
use crate::cli::output::Output;

/// Print completions for a shell.
///
/// For bash: `deployctl completions bash > ~/.local/share/bash-completion/completions/deployctl`
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// Which shell
    shell: clap_complete::Shell,
}

/// Runs it.
pub fn run(output: &Output, arguments: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "deployctl", &mut script);
    output.bytes(&script);
    Ok(Exit::Done)
}
