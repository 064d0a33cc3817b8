//! Where a secret text comes from on this machine: an environment variable, a file, or what a command prints.
//!
//! No error of this module shows the text, nor anything that a command printed: a command that fails may have printed half
//! of a secret before it did.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The longest text that counts as a secret; what is longer is some other file.
const MOST_BYTES: u64 = 1 << 20;

/// How often a command that runs is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// How long a command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An environment variable.
    Env(String),
    /// A file. `~/` at the beginning is the user's home; else relative to the configuration's folder.
    File(PathBuf),
    /// What a command prints, run in the configuration's folder: its program, then its arguments.
    Command(Vec<String>),
}

/// Why a text is not to be had. Shows nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OriginError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl OriginError {
    /// An error with what to do about it.
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            // Arguments may be long, and are nobody's business where an error is read.
            Self::Command(words) => write!(f, "the command `{}`", words.first().map_or("", String::as_str)),
        }
    }
}

impl Origin {
    /// Fetches the text; `root` is the configuration's folder. One line break at the end of a file or of what a command
    /// printed does not count. Waits for the command, so it must not be called where waiting holds up others.
    ///
    /// # Errors
    /// A variable that is not set or empty, a file that cannot be read, a command that fails, text that is not UTF-8.
    pub fn text(&self, root: &Path) -> Result<String, OriginError> {
        let text = match self {
            Self::Env(name) => {
                let hint = format!("set {name}");
                match std::env::var(name) {
                    Ok(text) if text.is_empty() => Err(OriginError::new(format!("{self} is empty"), hint)),
                    Ok(text) => return Ok(text),
                    Err(std::env::VarError::NotPresent) => Err(OriginError::new(format!("{self} is not set"), hint)),
                    Err(_) => Err(OriginError::new(format!("{self} is not text"), hint)),
                }?
            }
            Self::File(path) => self.utf8(read(&expanded(path, root), self)?)?,
            Self::Command(words) => self.utf8(self.printed(words, root)?)?,
        };
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        match line.is_empty() {
            true => Err(OriginError::new(
                format!("{self} gives an empty text"),
                "it must give the secret, and nothing else",
            )),
            false => Ok(line.to_owned()),
        }
    }

    fn utf8(&self, bytes: Vec<u8>) -> Result<String, OriginError> {
        String::from_utf8(bytes).map_err(|_| {
            OriginError::new(format!("{self} gives something that is not text"), "encode it, as in base64")
        })
    }

    fn printed(&self, words: &[String], root: &Path) -> Result<Vec<u8>, OriginError> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(OriginError::new("the command has no words", "write its program and its arguments as a list"));
        };
        let by_hand =
            "run it by hand in the configuration's folder to see what it says; what it prints is not shown here";
        let mut command = Command::new(program);
        command.args(arguments).current_dir(root);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => OriginError::new(
                format!("there is no program `{program}`"),
                "install it, or name it with its whole path",
            ),
            _ => OriginError::new(format!("{self} cannot be run: {error}"), by_hand),
        })?;
        let mut running = Running(child);
        let output = running.0.stdout.take();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = output.map(|output| output.take(MOST_BYTES + 1).read_to_end(&mut bytes));
            read.transpose().map(|_| bytes)
        });
        let begun = Instant::now();
        let status = loop {
            match running.0.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if begun.elapsed() > COMMAND_TIMEOUT => {
                    let seconds = COMMAND_TIMEOUT.as_secs();
                    return Err(OriginError::new(format!("{self} did not end within {seconds} s"), by_hand));
                }
                Ok(None) => std::thread::sleep(GLANCE),
                Err(error) => return Err(OriginError::new(format!("{self} cannot be waited for: {error}"), by_hand)),
            }
        };
        if !status.success() {
            let how =
                status.code().map_or("was ended by a signal".to_owned(), |code| format!("failed with code {code}"));
            return Err(OriginError::new(format!("{self} {how}"), by_hand));
        }
        let read = reader.join().ok().and_then(Result::ok);
        let bytes = read.ok_or_else(|| OriginError::new(format!("what {self} prints cannot be read"), by_hand))?;
        self.within_bounds(bytes)
    }

    fn within_bounds(&self, bytes: Vec<u8>) -> Result<Vec<u8>, OriginError> {
        match bytes.len() as u64 > MOST_BYTES {
            true => Err(OriginError::new(
                format!("{self} gives more than {} KiB", MOST_BYTES >> 10),
                "that is no secret; name another one",
            )),
            false => Ok(bytes),
        }
    }
}

/// A command that does not outlive the wish for what it prints.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Of one that has ended already both are refused, which is as well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn expanded(path: &Path, root: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => root.join(path),
    }
}

fn read(path: &Path, origin: &Origin) -> Result<Vec<u8>, OriginError> {
    let size = deployctl_sdk::fs::size(path).unwrap_or_default();
    if size > MOST_BYTES {
        return origin.within_bounds(vec![0; usize::try_from(MOST_BYTES + 1).unwrap_or_default()]);
    }
    deployctl_sdk::fs::read(path)
        .map_err(|error| OriginError::new(error.to_string(), "relative paths begin at the configuration's folder"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Origin {
        Origin::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn one_line_break_at_the_end_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        deployctl_sdk::fs::write_new(&folder.path().join("a"), b" hunter2 \r\n", 0o600).unwrap();
        assert_eq!(Origin::File("a".into()).text(folder.path()).unwrap(), " hunter2 ");
        assert_eq!(command(&["printf", "a\n\n"]).text(folder.path()).unwrap(), "a\n");
    }

    #[test]
    fn nothing_that_a_command_printed_is_in_its_error() {
        let folder = tempfile::tempdir().unwrap();
        for words in [["sh", "-c", "echo hunter2; echo hunter2 >&2; exit 3"], ["sh", "-c", "printf 'hunter2\\377'"]] {
            let error = command(&words).text(folder.path()).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let error = command(&["sh", "-c", "exit 3"]).text(folder.path()).unwrap_err();
        assert!(error.message.contains("code 3"), "{error}");
    }

    #[test]
    fn what_is_not_there_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Origin::Env("DEPLOYCTL_TEST_NOT_SET".to_owned()).text(folder.path()).unwrap_err();
        assert!(missing.message.contains("DEPLOYCTL_TEST_NOT_SET is not set"), "{missing}");
        assert!(Origin::File("nothing".into()).text(folder.path()).is_err());
        let missing = command(&["no-such-program-at-all"]).text(folder.path()).unwrap_err();
        assert!(missing.message.contains("no-such-program-at-all"), "{missing}");
        assert!(command(&["true"]).text(folder.path()).unwrap_err().message.contains("empty"));
    }
}
