//! One program that is measured, as the commands that it is told to do the same thing with.

use std::path::Path;
use std::process::Command;

use super::Setting;

/// The image of all containers. It is there, so that no side pulls.
pub const IMAGE: &str = "deployctl-test/busybox:1";

/// A program in its folder.
pub struct Side {
    /// What it is called in the table.
    pub name: &'static str,
    /// The steps in order, each with its name; the same names on all sides. `None` is what a side cannot do.
    pub steps: Vec<(&'static str, Option<Command>)>,
    /// Takes down what is left if a step failed.
    pub cleared: Command,
}

impl Setting<'_> {
    /// A program in a folder, among the engines.
    pub fn command<const N: usize>(&self, program: &Path, folder: &Path, arguments: [&str; N]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder);
        self.surroundings.apply(&mut command);
        command
    }

    /// deployctl in a folder.
    pub fn deployctl<const N: usize>(&self, folder: &Path, arguments: [&str; N]) -> Command {
        self.command(self.program, folder, arguments)
    }

    /// `docker compose` in a folder that holds a `compose.yaml`.
    pub fn compose<const N: usize>(&self, folder: &Path, arguments: [&str; N]) -> Command {
        let mut command = self.command(Path::new("docker"), folder, ["compose"]);
        command.args(arguments);
        command
    }

    /// A name that no other side, and nothing else on the engine, has.
    pub fn name(&self, side: &str) -> String {
        format!("deployctl-bench-{}-{side}-{}", std::process::id(), self.attempt)
    }
}

/// The same command once more.
pub fn again(command: &Command) -> Command {
    let mut again = Command::new(command.get_program());
    again.args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        again.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => again.env(name, value),
            None => again.env_remove(name),
        };
    }
    again
}
