//! Terraform's single-dash long flags, accepted as people's fingers know them: `-out p`, `-auto-approve`, `-target=x`.
//!
//! Only the exact names of long flags that the command (or every command) has are rewritten; everything else is left for
//! the parser to judge.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::Command;

/// The arguments with `-name` and `-name=value` turned into `--name` and `--name=value` where `name` is a long flag.
pub fn rewrite(root: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let everywhere: BTreeSet<&str> = long_flags(root).collect();
    let mut command = root;
    let mut here = everywhere.clone();
    let mut rewritten = Vec::with_capacity(arguments.len());
    let mut rest = arguments.into_iter();
    rewritten.extend(rest.next());
    while let Some(argument) = rest.next() {
        let Some(text) = argument.to_str() else {
            rewritten.push(argument);
            continue;
        };
        if text == "--" {
            rewritten.push(argument);
            rewritten.extend(rest);
            break;
        }
        if let Some(below) = command.find_subcommand(text) {
            command = below;
            here = long_flags(below).chain(everywhere.iter().copied()).collect();
        }
        rewritten.push(rewrite_one(text, &here).map_or(argument.clone(), OsString::from));
    }
    rewritten
}

fn rewrite_one(text: &str, flags: &BTreeSet<&str>) -> Option<String> {
    let bare = text.strip_prefix('-').filter(|bare| !bare.starts_with('-'))?;
    let (name, value) = match bare.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (bare, None),
    };
    if name.chars().count() < 2 || !flags.contains(name) {
        return None;
    }
    Some(match value {
        // Terraform writes booleans out; ours are there or not.
        Some("true") if SWITCHES.contains(&name) => format!("--{name}"),
        Some(value) => format!("--{name}={value}"),
        None => format!("--{name}"),
    })
}

/// Switches that Terraform's users write with `=true`.
const SWITCHES: [&str; 6] = ["auto-approve", "destroy", "refresh-only", "detailed-exitcode", "json", "no-color"];

fn long_flags(command: &Command) -> impl Iterator<Item = &str> {
    command
        .get_arguments()
        .flat_map(|argument| argument.get_long().into_iter().chain(argument.get_all_aliases().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;

    /// A parser with the flags that the lines below use.
    fn parser() -> Command {
        let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        let out = Arg::new("out").long("out").short('o');
        let everywhere =
            [Arg::new("dir").short('C').long("dir").alias("chdir").global(true), switch("json").global(true)];
        Command::new("deployctl").args(everywhere).subcommands([
            Command::new("plan").args([out, Arg::new("target").long("target"), switch("detailed-exitcode")]),
            Command::new("apply").args([switch("auto-approve")]),
            Command::new("console").args([Arg::new("expression").short('e')]),
            Command::new("state").subcommand(Command::new("rm")),
            Command::new("version"),
        ])
    }

    fn rewritten(line: &str) -> String {
        let arguments = line.split(' ').map(OsString::from).collect();
        let words = rewrite(&parser(), arguments);
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn terraforms_flags_are_understood() {
        for (line, meant) in [
            ("deployctl plan -out p -target=value.a", "deployctl plan --out p --target=value.a"),
            ("deployctl -chdir=x apply -auto-approve", "deployctl --chdir=x apply --auto-approve"),
            ("deployctl apply -auto-approve=true", "deployctl apply --auto-approve"),
            ("deployctl plan -detailed-exitcode -json", "deployctl plan --detailed-exitcode --json"),
            ("deployctl plan -o p -C dir", "deployctl plan -o p -C dir"),
            ("deployctl console -e -1", "deployctl console -e -1"),
            ("deployctl plan -outt", "deployctl plan -outt"),
            ("deployctl version -out", "deployctl version -out"),
            ("deployctl state rm -- -out", "deployctl state rm -- -out"),
        ] {
            assert_eq!(rewritten(line), meant);
        }
    }
}
