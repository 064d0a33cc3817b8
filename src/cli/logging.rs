//! Logs for those who look into deployctl itself: to standard error, and only when asked for.

use std::io;

use tracing_subscriber::EnvFilter;

use super::args::LogFormat;
use super::environment::{LOG, Settings};
use crate::error::{Error, Result};

/// Starts logging if anything is to be logged.
pub fn start(settings: &Settings) -> Result<()> {
    let Some(wanted) = &settings.log else { return Ok(()) };
    let filter = EnvFilter::try_new(wanted).map_err(|error| {
        Error::usage(format!("`{wanted}` is not a log level: {error}"))
            .with_hint(format!("`--log-level` and {LOG} take `error`, `warn`, `info`, `debug` or `trace`"))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match settings.log_format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
    started.map_err(|error| Error::failed(format!("cannot start logging: {error}")))
}
