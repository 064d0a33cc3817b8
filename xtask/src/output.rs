//! The one place where chores print. Results go to standard output, everything said along the way to standard error.
//!
//! A reader that has gone away is no reason to stop a chore half-way, so what cannot be printed is not an error.

use std::io::{self, Write as _};

/// A line of the result.
pub fn result(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// A line on what is being done or what went wrong.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
