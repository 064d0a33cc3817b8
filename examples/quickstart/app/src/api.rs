//! Answers what the page shows: the greeting, which is its own setting, and the notes and visits, which the store has.
//!
//! What it says is lines of `name<tab>value`, so that nobody needs a library to read it.

use crate::http::{self, Request, Response};
use crate::{Failure, port, setting};

/// Runs until it is ended.
pub fn run() -> Result<(), Failure> {
    let store = setting("STORE")?;
    let greeting = setting("GREETING")?;
    http::serve("api", port()?, move |request| {
        answer(&store, &greeting, request).unwrap_or_else(|failure| Response::unavailable(&failure))
    })
}

fn answer(store: &str, greeting: &str, request: &Request) -> Result<Response, Failure> {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/healthz") => Ok(Response::text(http::ask(store, "GET", "/healthz", "")?)),
        ("GET", "/page") => {
            let visits = http::ask(store, "POST", "/visits", "")?;
            let mut lines = vec![format!("greeting\t{greeting}"), format!("visits\t{visits}")];
            lines.extend(http::ask(store, "GET", "/notes", "")?.lines().map(|note| format!("note\t{note}")));
            Ok(Response::text(lines.join("\n")))
        }
        ("POST", "/notes") => Ok(Response::text(http::ask(store, "POST", "/notes", &request.body)?)),
        _ => Ok(Response::not_found()),
    }
}
