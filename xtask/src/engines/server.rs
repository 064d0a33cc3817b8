//! Servers that outlive the run that started them, and are found again by a later one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::place::Place;
use super::programs;
use super::surroundings::Surroundings;
use crate::{Failure, files, output};

/// How often a server is asked whether it answers yet.
const PAUSE: Duration = Duration::from_millis(100);

/// A server to be started.
pub struct Server<'a> {
    /// The engine that it belongs to.
    pub engine: &'static str,
    /// What it is called in files, if an engine has several.
    pub name: &'a str,
    /// How long it may take until it answers.
    pub patience: Duration,
    /// Whether it answers.
    pub answers: &'a dyn Fn() -> bool,
}

impl Server<'_> {
    /// Starts it in a session of its own, with its output in a log, unless it answers already.
    pub fn start(&self, place: &Place, surroundings: &mut Surroundings, command: &Command) -> Result<(), Failure> {
        if (self.answers)() {
            return Ok(());
        }
        let log = place.log(self.name);
        let opened = std::fs::OpenOptions::new().create(true).write(true).truncate(true).open(&log);
        let out = opened.map_err(|error| files::failed("open", &log, &error))?;
        let err = out.try_clone().map_err(|error| files::failed("open", &log, &error))?;
        // Without a session of its own it would end with the terminal.
        let mut detached = Command::new("setsid");
        detached.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => detached.env(name, value),
                None => detached.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            detached.current_dir(folder);
        }
        let started = detached.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let mut child = started.map_err(|error| format!("cannot run `setsid {}`: {error}", self.name))?;
        let record = format!("{} {}\n", child.id(), started_at(child.id()).unwrap_or_default());
        files::write(&place.record(self.name), record.as_bytes())?;
        let begun = Instant::now();
        while !(self.answers)() {
            if let Ok(Some(status)) = child.try_wait() {
                files::remove(&place.record(self.name))?;
                return Err(format!("{} ended ({status}){}", self.name, programs::end_of(&log)));
            }
            if begun.elapsed() > self.patience {
                let waited = self.patience.as_secs();
                let ended = stop(place, self.name, Duration::from_secs(20)).err();
                let ended = ended.map(|failure| format!("; {failure}")).unwrap_or_default();
                return Err(format!("{} did not answer within {waited} s{ended}{}", self.name, programs::end_of(&log)));
            }
            std::thread::sleep(PAUSE);
        }
        output::note(&format!("engines: started {}", self.name));
        if !surroundings.started.contains(&self.engine) {
            surroundings.started.push(self.engine);
        }
        Ok(())
    }
}

/// Asks a server that we started to end, and waits until it has. One that we did not start is left alone.
pub fn stop(place: &Place, name: &str, patience: Duration) -> Result<(), Failure> {
    let record = place.record(name);
    let Some(process) = recorded(&record) else { return Ok(()) };
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        let refused = |error| format!("{name} (process {process}) cannot be told to end: {error}");
        kill_process(pid, Signal::TERM).map_err(refused)?;
        let begun = Instant::now();
        while recorded(&record).is_some() {
            if begun.elapsed() > patience {
                return Err(format!("{name} (process {process}) has not ended in {} s", patience.as_secs()));
            }
            std::thread::sleep(PAUSE);
        }
        output::note(&format!("engines: stopped {name}"));
    }
    files::remove(&record)
}

/// Whether a server runs that we started.
pub fn running(place: &Place, name: &str) -> bool {
    recorded(&place.record(name)).is_some()
}

/// The process of a record, if it is still that one: numbers are used again.
fn recorded(record: &Path) -> Option<u32> {
    let text = files::read(record)?;
    let (process, started) = text.trim().split_once(' ')?;
    let process = process.parse().ok()?;
    (started_at(process).as_deref() == Some(started)).then_some(process)
}

/// When a living process was started, in the kernel's own count.
fn started_at(process: u32) -> Option<String> {
    let stat = files::read(Path::new(&format!("/proc/{process}/stat")))?;
    // The name in brackets may hold anything, so fields are counted from its end.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    match fields.first() {
        Some(&"Z" | &"X") | None => None,
        Some(_) => fields.get(19).map(|started| (*started).to_owned()),
    }
}
