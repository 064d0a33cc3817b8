//! The supervisor: a process in a session of its own that keeps one replica running after deployctl has ended.
//!
//! It starts the service, writes down who it is, keeps its log within bounds, starts it again when it ends, and on
//! `SIGTERM` stops it with all that it started, and ends. On `SIGHUP` it reads its specification again. It gets the
//! service's environment on its standard input, so that nothing of it is ever on disk or in an argument list.

mod exec;
mod log;
mod service;

use deployctl_sdk::source;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use self::log::LogFile;
pub(crate) use self::log::numbered as numbered_log;
use self::service::Service;
use super::config::{Config, Policy, Restart};
use super::identity::Identity;
use super::record::{Folder, Phase, Spec, Status, VERSION};

/// After running this long, earlier restarts do not count any more.
const SETTLED: Duration = Duration::from_secs(60);

/// How long to wait for another supervisor's lock.
const PATIENCE: Duration = Duration::from_secs(2);

/// Supervises the replica with that specification, until it is told to stop or gives up. Answers the exit code.
///
/// It must be called before anything else has started a thread, and does not come back while the service runs.
pub fn supervise(spec_path: &Path) -> i32 {
    if exec::is_asked_for() {
        return exec::run(spec_path);
    }
    // Fails only if this process leads a group already, which does no harm.
    let _ = rustix::process::setsid();
    let Some(folder) = spec_path.parent().map(|path| Folder(path.to_owned())) else { return 64 };
    let Some(own) = Identity::own() else { return 71 };
    let mut input = Vec::new();
    if std::io::stdin().lock().read_to_end(&mut input).is_err() {
        return 65;
    }
    // Whoever was handing the environment over died half-way: nothing is started.
    let Ok((salt, env)) = serde_json::from_slice::<(String, Vec<(String, String)>)>(&input) else { return 65 };
    let Some(_lock) = lock(&folder, &own) else { return 4 };
    let Ok(Some(spec)) = folder.spec() else { return 65 };
    if spec.salt != salt {
        // Whoever started this supervisor died, and another run has come to another specification meanwhile.
        return 65;
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return 71 };
    // Everything happens on this one thread: the system ends the service when the *thread* that started it ends.
    runtime.block_on(async {
        match Supervisor::new(folder, spec, env, own) {
            Some(supervisor) => supervisor.run().await,
            None => 71,
        }
    })
}

/// Takes the lock; a supervisor that finds itself outdated may still hold it for a moment.
fn lock(folder: &Folder, own: &Identity) -> Option<std::fs::File> {
    let until = Instant::now() + PATIENCE;
    loop {
        match folder.lock_for(own) {
            Ok(Some(lock)) => return Some(lock),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
            Ok(None) | Err(_) => return None,
        }
    }
}

struct Supervisor {
    folder: Folder,
    spec: Spec,
    config: Config,
    env: Vec<(String, String)>,
    log: LogFile,
    status: Status,
    signals: Listening,
}

/// The signals that it listens to.
struct Listening {
    terminate: Signals,
    reload: Signals,
    child: Signals,
    /// Taken so that it does not end the supervisor; nothing is done about it.
    _interrupt: Signals,
}

/// What a while of waiting ended with.
enum Woken {
    Terminated,
    Elapsed,
    ServiceEnded,
}

impl Supervisor {
    fn new(folder: Folder, spec: Spec, env: Vec<(String, String)>, own: Identity) -> Option<Self> {
        let config = Config::read(&spec.config).ok()?;
        let log = LogFile::open(&spec.log, &config.log).ok()?;
        let signals = Listening {
            terminate: signal(SignalKind::terminate()).ok()?,
            reload: signal(SignalKind::hangup()).ok()?,
            child: signal(SignalKind::child()).ok()?,
            _interrupt: signal(SignalKind::interrupt()).ok()?,
        };
        let status = Status {
            version: VERSION,
            supervisor: own,
            service: None,
            phase: Phase::Starting,
            restarts: 0,
            started_at: None,
            last_end: None,
        };
        Some(Self { folder, spec, config, env, log, status, signals })
    }

    async fn run(mut self) -> i32 {
        self.tell();
        let mut in_a_row = 0_u64;
        loop {
            let begun = Instant::now();
            let succeeded = match Service::start(&self.spec, &self.env, &self.folder) {
                Ok(mut service) => match self.watch(&mut service).await {
                    Some(succeeded) => succeeded,
                    None => return self.end(None),
                },
                Err(error) => {
                    self.status.last_end = Some(format!("could not be started: {error}"));
                    false
                }
            };
            if begun.elapsed() >= SETTLED {
                in_a_row = 0;
            }
            let again = match self.config.restart.policy {
                Policy::Always => true,
                Policy::OnFailure => !succeeded,
                Policy::Never => false,
            };
            let gave_up = self.config.restart.attempts.is_some_and(|most| in_a_row >= most);
            if !again || gave_up {
                return self.end(None);
            }
            self.status.phase = Phase::Waiting;
            self.status.service = None;
            self.tell();
            let pause = backoff(&self.config.restart, in_a_row);
            if matches!(self.wait(None, pause).await, Woken::Terminated) {
                return self.end(None);
            }
            in_a_row += 1;
            self.status.restarts += 1;
        }
    }

    /// Watches over the service until it ends: whether with success, or `None` if it was told to stop.
    async fn watch(&mut self, service: &mut Service) -> Option<bool> {
        self.status.service = Identity::of(service.pid());
        self.status.started_at = Some(source::now().to_string());
        self.status.phase = Phase::Running;
        self.tell();
        let woken = self.wait(Some(service), Duration::MAX).await;
        let first = if service.has_ended() { Signal::TERM } else { self.config.stop.signal };
        self.stop(service, first).await;
        service.drain(&mut self.log);
        let end = service.reap();
        match woken {
            Woken::Terminated => None,
            _ => {
                self.status.last_end = Some(end.1);
                Some(end.0)
            }
        }
    }

    /// Waits for a time to pass, the service to end or the order to stop, and keeps the log going meanwhile.
    async fn wait(&mut self, mut service: Option<&mut Service>, time: Duration) -> Woken {
        let until = Instant::now().checked_add(time);
        loop {
            if service.as_ref().is_some_and(|service| service.has_ended()) {
                return Woken::ServiceEnded;
            }
            tokio::select! {
                _ = self.signals.terminate.recv() => return Woken::Terminated,
                _ = self.signals.reload.recv() => self.reload(),
                _ = self.signals.child.recv() => {}
                () = output(service.as_deref_mut(), &mut self.log) => {}
                () = until_then(until) => return Woken::Elapsed,
            }
        }
    }

    /// Ends what is left of the service: asks, waits for the grace period, kills.
    async fn stop(&mut self, service: &mut Service, first: Signal) {
        service.signal(first);
        let until = Instant::now().checked_add(self.config.stop.grace);
        while !service.is_gone() && until.is_none_or(|until| Instant::now() < until) {
            tokio::select! {
                _ = self.signals.child.recv() => {}
                () = output(Some(service), &mut self.log) => {}
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }
        service.kill();
    }

    /// Takes over what can be changed while the service runs.
    fn reload(&mut self) {
        let Ok(Some(spec)) = self.folder.spec() else { return };
        let Ok(config) = Config::read(&spec.config) else { return };
        self.log.set_bounds(&config.log);
        self.config = Config { restart: config.restart, stop: config.stop, log: config.log, ..self.config.clone() };
    }

    fn end(mut self, service: Option<Identity>) -> i32 {
        self.status.phase = Phase::Ended;
        self.status.service = service;
        self.tell();
        0
    }

    /// Writes the status down. A full disk must not end the service, so failing is borne.
    fn tell(&self) {
        let _ = self.folder.write_status(&self.status);
    }
}

/// Takes the service's output into the log; never comes back if there is no service.
async fn output(service: Option<&mut Service>, log: &mut LogFile) {
    match service {
        Some(service) => service.pass_on(log).await,
        None => std::future::pending().await,
    }
}

async fn until_then(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

/// How long to wait before the next restart.
fn backoff(restart: &Restart, in_a_row: u64) -> Duration {
    let doublings = u32::try_from(in_a_row.min(31)).unwrap_or(31);
    restart.initial.saturating_mul(1_u32 << doublings).min(restart.max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_bound() {
        let restart = Restart {
            policy: Policy::Always,
            initial: Duration::from_millis(500),
            max: Duration::from_secs(3),
            attempts: None,
        };
        let waits: Vec<u128> = (0..5).map(|count| backoff(&restart, count).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 3000, 3000]);
        assert_eq!(backoff(&restart, u64::MAX), restart.max);
    }
}
