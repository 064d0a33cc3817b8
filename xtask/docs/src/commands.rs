//! The reference of commands, from the same definitions that parse the command line.

use clap::{Arg, ArgAction, Command, CommandFactory as _};
use deployctl::cli::args::Cli;

/// The page.
pub fn page() -> String {
    let mut root = Cli::command();
    root.build();
    let mut text = format!("# Commands\n\n{}.\n", trimmed(root.get_about()));
    text += "\nExit codes, environment variables and formats are in the [guide](guide.md). Long flags may also be written with \
             one dash, as Terraform has them: `-auto-approve`, `-out FILE`.\n";
    text += "\n## Flags of every command\n\n";
    text += &arguments(root.get_arguments().filter(|argument| is_of_every_command(argument)));
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        text += &section(command, "deployctl", 2);
    }
    text
}

fn section(command: &Command, above: &str, level: usize) -> String {
    let path = format!("{above} {}", command.get_name());
    let mut text = format!("\n{} `{path}`\n\n", "#".repeat(level));
    text += &format!("{}\n", trimmed(command.get_long_about().or(command.get_about())));
    let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        text += &format!("\nAlso called {}.\n", aliases.join(", "));
    }
    if command.has_subcommands() {
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            text += &section(below, &path, level + 1);
        }
        return text;
    }
    let usage = command.clone().render_usage().to_string();
    text += &format!("\n```text\n{}\n```\n\n", usage.trim_start_matches("Usage: ").trim());
    text += &arguments(command.get_arguments().filter(|argument| !is_of_every_command(argument)));
    text
}

fn is_of_every_command(argument: &Arg) -> bool {
    argument.is_global_set() || matches!(argument.get_id().as_str(), "help" | "version")
}

fn arguments<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    arguments
        .filter(|argument| !argument.is_hide_set())
        .map(|argument| format!("- {}\n", described(argument)))
        .collect()
}

fn described(argument: &Arg) -> String {
    let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    let values: Vec<&str> = argument.get_value_names().unwrap_or_default().iter().map(|name| name.as_str()).collect();
    let values = values.join(" ");
    let mut names = Vec::new();
    names.extend(argument.get_short().map(|short| format!("-{short}")));
    names.extend(argument.get_long().map(|long| format!("--{long}")));
    let name = match (names.is_empty(), takes_value) {
        (true, _) => values,
        (false, true) => format!("{} {values}", names.join(", ")),
        (false, false) => names.join(", "),
    };
    let mut text = format!("`{name}`: {}", trimmed(argument.get_long_help().or(argument.get_help())));
    let possible: Vec<String> =
        argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if takes_value && !possible.is_empty() {
        text += &format!(" ({})", possible.join(", "));
    }
    text
}

fn trimmed(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default().trim().to_owned()
}
