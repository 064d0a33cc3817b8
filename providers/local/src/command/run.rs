//! Runs one command: arguments as they are, output read to its end, and on cancellation nothing left behind.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use deployctl_sdk::{AttrPath, Change, Place, ProviderError, Run, Value};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::KEPT;
use super::tail::Tail;
use crate::attributes::{self as shared, refused, revealed_texts, text, texts};
use crate::duration;

/// How long a command may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// How long output is waited for after the command has ended: something it left running may hold it open.
const DRAIN: Duration = Duration::from_millis(500);

/// How a command ended.
pub(crate) struct Ended {
    /// Its exit status.
    pub(crate) status: ExitStatus,
    /// The end of its standard output.
    pub(crate) stdout: String,
    /// The end of its standard error.
    pub(crate) stderr: String,
    /// Why it was ended, if it did not end by itself.
    pub(crate) stopped: Option<Stopped>,
}

/// Why a command was ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// On request.
    Cancelled,
    /// It took longer than it may.
    TimedOut,
}

/// Runs the command that `name` of `attributes` says, with their environment and working folder.
///
/// # Errors
/// When it cannot be started or its end cannot be learnt.
pub(crate) async fn run(
    place: &Place,
    attributes: &Value,
    name: &str,
    change: &Change,
    run: &Run,
) -> Result<Ended, ProviderError> {
    let arguments = texts(attributes, name).unwrap_or_default();
    let Some((program, rest)) = arguments.split_first() else {
        return Err(ProviderError::invalid(AttrPath::of(name), format!("`{name}` does not name a program")));
    };
    let folder = place.root.join(text(attributes, "working_dir").unwrap_or_default());
    let mut command = Command::new(shared::program(program, &place.root));
    command.args(rest).current_dir(&folder).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_own_variables(&mut command);
    command.envs(revealed_texts(attributes, "env"));
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn().map_err(|error| cannot_start(name, program, &folder, &error))?;
    let stdin = if change.config.is_null() { None } else { text(attributes, "stdin") };
    let limit = duration::at(attributes, &AttrPath::of("timeout"))?;
    watch_over(child, stdin, limit, run).await.map_err(refused)
}

/// Keeps deployctl's own settings, keys and variables from the programs that it starts.
fn without_own_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DEPLOYCTL_") {
            command.env_remove(name);
        }
    }
}

async fn watch_over(
    mut child: Child,
    stdin: Option<String>,
    limit: Option<Duration>,
    run: &Run,
) -> std::io::Result<Ended> {
    let pipe = child.stdin.take();
    let feeding = tokio::spawn(async move {
        if let (Some(mut pipe), Some(text)) = (pipe, stdin) {
            // A command need not read what it is given.
            let _ = pipe.write_all(text.as_bytes()).await;
        }
    });
    let (ended, has_ended) = watch::channel(false);
    let stdout = tokio::spawn(collect(child.stdout.take(), has_ended.clone()));
    let stderr = tokio::spawn(collect(child.stderr.take(), has_ended));
    #[cfg(unix)]
    let guard = Guard::of(&child);
    let waited = tokio::select! {
        status = child.wait() => Ok(status?),
        () = run.cancel.cancelled() => Err(Stopped::Cancelled),
        () = expire(limit) => Err(Stopped::TimedOut),
    };
    let (status, stopped) = match waited {
        Ok(status) => (status, None),
        Err(why) => (end(&mut child).await?, Some(why)),
    };
    #[cfg(unix)]
    guard.release();
    let _ = ended.send(true);
    feeding.abort();
    let (stdout, stderr) = (stdout.await.unwrap_or_default(), stderr.await.unwrap_or_default());
    Ok(Ended { status, stdout, stderr, stopped })
}

async fn expire(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Reads an output to its end, or until a while after the command ended.
async fn collect(pipe: Option<impl AsyncRead + Unpin>, mut has_ended: watch::Receiver<bool>) -> String {
    let mut tail = Tail::new(KEPT);
    let Some(mut pipe) = pipe else { return String::new() };
    let overdue = async move {
        let _ = has_ended.wait_for(|ended| *ended).await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::pin!(overdue);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            read = pipe.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(count) => tail.push(buffer.get(..count).unwrap_or_default()),
            },
            () = &mut overdue => break,
        }
    }
    tail.into_text()
}

/// Kills a command with all that it started if the operation is dropped in the middle.
#[cfg(unix)]
struct Guard(Option<rustix::process::Pid>);

#[cfg(unix)]
impl Guard {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw))
    }

    /// The command has ended and was reaped: its process id may be another's now.
    fn release(mut self) {
        self.0 = None;
    }
}

#[cfg(unix)]
impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Ends the command with all that it started: asks first, and kills what is left after the grace period.
#[cfg(unix)]
async fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    use rustix::process::{Pid, Signal, kill_process_group};
    let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else {
        return child.wait().await;
    };
    let _ = kill_process_group(group, Signal::TERM);
    let asked = tokio::time::Instant::now();
    while asked.elapsed() < GRACE && !has_ended(group) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The child is not reaped before this, so its group cannot be anybody else's.
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().await
}

/// Whether the child has ended, without reaping it.
#[cfg(unix)]
fn has_ended(child: rustix::process::Pid) -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(child), options), Ok(None))
}

#[cfg(not(unix))]
async fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    child.start_kill()?;
    child.wait().await
}

fn cannot_start(name: &str, program: &str, folder: &Path, error: &std::io::Error) -> ProviderError {
    if !folder.is_dir() {
        let message = format!("there is no folder {} to run the command in", folder.display());
        return ProviderError::invalid(AttrPath::of("working_dir"), message);
    }
    let error = ProviderError::invalid(AttrPath::of(name), format!("cannot run {program}: {error}"));
    error.with_hint(
        "a program with a `/` in its name starts at the configuration's folder, any other is looked up in `PATH`",
    )
}
