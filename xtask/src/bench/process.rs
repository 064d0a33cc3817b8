//! What one run of a program costs: time, memory, bytes written, syncs.
//!
//! Memory and bytes come from `/proc`, so they are had on Linux only; elsewhere the table says so.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::disk;
use crate::{Failure, cargo};

/// What a run cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// From start to end.
    pub time: Duration,
    /// What the processors worked on it, all threads together, to a hundredth of a second; zero if that could not be seen.
    /// Unlike `time` it says nothing of what else the machine did meanwhile.
    pub work: Duration,
    /// The most memory held at once, in bytes; 0 if that could not be seen.
    pub memory: u64,
    /// Bytes handed to the kernel to be written.
    pub written: u64,
}

/// No single run takes this long: one that does waits for something that will not come.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// Runs a program to its end with its output thrown away, and answers what that cost.
pub fn measure(command: &mut Command) -> Result<Cost, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let shown = cargo::shown(command);
    let begun = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("cannot run {shown}: {error}"))?;
    let stderr = child.stderr.take().map(drain);
    let mut cost = watch(&mut child, begun).map_err(|error| format!("cannot wait for {shown}: {error}"))?;
    let status = child.wait().map_err(|error| format!("cannot wait for {shown}: {error}"))?;
    if cost.time == Duration::ZERO {
        cost.time = begun.elapsed();
    }
    if status.success() {
        return Ok(cost);
    }
    let said = stderr.and_then(|thread| thread.join().ok()).unwrap_or_default();
    let last: Vec<&str> = said.lines().rev().take(20).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(format!("`{shown}` failed ({status}):\n{}", last.join("\n")))
}

/// Reads to the end in a thread of its own, so that a talkative program is not held up.
fn drain(mut pipe: std::process::ChildStderr) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut said = Vec::new();
        // What could be read is what there is to show.
        let _ = std::io::Read::read_to_end(&mut pipe, &mut said);
        String::from_utf8_lossy(&said).into_owned()
    })
}

/// Watches a process until it is over but not yet collected, when its counters can still be read.
fn watch(child: &mut Child, begun: Instant) -> std::io::Result<Cost> {
    let folder = format!("/proc/{}", child.id());
    let proc = Path::new(&folder);
    let mut cost = Cost::default();
    if !proc.exists() {
        return Ok(cost);
    }
    loop {
        let memory = disk::read(&proc.join("status")).and_then(|status| field(&status, "VmHWM:"));
        cost.memory = cost.memory.max(memory.unwrap_or_default().saturating_mul(1024));
        let stat = disk::read(&proc.join("stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').map_or("Z", |(_, rest)| rest.trim_start());
        if state.starts_with(['Z', 'X']) {
            cost.time = begun.elapsed();
            cost.work = work(state);
            let io = disk::read(&proc.join("io")).unwrap_or_default();
            cost.written = field(&io, "wchar:").unwrap_or_default();
            return Ok(cost);
        }
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            return Err(std::io::Error::other(format!("it had not ended after {} minutes", PATIENCE.as_secs() / 60)));
        }
        // A short run is looked at often, because its time is what counts; a long one seldom, to leave it alone.
        let pause = if begun.elapsed() < Duration::from_millis(100) { 200 } else { 2000 };
        std::thread::sleep(Duration::from_micros(pause));
    }
}

/// User and system time out of what follows the name in `/proc/PID/stat`.
fn work(stat: &str) -> Duration {
    // proc_pid_stat(5): fields 14 and 15, and the state here is field 3. Linux counts them in hundredths of a second.
    let ticks = stat.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>().saturating_mul(10))
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How often a program syncs a file, counted by `strace` in a run of its own; `None` without `strace`.
pub fn syncs(command: &Command, scratch: &Path) -> Option<u64> {
    let counts = scratch.join("syncs");
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "--seccomp-bpf", "-c", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(&counts)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        traced.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    if !traced.status().is_ok_and(|status| status.success()) {
        return None;
    }
    let table = disk::read(&counts)?;
    let rows = table.lines().filter(|line| line.ends_with(" fsync") || line.ends_with(" fdatasync"));
    Some(rows.filter_map(|row| row.split_whitespace().nth(3)?.parse::<u64>().ok()).sum())
}
