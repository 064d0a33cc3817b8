//! A process's configuration as a structure: read from settled values, and checked where they are known.

use std::time::Duration;

use deployctl_sdk::{AttrPath, Number, ProviderError, Value};

use crate::attributes::{check_arguments, check_environment, text, texts};
use crate::duration;

/// The most replicas that one resource may have.
const MOST_REPLICAS: i64 = 256;

/// All that matters for running a service, but its environment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) cwd: Option<String>,
    pub(crate) replicas: usize,
    pub(crate) start: Duration,
    pub(crate) ports: Vec<Port>,
    pub(crate) log: Log,
    pub(crate) restart: Restart,
    pub(crate) stop: Stop,
}

/// A port that the service listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    /// The numbers it may have, first and last.
    pub(crate) range: (u16, u16),
    pub(crate) env: Option<String>,
}

/// Where the output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) path: Option<String>,
    pub(crate) max_size: u64,
    pub(crate) max_files: u32,
}

/// What happens when the service ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restart {
    pub(crate) policy: Policy,
    pub(crate) initial: Duration,
    pub(crate) max: Duration,
    pub(crate) attempts: Option<u64>,
}

/// After which ends it is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Always,
    OnFailure,
    Never,
}

/// How the service is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) signal: rustix::process::Signal,
    pub(crate) grace: Duration,
}

impl Config {
    /// Reads a configuration in which everything is known.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn read(config: &Value) -> Result<Self, Vec<ProviderError>> {
        let mut reader = Reader { config, problems: Vec::new() };
        let read = reader.read();
        if reader.problems.is_empty() { Ok(read) } else { Err(reader.problems) }
    }
}

/// Reads what is known, collects what is wrong, and takes defaults for the rest.
struct Reader<'c> {
    config: &'c Value,
    problems: Vec<ProviderError>,
}

impl Reader<'_> {
    fn read(&mut self) -> Config {
        self.only_env_may_be_sensitive();
        self.problems.extend(check_arguments(self.config, "args", false));
        check_environment(self.config, "env", &mut self.problems);
        let command = text(self.config, "command").unwrap_or_default();
        if self
            .config
            .get("command")
            .is_some_and(|value| matches!(value.as_str(), Some(text) if text.trim().is_empty() || text.contains('\0')))
        {
            self.complain(AttrPath::of("command"), "`command` does not name a program");
        }
        let replicas = self.whole(&AttrPath::of("replicas"), 1, 1..=MOST_REPLICAS);
        let config = Config {
            command,
            args: texts(self.config, "args").unwrap_or_default(),
            cwd: text(self.config, "cwd"),
            replicas: usize::try_from(replicas).unwrap_or_default(),
            start: self.start(),
            ports: self.ports(),
            log: self.log(),
            restart: self.restart(),
            stop: self.stop(),
        };
        self.check_together(&config);
        config
    }

    fn only_env_may_be_sensitive(&mut self) {
        let Some(members) = self.config.as_map() else { return };
        for (name, value) in members {
            if !matches!(&**name, "env" | "args") && value.contains_sensitive() {
                let error = ProviderError::invalid(
                    AttrPath::of(name.clone()),
                    format!("`{name}` holds a sensitive value, and everybody on this machine can see it"),
                );
                self.problems.push(error.with_hint("pass it in `env` instead"));
            }
        }
    }

    fn start(&mut self) -> Duration {
        let path = AttrPath::of("start_seconds");
        let seconds = path.look_up(self.config).and_then(Value::as_number).map_or(0.5, Number::to_f64);
        if (0.0..=600.0).contains(&seconds) {
            return Duration::from_secs_f64(seconds);
        }
        self.complain(path, "`start_seconds` must be between 0 and 600");
        Duration::ZERO
    }

    fn ports(&mut self) -> Vec<Port> {
        let blocks = self.config.get("port").and_then(Value::as_list).unwrap_or_default();
        let mut ports: Vec<Port> = Vec::new();
        for (index, block) in blocks.iter().enumerate() {
            let path = AttrPath::of("port").index(index);
            let name = text(block, "name").unwrap_or_else(|| "main".to_owned());
            if ports.iter().any(|port| port.name == name) {
                self.problems.push(
                    ProviderError::invalid(path.key("name"), format!("two ports are called `{name}`"))
                        .with_hint("give each `port` block a `name` of its own"),
                );
            }
            let range = match (block.get("number"), block.get("range")) {
                (Some(number), None) => self.number(&path.key("number"), number),
                (None, Some(range)) => self.range(&path.key("range"), range),
                (None, None) => {
                    self.complain(path, "a port needs `number` or `range`");
                    (0, 0)
                }
                // One that is not known yet may turn out to be null.
                (Some(number), Some(range)) if number.is_unknown() || range.is_unknown() => (0, 0),
                (Some(_), Some(_)) => {
                    self.complain(path.key("range"), "both `number` and `range` are given");
                    (0, 0)
                }
            };
            ports.push(Port { name, range, env: text(block, "env") });
        }
        ports
    }

    fn number(&mut self, path: &AttrPath, value: &Value) -> (u16, u16) {
        if value.is_unknown() {
            return (0, 0);
        }
        match value.as_i64().and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0) {
            Some(number) => (number, number),
            None => {
                self.complain(path.clone(), "a port's number is between 1 and 65535");
                (0, 0)
            }
        }
    }

    fn range(&mut self, path: &AttrPath, value: &Value) -> (u16, u16) {
        let Some(text) = value.as_str() else { return (0, 0) };
        let ends = text.split_once('-').and_then(|(first, last)| {
            let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first > 0 && first <= last).then_some((first, last))
        });
        if ends.is_none() {
            let error = ProviderError::invalid(path.clone(), format!("{text:?} is not a range of ports"));
            self.problems.push(error.with_hint("write it like `8000-8100`"));
        }
        ends.unwrap_or_default()
    }

    fn log(&mut self) -> Log {
        let block = AttrPath::of("log");
        let size_path = block.key("max_size");
        let max_size = match size_path.look_up(self.config).and_then(Value::as_str) {
            None => Some(10 * 1024 * 1024),
            Some(text) => parse_size(text).filter(|size| *size >= 1024),
        };
        if max_size.is_none() {
            let error = ProviderError::invalid(size_path, "`log.max_size` is not a size of at least 1KiB");
            self.problems.push(error.with_hint("write it like `512KiB` or `10MiB`"));
        }
        let max_files = self.whole(&block.key("max_files"), 3, 1..=1000);
        Log {
            path: block.key("path").look_up(self.config).and_then(Value::as_str).map(str::to_owned),
            max_size: max_size.unwrap_or(u64::MAX),
            max_files: u32::try_from(max_files).unwrap_or(1),
        }
    }

    fn restart(&mut self) -> Restart {
        let block = AttrPath::of("restart");
        let policy = match block.key("policy").look_up(self.config).and_then(Value::as_str) {
            None | Some("on_failure") => Policy::OnFailure,
            Some("always") => Policy::Always,
            Some("never") => Policy::Never,
            Some(other) => {
                let error =
                    ProviderError::invalid(block.key("policy"), format!("there is no restart policy {other:?}"));
                self.problems.push(error.with_hint("it is `always`, `on_failure` or `never`"));
                Policy::Never
            }
        };
        let attempts = block.key("max_attempts");
        let limited = attempts.look_up(self.config).is_some_and(|value| !value.is_null());
        let most = self.whole(&attempts, 0, 0..=1_000_000);
        Restart {
            policy,
            initial: self.duration(&block.key("initial_backoff"), Duration::from_millis(500)),
            max: self.duration(&block.key("max_backoff"), Duration::from_secs(30)),
            attempts: if limited { u64::try_from(most).ok() } else { None },
        }
    }

    fn stop(&mut self) -> Stop {
        let block = AttrPath::of("stop");
        let path = block.key("signal");
        let name = path.look_up(self.config).and_then(Value::as_str).unwrap_or("TERM");
        let signal = parse_signal(name).unwrap_or_else(|| {
            let error = ProviderError::invalid(path, format!("there is no signal {name:?} to stop with"));
            self.problems.push(error.with_hint("it is `TERM`, `INT`, `QUIT`, `HUP`, `USR1`, `USR2` or `KILL`"));
            rustix::process::Signal::TERM
        });
        Stop { signal, grace: self.duration(&block.key("grace"), Duration::from_secs(10)) }
    }

    fn check_together(&mut self, config: &Config) {
        if config.replicas <= 1 {
            return;
        }
        for (index, port) in config.ports.iter().enumerate() {
            let (first, last) = port.range;
            if first != 0 && usize::from(last - first) + 1 < config.replicas {
                let path = AttrPath::of("port").index(index);
                let message = format!("there are fewer numbers for the port `{}` than replicas", port.name);
                self.problems.push(ProviderError::invalid(path, message).with_hint("give it a larger `range`"));
            }
        }
        if config.log.path.as_ref().is_some_and(|path| !path.contains("{{replica}}")) {
            let path = AttrPath::of("log").key("path");
            let error = ProviderError::invalid(path, "several replicas cannot write to one log file");
            self.problems.push(error.with_hint("put `{{replica}}` into the path"));
        }
    }

    fn whole(&mut self, path: &AttrPath, default: i64, allowed: std::ops::RangeInclusive<i64>) -> i64 {
        let Some(number) = path.look_up(self.config).and_then(Value::as_number) else { return default };
        match number.to_i64().filter(|number| allowed.contains(number)) {
            Some(number) => number,
            None => {
                let (least, most) = (allowed.start(), allowed.end());
                self.complain(path.clone(), format!("`{path}` must be a whole number from {least} to {most}"));
                default
            }
        }
    }

    fn duration(&mut self, path: &AttrPath, default: Duration) -> Duration {
        match duration::at(self.config, path) {
            Ok(duration) => duration.unwrap_or(default),
            Err(error) => {
                self.problems.push(error);
                default
            }
        }
    }

    fn complain(&mut self, path: AttrPath, message: impl Into<String>) {
        self.problems.push(ProviderError::invalid(path, message));
    }
}

/// Reads a size like `512KiB`, `10MiB` or a plain number of bytes.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(unit_at)?;
    let scale: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

fn parse_signal(name: &str) -> Option<rustix::process::Signal> {
    use rustix::process::Signal;
    Some(match name.strip_prefix("SIG").unwrap_or(name) {
        "TERM" => Signal::TERM,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "HUP" => Signal::HUP,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "KILL" => Signal::KILL,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_nonsense_is_not() {
        assert_eq!(parse_size("10MiB"), Some(10 << 20));
        assert_eq!(parse_size("512 KiB"), Some(512 << 10));
        assert_eq!(parse_size("4096"), Some(4096));
        for nonsense in ["", "MiB", "-1", "1.5MiB", "99999999999999999999GiB", "10µB"] {
            assert_eq!(parse_size(nonsense), None, "{nonsense}");
        }
    }
}
