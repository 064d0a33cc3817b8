//! Runs a program to its end, or ends it.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ended::{CannotStart, Ended, Stopped};
use super::group::Group;
use super::lines::{Output, Stream};
use super::outlet::Outlet;
use super::{Ask, Invocation};

/// How long output is waited for after the program has ended: something it left running may hold it open.
const DRAIN: Duration = Duration::from_millis(500);

/// How often a program that was asked to end, and a file that a program writes to, is looked at.
const LOOK: Duration = Duration::from_millis(10);

type Chunks = mpsc::Receiver<(Stream, Vec<u8>)>;

impl Invocation {
    /// Runs it to its end, and keeps its outputs.
    ///
    /// # Errors
    /// When it cannot be started, or its end cannot be learnt. That it failed is in the answer.
    pub async fn run(self, cancel: &CancellationToken) -> Result<Ended, CannotStart> {
        self.stream(cancel, |_, _| {}).await
    }

    /// Runs it to its end, and hands each line to `line` as it is written.
    ///
    /// # Errors
    /// As [`Invocation::run`].
    pub async fn stream(
        self,
        cancel: &CancellationToken,
        mut line: impl FnMut(Stream, &str) + Send,
    ) -> Result<Ended, CannotStart> {
        let program = self.program.clone();
        let ended = self.carry_out(cancel, &mut line).await;
        ended.map_err(|source| CannotStart { program, source })
    }

    async fn carry_out(
        self,
        cancel: &CancellationToken,
        line: &mut (dyn FnMut(Stream, &str) + Send),
    ) -> std::io::Result<Ended> {
        let mut command = self.command();
        let outlet = match &self.outlet {
            Some(folder) => {
                let (outlet, ends) = Outlet::open(folder)?;
                command.stdout(ends.stdout).stderr(ends.stderr);
                Some(outlet)
            }
            None => None,
        };
        let mut child = command.spawn()?;
        // Our copies of the ends that it writes to are closed with it.
        drop(command);
        let group = Group::of(&child);
        feed(&mut child, self.stdin);
        let source = outlet.map_or_else(|| Source::Pipes(collect(&mut child)), Source::Files);
        let outputs = Outputs { stdout: Output::new(self.stdout), stderr: Output::new(self.stderr), line };
        let watch = Watch { child, group, source, outputs, ask: self.ask, grace: self.grace };
        watch.until_the_end(cancel, self.limit).await
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        // deployctl's own settings, keys and variables are not for the programs that it starts.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DEPLOYCTL_") {
                command.env_remove(name);
            }
        }
        self.without.iter().for_each(|name| _ = command.env_remove(name));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Group::prepare(&mut command);
        command
    }
}

fn feed(child: &mut Child, bytes: Vec<u8>) {
    if let Some(mut pipe) = child.stdin.take() {
        // Ends with the program at the latest: its end of the pipe is closed then.
        tokio::spawn(async move {
            // A program need not read what it is given.
            let _ = pipe.write_all(&bytes).await;
        });
    }
}

fn collect(child: &mut Child) -> Chunks {
    let (sender, chunks) = mpsc::channel(64);
    if let Some(pipe) = child.stdout.take() {
        tokio::spawn(read(pipe, Stream::Stdout, sender.clone()));
    }
    if let Some(pipe) = child.stderr.take() {
        tokio::spawn(read(pipe, Stream::Stderr, sender));
    }
    chunks
}

async fn read(mut pipe: impl AsyncRead + Unpin, stream: Stream, sender: mpsc::Sender<(Stream, Vec<u8>)>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let chunk = buffer.get(..count).unwrap_or_default().to_vec();
        if sender.send((stream, chunk)).await.is_err() {
            break;
        }
    }
}

/// What a program writes, as it comes.
enum Source {
    Pipes(Chunks),
    Files(Outlet),
}

impl Source {
    /// The next piece; `None` once the pipes are closed.
    async fn next(&mut self) -> Option<(Stream, Vec<u8>)> {
        match self {
            Self::Pipes(chunks) => chunks.recv().await,
            Self::Files(outlet) => loop {
                if let Some(piece) = outlet.more() {
                    return Some(piece);
                }
                sleep(LOOK).await;
            },
        }
    }

    /// The same when the program has ended, and what it left running is waited for no longer than that.
    async fn rest(&mut self, overdue: Instant) -> Option<(Stream, Vec<u8>)> {
        match self {
            Self::Pipes(chunks) => tokio::time::timeout_at(overdue, chunks.recv()).await.ok()?,
            Self::Files(outlet) => outlet.more(),
        }
    }
}

struct Outputs<'l> {
    stdout: Output,
    stderr: Output,
    line: &'l mut (dyn FnMut(Stream, &str) + Send),
}

impl Outputs<'_> {
    fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let Self { stdout, stderr, line } = self;
        let output = match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        };
        output.push(bytes, &mut |text| line(stream, text));
    }

    fn finish(self) -> (Vec<u8>, Vec<u8>) {
        let Self { stdout, stderr, line } = self;
        (stdout.finish(&mut |text| line(Stream::Stdout, text)), stderr.finish(&mut |text| line(Stream::Stderr, text)))
    }
}

/// A program that runs.
struct Watch<'l> {
    child: Child,
    group: Group,
    source: Source,
    outputs: Outputs<'l>,
    ask: Ask,
    grace: Option<Duration>,
}

impl Watch<'_> {
    async fn until_the_end(mut self, cancel: &CancellationToken, limit: Option<Duration>) -> std::io::Result<Ended> {
        let overdue = Instant::now() + limit.unwrap_or_default();
        let (status, stopped) = loop {
            tokio::select! {
                Some((stream, bytes)) = self.source.next() => self.outputs.push(stream, &bytes),
                status = self.child.wait() => break (status?, None),
                () = cancel.cancelled() => break (self.end().await?, Some(Stopped::Cancelled)),
                () = sleep_until(overdue), if limit.is_some() => break (self.end().await?, Some(Stopped::TimedOut)),
            }
        };
        self.group.release();
        self.drain().await;
        let (stdout, stderr) = self.outputs.finish();
        Ok(Ended { status, stdout, stderr, stopped })
    }

    /// Asks it to end, goes on reading what it says meanwhile, and kills what is left after the grace period.
    async fn end(&mut self) -> std::io::Result<ExitStatus> {
        self.group.ask(self.ask);
        let overdue = self.grace.map(|grace| Instant::now() + grace);
        while !self.group.has_ended() && overdue.is_none_or(|overdue| Instant::now() < overdue) {
            tokio::select! {
                Some((stream, bytes)) = self.source.next() => self.outputs.push(stream, &bytes),
                () = sleep(LOOK) => {}
            }
        }
        // The program is not reaped before this, so its group cannot be anybody else's.
        self.group.kill();
        self.child.start_kill().or_else(|error| match error.kind() {
            std::io::ErrorKind::InvalidInput => Ok(()),
            _ => Err(error),
        })?;
        self.child.wait().await
    }

    async fn drain(&mut self) {
        let overdue = Instant::now() + DRAIN;
        while let Some((stream, bytes)) = self.source.rest(overdue).await {
            self.outputs.push(stream, &bytes);
        }
    }
}
