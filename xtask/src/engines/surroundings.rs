//! How engines are reached: variables, and folders with programs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// What a program that uses engines needs to be told.
#[derive(Debug, Default)]
pub struct Surroundings {
    variables: BTreeMap<&'static str, String>,
    folders: Vec<PathBuf>,
    /// The servers that were not running before.
    pub started: Vec<&'static str>,
}

impl Surroundings {
    /// Sets a variable.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.insert(name, value.into());
    }

    /// Puts a folder before the others that programs are looked for in.
    pub fn folder(&mut self, folder: PathBuf) {
        if !self.folders.contains(&folder) {
            self.folders.push(folder);
        }
    }

    /// Gives a program all of it.
    pub fn apply(&self, command: &mut Command) {
        command.envs(&self.variables);
        if !self.folders.is_empty() {
            command.env("PATH", self.path());
        }
    }

    /// The lines for a shell.
    pub fn exports(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.variables.iter().map(|(name, value)| format!("export {name}={}", quoted(value))).collect();
        if !self.folders.is_empty() {
            lines.push(format!("export PATH={}", quoted(&self.path().to_string_lossy())));
        }
        lines
    }

    fn path(&self) -> OsString {
        let before = std::env::var_os("PATH").unwrap_or_default();
        let others = std::env::split_paths(&before).filter(|folder| !self.folders.contains(folder));
        let folders: Vec<PathBuf> = self.folders.iter().cloned().chain(others).collect();
        // It came from a variable that was joined the same way, and our own folders are named by us.
        std::env::join_paths(folders).unwrap_or(before)
    }
}

/// A word as a shell needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_survive_a_shell() {
        let mut surroundings = Surroundings::default();
        surroundings.set("ONE", "it's a $HOME");
        assert_eq!(surroundings.exports(), [r"export ONE='it'\''s a $HOME'"]);
    }

    #[test]
    fn a_folder_comes_before_the_users_own_and_only_once() {
        let mut surroundings = Surroundings::default();
        surroundings.folder("/somewhere/bin".into());
        surroundings.folder("/somewhere/bin".into());
        let line = surroundings.exports().remove(0);
        assert!(line.starts_with("export PATH='/somewhere/bin:") || line.starts_with("export PATH=/somewhere/bin:"));
        assert_eq!(line.matches("/somewhere/bin").count(), 1);
    }
}
