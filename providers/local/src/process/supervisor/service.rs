//! One run of the service, as its supervisor has it: the process, its group, and the pipe that its output comes from.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::net::unix::pipe::Receiver;

use super::super::mark;
use super::super::record::{Folder, Spec};
use super::exec::STAGE;
use super::log::LogFile;

/// A running service.
pub(super) struct Service {
    child: Child,
    group: Pid,
    output: Receiver,
    mark: String,
}

impl Service {
    /// Starts it, through the stage that ties its life to ours.
    pub(super) fn start(spec: &Spec, env: &[(String, String)], folder: &Folder) -> io::Result<Self> {
        let (reader, writer): (PipeReader, _) = io::pipe()?;
        let mut command = Command::new(own_program()?);
        command.arg("__supervise").arg(folder.spec_path()).process_group(0);
        command.env_clear().envs(env.iter().map(|(name, value)| (name, value)));
        command.env(STAGE, std::process::id().to_string());
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let group = pid.ok_or_else(|| io::Error::other("the system gave out a process id of 0"))?;
        let output = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        Ok(Self { child, group, output, mark: mark::value(spec.mark.id, spec.replica) })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended. It is not reaped by this, so that its id and group stay its own.
    pub(super) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.group), options), Ok(None))
    }

    /// Whether neither it nor anything that it started is left.
    pub(super) fn is_gone(&self) -> bool {
        self.has_ended() && mark::bearers(&self.mark).is_empty()
    }

    /// Sends a signal to it and to all in its group.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }

    /// Kills it and everything that it started.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
        mark::bearers(&self.mark).iter().for_each(|process| process.signal(Signal::KILL));
    }

    /// Takes the next piece of output into the log.
    pub(super) async fn pass_on(&mut self, log: &mut LogFile) {
        if self.output.readable().await.is_err() || !self.take(log) {
            // The output was closed. There is nothing more to come, and its end must not keep the supervisor awake.
            std::future::pending::<()>().await;
        }
    }

    /// Takes what is there into the log, and answers whether there may be more.
    fn take(&mut self, log: &mut LogFile) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.output.try_read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                log.write(buffer.get(..count).unwrap_or_default());
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock || error.kind() == io::ErrorKind::Interrupted,
        }
    }

    /// Takes all that is there into the log.
    pub(super) fn drain(&mut self, log: &mut LogFile) {
        let mut buffer = [0_u8; 16 * 1024];
        // Asked of the system itself: the runtime learns only with its next turn that something has come.
        while let Ok(count @ 1..) = rustix::io::read(&self.output, &mut buffer) {
            log.write(buffer.get(..count).unwrap_or_default());
        }
    }

    /// Whether it ended with success, and how in words.
    pub(super) fn reap(&mut self) -> (bool, String) {
        match Child::wait(&mut self.child) {
            Ok(status) => (status.success(), in_words(status)),
            Err(error) => (false, format!("ended in a way that could not be learnt: {error}")),
        }
    }
}

/// Our own program, also when its file was replaced or removed since we were started.
fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
