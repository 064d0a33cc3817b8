//! Running an engine's own program: Compose, Terraform, Ansible, whatever a configuration names.
//!
//! Providers that drive a program all need the same care: argument vectors and never a shell, deployctl's own settings and
//! keys kept out of its environment, both outputs read while it runs, an interrupt that it may answer in its own time,
//! nothing left behind when it is dropped in the middle, and for those that keep books of their own a way to finish them when
//! deployctl is killed. That care is taken here once. What a program is asked to do, and
//! what its output means, belongs to its provider.

mod ended;
mod group;
mod lines;
mod outlet;
mod run;
mod tail;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use ended::{CannotStart, Ended, Stopped};
pub use lines::Stream;
pub use outlet::wait_for_orphans;
pub use tail::last_lines;

/// How much of an output is kept. What is streamed is streamed whole in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of it.
    Everything,
    /// So many bytes of its end, from the start of a line on.
    End(usize),
}

/// How a program is asked to end when it is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// As a terminal's Ctrl-C does.
    Interrupt,
    /// As an operator's `kill` does.
    Terminate,
}

/// A program that is to be run once. Arguments are seen by everybody on the machine, so nothing sensitive may stand in them;
/// environment and standard input may hold secrets, and so this has no `Debug`.
pub struct Invocation {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    without: Vec<OsString>,
    folder: Option<PathBuf>,
    stdin: Vec<u8>,
    stdout: Keep,
    stderr: Keep,
    limit: Option<Duration>,
    ask: Ask,
    grace: Option<Duration>,
    outlet: Option<PathBuf>,
}

/// How much is kept of an output of which only the end is wanted.
pub const KEPT_END: usize = 64 * 1024;

/// How long a program may take to end after it was asked to, unless [`Invocation::patience`] says otherwise.
pub const GRACE: Duration = Duration::from_secs(5);

impl Invocation {
    /// A program by its path, or by a bare name that is looked up in `PATH`. All of its standard output is kept, and the
    /// end of its standard error; when cancelled it is asked by an interrupt, and killed after [`GRACE`].
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            without: Vec::new(),
            folder: None,
            stdin: Vec::new(),
            stdout: Keep::Everything,
            stderr: Keep::End(KEPT_END),
            limit: None,
            ask: Ask::Interrupt,
            grace: Some(GRACE),
            outlet: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of its environment; the rest is inherited, without what starts with `DEPLOYCTL_`.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets variables of its environment.
    #[must_use]
    pub fn envs<N: Into<OsString>, V: Into<OsString>>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self {
        self.environment.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Keeps an inherited variable from it.
    #[must_use]
    pub fn without_env(mut self, name: impl Into<OsString>) -> Self {
        self.without.push(name.into());
        self
    }

    /// The folder it runs in.
    #[must_use]
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// What it reads from its standard input, which ends after that.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// How much of its standard output is kept.
    #[must_use]
    pub fn keep_stdout(mut self, keep: Keep) -> Self {
        self.stdout = keep;
        self
    }

    /// How much of its standard error is kept.
    #[must_use]
    pub fn keep_stderr(mut self, keep: Keep) -> Self {
        self.stderr = keep;
        self
    }

    /// How long it may run; then it is ended as if it were cancelled.
    #[must_use]
    pub fn limit(mut self, limit: Option<Duration>) -> Self {
        self.limit = limit;
        self
    }

    /// Has it write to files in a private folder that is there, so that it comes to its end undisturbed when deployctl is
    /// killed; the files go when it has ended. Whoever uses the folder later asks [`wait_for_orphans`] first.
    #[must_use]
    pub fn outlives_us(mut self, folder: impl Into<PathBuf>) -> Self {
        self.outlet = Some(folder.into());
        self
    }

    /// How it is asked to end, and how long it may take to do so before it is killed; `None` for as long as it takes.
    #[must_use]
    pub fn patience(mut self, ask: Ask, grace: Option<Duration>) -> Self {
        self.ask = ask;
        self.grace = grace;
        self
    }
}

/// Where a program is: a name with a `/` in it starts at `root`, any other is looked up in `PATH`.
pub fn find(name: &str, root: &Path) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(root.join(name)).filter(|path| crate::fs::is_executable(path));
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file() && crate::fs::is_executable(path))
}
