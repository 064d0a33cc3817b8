//! Finding and running the programs that engines are made with.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Failure, cargo, files};

/// Where servers are installed, though not every user's `PATH` names it.
const SYSTEM: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/// How much of a log is shown when something failed.
const SHOWN: usize = 20;

/// A program of that name.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM.into_iter().map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// What a program prints, without the white space around it, if it can be run and succeeds.
pub fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a program that succeeds silently, and answers what it complained of if it does not.
pub fn complaint(command: &mut Command) -> Option<String> {
    match command.stdin(Stdio::null()).output() {
        Err(error) => Some(error.to_string()),
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Runs something long with its output in a log, whose end is shown if it fails.
pub fn logged(command: &mut Command, log: &Path) -> Result<(), Failure> {
    let opened = OpenOptions::new().create(true).append(true).open(log);
    let out = opened.map_err(|error| files::failed("open", log, &error))?;
    let err = out.try_clone().map_err(|error| files::failed("open", log, &error))?;
    let status = command.stdin(Stdio::null()).stdout(out).stderr(err).status();
    let status = status.map_err(|error| format!("cannot run `{}`: {error}", cargo::shown(command)))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("`{}` failed ({status}){}", cargo::shown(command), end_of(log))),
    }
}

/// The last lines of a log, to stand below an error.
pub fn end_of(log: &Path) -> String {
    let text = files::read(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(SHOWN)..).unwrap_or_default();
    format!("; the end of {}:\n  {}", log.display(), last.join("\n  "))
}

/// Whether we may install things and start servers for the whole machine.
pub fn root() -> bool {
    answer(Command::new("id").arg("-u")).as_deref() == Some("0")
}
