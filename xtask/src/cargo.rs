//! Cargo, as chores use it: always the one that runs us, always from the top of the checkout.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;

/// The top of the checkout.
pub fn root() -> Result<PathBuf, Failure> {
    let xtask =
        std::env::var_os("CARGO_MANIFEST_DIR").ok_or("run it as `cargo xtask …`, so that it knows where it is")?;
    Path::new(&xtask).parent().map(Path::to_owned).ok_or_else(|| "the xtask folder has no folder above it".to_owned())
}

/// `cargo` with those arguments.
pub fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.args(arguments).current_dir(root()?);
    // Said by the cargo that runs us, of this package. Build scripts look at these, so they would run anew, and all that
    // depends on them be built again, whenever a build begins here after one from a shell, or the other way round.
    let about_us = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    });
    for name in about_us {
        command.env_remove(name);
    }
    Ok(command)
}

/// Runs cargo to its end, on our own terminal.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let status =
        command.stdin(Stdio::null()).status().map_err(|error| format!("cannot run {}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", shown(command))) }
}

/// Builds all tests and the programs that they run. Cargo chooses the features of a dependency by what is built with it, so
/// whoever needs one of these after the others takes them all from here, and nothing is built twice.
pub const EVERYTHING: [&str; 5] = ["build", "--workspace", "--bins", "--tests", "--locked"];

/// Builds a program with the `dev` profile and answers where it is.
pub fn build(package: &str, program: &str) -> Result<PathBuf, Failure> {
    built(&["build", "--locked", "--package", package, "--bin", program], program)
}

/// Runs that `cargo build`, and answers where it put a program.
pub fn built(arguments: &[&str], program: &str) -> Result<PathBuf, Failure> {
    let mut command = command(arguments)?;
    // The messages name the file that was made, whatever target folder is configured; complaints still go to the terminal.
    command.args(["--message-format", "json-render-diagnostics"]).stdin(Stdio::null()).stderr(Stdio::inherit());
    let built = command.output().map_err(|error| format!("cannot run {}: {error}", shown(&command)))?;
    if !built.status.success() {
        return Err(format!("`{}` failed ({})", shown(&command), built.status));
    }
    let messages = String::from_utf8_lossy(&built.stdout);
    let executable =
        messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()).find_map(|message| {
            let is_it = message.get("target")?.get("name")?.as_str()? == program
                && message.get("profile")?.get("test")? == &serde_json::Value::Bool(false);
            message.get("executable")?.as_str().filter(|_| is_it).map(PathBuf::from)
        });
    executable.ok_or_else(|| format!("`{}` did not say where it put {program}", shown(&command)))
}

/// The command as it could be typed.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
