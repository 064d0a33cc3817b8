//! `health { … }`: its schema, and the check that its evaluated form describes.

use std::time::Duration;

use deployctl_sdk::{Attribute, Type, Value};

use super::blocks::Health;
use super::duration;

/// A check ready to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// How long to wait between two tries.
    pub interval: Duration,
    /// How long one try may take.
    pub timeout: Duration,
    /// How many tries may fail before it counts as unhealthy.
    pub retries: u32,
    /// For how long after the start failures do not count.
    pub start_period: Duration,
    /// What the interval is multiplied by after each failure.
    pub backoff: f64,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A GET request.
    Http {
        /// Where.
        url: String,
        /// The status that must be answered; any from 200 to 399 where it is not said.
        expect_status: Option<u16>,
    },
    /// A connection to `host:port`.
    Tcp(String),
    /// A command that must end with 0: the program and its arguments.
    Command(Vec<String>),
    /// The engine's own notion.
    Engine,
}

/// Why a `health` block describes no check. Never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadHealth {
    /// The attribute at fault, if it is one.
    pub attribute: Option<&'static str>,
    /// What is wrong.
    pub message: String,
}

/// The kinds of probe: exactly one of them must be given.
pub(super) const PROBES: [&str; 4] = ["http", "tcp", "command", "engine"];

/// The attributes that are lengths of time.
pub(super) const DURATIONS: [&str; 3] = ["interval", "timeout", "start_period"];

impl Health {
    /// What stands in a `health` block, for [`Body::evaluate`](super::Body::evaluate).
    pub fn attributes() -> Vec<Attribute> {
        vec![
            Attribute::optional("http", Type::String, "A URL that must answer a GET request."),
            Attribute::optional(
                "expect_status",
                Type::Number,
                "The status that `http` must answer; any from 200 to 399 where it is not given.",
            ),
            Attribute::optional("tcp", Type::String, "A `host:port` that must accept connections."),
            Attribute::optional(
                "command",
                Type::List(Box::new(Type::String)),
                "A program and its arguments that must end with 0.",
            ),
            Attribute::optional("engine", Type::Bool, "Whether to ask the engine for its own notion of health."),
            Attribute::optional("interval", Type::String, "How long to wait between two tries.").with_default("1s"),
            Attribute::optional("timeout", Type::String, "How long one try may take.").with_default("5s"),
            Attribute::optional("retries", Type::Number, "How many tries may fail.").with_default(30),
            Attribute::optional("start_period", Type::String, "For how long after the start failures do not count.")
                .with_default("0s"),
            Attribute::optional("backoff", Type::Number, "What the interval is multiplied by after each failure.")
                .with_default(1),
        ]
    }
}

impl HealthCheck {
    /// The check that an evaluated `health` block describes. All of it must be known.
    ///
    /// # Errors
    /// [`BadHealth`] names the attribute at fault.
    pub fn from_value(value: &Value) -> Result<Self, BadHealth> {
        Ok(Self {
            probe: probe(value)?,
            interval: time(value, "interval")?,
            timeout: time(value, "timeout")?,
            retries: whole(value, "retries", 1)?,
            start_period: time(value, "start_period")?,
            backoff: backoff(value)?,
        })
    }
}

fn probe(value: &Value) -> Result<Probe, BadHealth> {
    let engine = value.get("engine").and_then(Value::as_bool).unwrap_or(false);
    let given =
        PROBES.iter().filter(|name| if **name == "engine" { engine } else { value.get(name).is_some() }).count();
    if given != 1 {
        let message = "`health` needs one of `http`, `tcp`, `command` and `engine = true`".to_owned();
        return Err(BadHealth { attribute: None, message });
    }
    if engine {
        return Ok(Probe::Engine);
    }
    if value.get("http").is_some() {
        let expect_status = match value.get("expect_status") {
            Some(_) => Some(
                u16::try_from(whole(value, "expect_status", 100)?)
                    .map_err(|_| bad("expect_status", "must be a status like 200"))?,
            ),
            None => None,
        };
        let url = text(value, "http")?;
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(bad("http", "must begin with `http://` or `https://`"));
        }
        return Ok(Probe::Http { url, expect_status });
    }
    if value.get("tcp").is_some() {
        let address = text(value, "tcp")?;
        let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        return if matches!(port, Some(Ok(_))) {
            Ok(Probe::Tcp(address))
        } else {
            Err(bad("tcp", "must be `host:port`"))
        };
    }
    let words = value.get("command").and_then(Value::as_list).unwrap_or_default();
    let words: Option<Vec<String>> = words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
    match words {
        Some(words) if !words.is_empty() => Ok(Probe::Command(words)),
        _ => Err(bad("command", "must name a program")),
    }
}

fn bad(attribute: &'static str, rest: &str) -> BadHealth {
    BadHealth { attribute: Some(attribute), message: format!("`{attribute}` of `health` {rest}") }
}

fn text(value: &Value, name: &'static str) -> Result<String, BadHealth> {
    let text = value.get(name).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| bad(name, "must be a string that is known by now"))
}

fn time(value: &Value, name: &'static str) -> Result<Duration, BadHealth> {
    duration::parse(&text(value, name)?).map_err(|_| bad(name, "must be a duration like `500ms`, `30s` or `1h30m`"))
}

fn whole(value: &Value, name: &'static str, least: u32) -> Result<u32, BadHealth> {
    let number = value.get(name).and_then(Value::as_i64).and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| *number >= least)
        .ok_or_else(|| bad(name, &format!("must be a whole number, at least {least}")))
}

fn backoff(value: &Value) -> Result<f64, BadHealth> {
    let number = value.get("backoff").and_then(Value::as_number).map(deployctl_sdk::Number::to_f64);
    number
        .filter(|number| (1.0..=100.0).contains(number))
        .ok_or_else(|| bad("backoff", "must be a number from 1 to 100"))
}
