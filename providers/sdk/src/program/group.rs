//! A program with all that it started: asked to end together, killed together.

use tokio::process::{Child, Command};

use super::Ask;

/// Keeps hold of a program's process group, and kills it when it is dropped before it was released.
pub(super) struct Group {
    #[cfg(unix)]
    id: Option<rustix::process::Pid>,
}

#[cfg(unix)]
impl Group {
    /// Has the command start a group of its own.
    pub(super) fn prepare(command: &mut Command) {
        command.process_group(0);
    }

    pub(super) fn of(child: &Child) -> Self {
        Self { id: child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) }
    }

    /// Asks all of it to end.
    pub(super) fn ask(&self, ask: Ask) {
        let signal = match ask {
            Ask::Interrupt => rustix::process::Signal::INT,
            Ask::Terminate => rustix::process::Signal::TERM,
        };
        self.signal(signal);
    }

    /// Ends all of it at once. Only while the program is not reaped, so that the group cannot be anybody else's.
    pub(super) fn kill(&self) {
        self.signal(rustix::process::Signal::KILL);
    }

    /// Whether the program has ended, without reaping it.
    pub(super) fn has_ended(&self) -> bool {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.id.is_none_or(|id| !matches!(waitid(WaitId::Pid(id), options), Ok(None)))
    }

    /// The program has ended and was reaped: its process id may be another's now.
    pub(super) fn release(&mut self) {
        self.id = None;
    }

    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(id) = self.id {
            // Failing means that nothing is left of it.
            let _ = rustix::process::kill_process_group(id, signal);
        }
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where there are no process groups the program alone is killed, when it is dropped.
#[cfg(not(unix))]
impl Group {
    pub(super) fn prepare(_: &mut Command) {}

    pub(super) fn of(_: &Child) -> Self {
        Self {}
    }

    pub(super) fn ask(&self, _: Ask) {}

    pub(super) fn kill(&self) {}

    pub(super) fn has_ended(&self) -> bool {
        true
    }

    pub(super) fn release(&mut self) {}
}
