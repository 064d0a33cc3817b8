//! The commands, one file each.

pub mod apply;
pub mod completions;
pub mod console;
pub mod destroy;
pub mod fmt;
pub mod graph;
pub mod health;
pub mod history;
pub mod import;
pub mod init;
pub mod list;
pub mod logs;
pub mod output;
pub mod plan;
pub mod rollback;
pub mod schema;
pub mod show;
pub mod state;
pub mod status;
pub mod validate;
pub mod version;

use super::Outcome;
use super::args::Command;
use super::environment::Settings;
use super::output::Output;

/// Runs the command.
pub fn run(settings: &Settings, output: &Output, command: Command) -> Outcome {
    match command {
        Command::Init(_) => init::run(settings, output),
        Command::Validate(_) => validate::run(settings, output),
        Command::Fmt(arguments) => fmt::run(settings, output, &arguments),
        Command::Console(arguments) => console::run(settings, output, &arguments),
        Command::Graph(arguments) => graph::run(settings, output, &arguments),
        Command::Schema(arguments) => schema::run(output, &arguments),
        Command::Plan(arguments) => plan::run(settings, output, &arguments),
        Command::Apply(arguments) => apply::run(settings, output, &arguments),
        Command::Destroy(arguments) => destroy::run(settings, output, &arguments),
        Command::Rollback(arguments) => rollback::run(settings, output, &arguments),
        Command::Show(arguments) => show::run(settings, output, &arguments),
        Command::Output(arguments) => self::output::run(settings, output, &arguments),
        Command::Status(arguments) => status::run(settings, output, &arguments),
        Command::Health(arguments) => health::run(settings, output, &arguments),
        Command::List(_) => list::run(settings, output),
        Command::History(arguments) => history::run(settings, output, &arguments),
        Command::State(command) => state::run(settings, output, command),
        Command::Import(arguments) => import::run(settings, output, &arguments),
        Command::Logs(arguments) => logs::run(settings, output, &arguments),
        Command::Completions(arguments) => completions::run(output, &arguments),
        Command::Version(_) => version::run(output),
    }
}
