//! A small guest book in three processes, for the quickstart example to deploy: `store` keeps notes, `api` adds the
//! greeting, `front` makes a page of it.
//!
//! It knows nothing of deployctl: it takes its settings from the environment, as any service does, and answers
//! `/healthz` once it can do its work. It needs the standard library and nothing else.

mod api;
mod front;
mod http;
mod store;

use std::io::{self, Write as _};
use std::process::ExitCode;

/// A role's own reason for not starting or not answering, in words.
type Failure = String;

fn main() -> ExitCode {
    let role = std::env::args().nth(1).unwrap_or_default();
    let ended = match role.as_str() {
        "store" => store::run(),
        "api" => api::run(),
        "front" => front::run(),
        _ => Err("usage: quickstart-app store|api|front".to_owned()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            log(&format!("{role}: {failure}"));
            ExitCode::FAILURE
        }
    }
}

/// One line to the log, which is standard error. A log that cannot be written is no reason to stop serving.
fn log(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A setting that must be there.
fn setting(name: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))
}

/// The port to listen on.
fn port() -> Result<u16, Failure> {
    let text = setting("PORT")?;
    text.parse().map_err(|_| format!("PORT is `{text}`, which is not a port number"))
}
