//! What a database's failure means to people: which right is missing, which database, and what to do next.

use tokio_postgres::error::DbError;

use crate::error::Error;

/// The state that the server gave as a code.
pub(super) fn code(error: &tokio_postgres::Error) -> Option<&str> {
    error.code().map(tokio_postgres::error::SqlState::code)
}

/// Whether another try may do it: the connection broke, the server restarts, two transactions met.
pub(super) fn is_passing(error: &tokio_postgres::Error) -> bool {
    match code(error) {
        None => true,
        // Shut down, crashed, starting up; a deadlock or a serialization failure.
        Some(code) => matches!(code, "57P01" | "57P02" | "57P03" | "40001" | "40P01") || code.starts_with("08"),
    }
}

/// The failure as an error; `what` was to be done, as in "cannot WHAT".
pub(super) fn failed(error: &tokio_postgres::Error, place: &str, user: &str, what: &str) -> Error {
    let Some(told) = error.as_db_error() else {
        return Error::failed(format!("{place} cannot be reached: {}", innermost(error)))
            .with_hint("check the address and the network, and run the command again");
    };
    let said = told.message();
    match told.code().code() {
        "42501" => missing_right(told, place, user, what),
        "28P01" | "28000" => Error::failed(format!("{place} does not accept the user {user}: {said}"))
            .with_hint("check the user in the address, and PGPASSWORD"),
        "3D000" => Error::failed(format!("{place} is not there: {said}"))
            .with_hint("make the database (`createdb`), or correct the address"),
        "53300" => Error::failed(format!("{place} has no connection left: {said}"))
            .with_hint("wait for other programs to end, or raise `max_connections`"),
        "53100" => Error::failed(format!("cannot {what} in {place}: {said}")).with_hint(
            "make room on the server's disk and run the command again; what was recorded before is untouched",
        ),
        "25006" => Error::failed(format!("cannot {what} in {place}: {said}"))
            .with_hint("the server is a standby or set to read only: name the primary in the address"),
        code => Error::failed(format!("cannot {what} in {place}: {said} ({code})")),
    }
}

fn missing_right(told: &DbError, place: &str, user: &str, what: &str) -> Error {
    let grant = if told.message().contains("for database") {
        "let its owner run `grant create on database … to` that user, or make the schema and give it away: `create schema … \
         authorization` that user"
    } else {
        "let the schema's owner run `grant usage on schema …` and `grant select, insert, update, delete on all tables in schema …` \
         (and `usage on all sequences in schema …`) to that user"
    };
    Error::failed(format!("the user {user} may not {what} in {place}: {}", told.message())).with_hint(grant)
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
