//! Who a process is. A process id alone says nothing once the process has ended, for the system gives it out again; with
//! the time it was started and the boot it was started in, it is never taken for another.

use serde::{Deserialize, Serialize};

/// A process that cannot be mistaken for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Its process id.
    pub(crate) pid: u32,
    /// When it was started, in the system's own measure since boot.
    pub(crate) start: u64,
    /// The boot of the machine in which it was started.
    pub(crate) boot: String,
}

impl Identity {
    /// The process that has that id now, unless it has ended and only waits to be noticed.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let start = start_of(pid)?;
        Some(Self { pid, start, boot: boot()? })
    }

    /// This process.
    pub(crate) fn own() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// Whether it is still running.
    pub(crate) fn is_alive(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now == *self)
    }

    /// Sends it a signal, and to nobody else. One that has ended needs none.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw) else { return };
        #[cfg(target_os = "linux")]
        if let Ok(handle) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
            // The handle stays with the process that was looked at, even if its id is given out again meanwhile.
            if self.is_alive() {
                let _ = rustix::process::pidfd_send_signal(handle, signal);
            }
            return;
        }
        if self.is_alive() {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Sends a signal to the process group that it leads, as long as it is alive.
    pub(crate) fn signal_group(&self, signal: rustix::process::Signal) {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw) else { return };
        if self.is_alive() {
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }
}

/// What `/proc/PID/stat` says: the state and the start time.
#[cfg(target_os = "linux")]
fn start_of(pid: u32) -> Option<u64> {
    let stat = deployctl_sdk::fs::read(format!("/proc/{pid}/stat").as_ref()).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The name, in parentheses, may hold anything, parentheses and blanks included: count from behind the last one.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(target_os = "linux")]
fn boot() -> Option<String> {
    let id = deployctl_sdk::fs::read_to_string("/proc/sys/kernel/random/boot_id".as_ref()).ok()?;
    Some(id.trim().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn start_of(pid: u32) -> Option<u64> {
    use sysinfo::{Pid, ProcessStatus, ProcessesToUpdate, System};
    let mut system = System::new();
    let pid = Pid::from_u32(pid);
    system.refresh_processes(ProcessesToUpdate::Some(&[pid]), true);
    let process = system.process(pid)?;
    (!matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead)).then(|| process.start_time())
}

#[cfg(not(target_os = "linux"))]
fn boot() -> Option<String> {
    sysinfo::System::boot_time().ok().map(|time| time.to_string())
}

/// The environment of a running process of ours, as it was started with. Empty where the system does not tell.
pub(crate) fn environment(pid: u32) -> Vec<(String, String)> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let bytes = deployctl_sdk::fs::read(format!("/proc/{pid}/environ").as_ref()).unwrap_or_default();
    let pair = |entry: &[u8]| {
        let entry = String::from_utf8(entry.to_vec()).ok()?;
        entry.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    bytes.split(|byte| *byte == 0).filter_map(pair).collect()
}

/// The ids of all processes that can be seen.
pub(crate) fn all_pids() -> Vec<u32> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let entries = deployctl_sdk::fs::read_dir("/proc".as_ref()).unwrap_or_default();
    entries.iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_itself_and_nobody_else() {
        let own = Identity::own().unwrap();
        assert!(own.is_alive());
        assert!(!Identity { start: own.start + 1, ..own.clone() }.is_alive());
        assert!(!Identity { boot: "another".to_owned(), ..own }.is_alive());
    }
}
