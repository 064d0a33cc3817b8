//! Printing: the only place that does it. Results go to standard output, everything else to standard error; a reader that
//! has gone away is no reason to panic.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{self, IsTerminal as _, Write};

use super::args::ColorWhen;
use super::exit::Exit;
use crate::error::Error;
use crate::render::{Look, report};

/// The two streams, and how texts are to look on each.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// How results look.
    pub out: Look,
    /// How everything else looks.
    pub err: Look,
    /// Whether results are for programs.
    pub json: bool,
    /// Whether somebody watches standard error as it comes.
    pub live: bool,
}

impl Output {
    /// What the flags and the streams allow.
    pub fn new(color: ColorWhen, json: bool) -> Self {
        let look = |terminal: bool| Look {
            color: match color {
                ColorWhen::Always => true,
                ColorWhen::Never => false,
                ColorWhen::Auto => terminal,
            },
            width: if terminal { terminal_width() } else { Look::plain().width },
            cuts: terminal,
        };
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Self { out: look(out), err: look(err), json, live: err && !json }
    }

    /// Neither colour nor JSON: for failures before the flags are known.
    pub fn plain() -> Self {
        Self { out: Look::plain(), err: Look::plain(), json: false, live: false }
    }

    /// Prints a result as it is.
    pub fn result(&self, text: &str) {
        write(&mut io::stdout().lock(), text.as_bytes());
    }

    /// Prints a result of bytes as they are.
    pub fn bytes(&self, bytes: &[u8]) {
        write(&mut io::stdout().lock(), bytes);
    }

    /// Prints a document on a line of its own.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn document(&self, document: &impl serde::Serialize) -> Result<(), Error> {
        let mut stdout = io::BufWriter::new(io::stdout().lock());
        let written = serde_json::to_writer(&mut stdout, document);
        match written {
            Err(error) if !error.is_io() => return Err(Error::failed(format!("cannot write the document: {error}"))),
            Err(_) => {}
            Ok(()) => write(&mut stdout, b"\n"),
        }
        Ok(())
    }

    /// Prints what is not a result.
    pub fn say(&self, text: &str) {
        write(&mut io::stderr().lock(), text.as_bytes());
    }

    /// Prints a failure, and answers its exit code.
    pub fn fail(&self, error: &Error) -> Exit {
        if self.json {
            if let Ok(mut text) = serde_json::to_string(&report::document(error)) {
                text.push('\n');
                self.say(&text);
            }
        } else {
            self.say(&report::error(error, self.err));
        }
        error.into()
    }
}

/// Prints what the argument parser has to say: help and version are results, the rest is wrong usage.
pub fn clap(complaint: &clap::Error, color: ColorWhen) -> Exit {
    let rendered = complaint.render();
    let output = Output::new(color, false);
    if complaint.use_stderr() {
        let text = if output.err.color { rendered.ansi().to_string() } else { rendered.to_string() };
        output.say(&text);
        Exit::Usage
    } else {
        let text = if output.out.color { rendered.ansi().to_string() } else { rendered.to_string() };
        output.result(&text);
        Exit::Done
    }
}

/// Writes all of it. A reader that went away is not told, and any other failure has nowhere left to be told to.
fn write(stream: &mut impl Write, bytes: &[u8]) {
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
}

#[cfg(unix)]
fn terminal_width() -> usize {
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    if columns == 0 { Look::plain().width } else { usize::from(columns).clamp(40, 200) }
}

#[cfg(not(unix))]
fn terminal_width() -> usize {
    Look::plain().width
}
