//! Keeps the notes and counts the visits, in memory. It starts with the notes of the file that `SEED` names.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::http::{self, Request, Response};
use crate::{Failure, port, setting};

#[derive(Default)]
struct Book {
    notes: Vec<String>,
    visits: u64,
}

/// Runs until it is ended.
pub fn run() -> Result<(), Failure> {
    let seed = setting("SEED")?;
    let book = Mutex::new(Book { notes: read_notes(&seed)?, visits: 0 });
    http::serve("store", port()?, move |request| answer(&mut open(&book), request))
}

fn answer(book: &mut Book, request: &Request) -> Response {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/healthz") => Response::text("ok\n"),
        ("GET", "/notes") => Response::text(book.notes.join("\n")),
        ("POST", "/notes") => {
            let note = request.body.replace(char::is_control, " ");
            if !note.trim().is_empty() {
                book.notes.push(note.trim().to_owned());
            }
            Response::text("ok\n")
        }
        ("POST", "/visits") => {
            book.visits += 1;
            Response::text(book.visits.to_string())
        }
        _ => Response::not_found(),
    }
}

/// A thread that panicked in the middle of a change leaves at worst one note too few.
fn open(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the application has no part in deployctl's own file handling")]
fn read_notes(path: &str) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
