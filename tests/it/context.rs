//! A folder of its own for each test, the real program, and what it answered with everything that differs from run to run
//! replaced.
#![allow(dead_code, reason = "the modules beside it come one after the other")]

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use assert_cmd::Command;
use regex::Regex;

/// A folder with a configuration, and the program to run in it.
pub struct Context {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What the program answered, filtered.
pub struct Answer {
    /// Its exit code.
    pub code: i32,
    /// Its results.
    pub stdout: String,
    /// Everything else that it said.
    pub stderr: String,
}

impl Context {
    /// An empty folder.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// A folder with this `main.hcl`.
    pub fn with(main: &str) -> Self {
        let context = Self::new();
        context.write("main.hcl", main);
        context
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// What a file holds.
    pub fn read(&self, name: &str) -> String {
        deployctl_sdk::fs::read_to_string(&self.file(name)).unwrap()
    }

    /// Sets an environment variable for the runs that follow.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// The program, about to run in the folder with an environment of its own.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deployctl"));
        command.current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path()).env("TZ", "UTC").env("USER", "ana");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it with these words as arguments.
    pub fn run(&self, line: &str) -> Answer {
        self.run_args(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs it with these arguments.
    pub fn run_args(&self, arguments: &[&str]) -> Answer {
        self.answer(self.command().args(arguments))
    }

    /// Runs it with these words as arguments and this text as its input.
    pub fn run_with_input(&self, line: &str, input: &str) -> Answer {
        self.answer(self.command().args(line.split_whitespace()).write_stdin(input))
    }

    fn answer(&self, command: &mut Command) -> Answer {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| self.filtered(&String::from_utf8_lossy(bytes));
        Answer { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The text with what differs from run to run replaced.
    pub fn filtered(&self, text: &str) -> String {
        let real = self.path().canonicalize().unwrap();
        let mut text = text.replace(&*real.to_string_lossy(), "[FOLDER]");
        text = text.replace(&*self.path().to_string_lossy(), "[FOLDER]");
        if let Some(name) = self.path().file_name() {
            text = text.replace(&*name.to_string_lossy(), "[NAME]");
        }
        for (pattern, replacement) in FILTERS.iter() {
            text = pattern.replace_all(&text, *replacement).into_owned();
        }
        text
    }
}

/// What differs from run to run, the longest patterns first.
static FILTERS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\b[0-9a-f]{64}\b", "[DIGEST]"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[UUID]"),
        (r"(?i)\b((?:digest|apply|destroy|deploy|to \d+|plan) `?)[0-9a-f]{4}-[0-9a-f]{4}\b", "${1}[SHORT]"),
        (r#""short_digest":"[0-9a-f]{4}-[0-9a-f]{4}""#, r#""short_digest":"[SHORT]""#),
        (r"\bana@\S+ *", "ana@[HOST]  "),
        (r"\b(SERIAL|WHEN|WHO|WHAT) {2,}", "$1  "),
        (r"\b\d+\.\d s\b", "[DURATION]"),
        (r"\b\d+ s\b *", "[AGO] "),
        (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
        (r"\b(today|yesterday) \d\d:\d\d", "[WHEN]"),
        (r#""(millis|pid)":\d+"#, r#""$1":0"#),
        (r"\bpid \d+", "pid [PID]"),
    ]
    .into_iter()
    .map(|(pattern, replacement)| (Regex::new(pattern).unwrap(), replacement))
    .collect()
});

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit {}", self.code)?;
        if !self.stdout.is_empty() {
            writeln!(f, "--- stdout\n{}", self.stdout.trim_end_matches('\n'))?;
        }
        if !self.stderr.is_empty() {
            writeln!(f, "--- stderr\n{}", self.stderr.trim_end_matches('\n'))?;
        }
        Ok(())
    }
}
