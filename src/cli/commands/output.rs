//! `deployctl output`: the outputs of the last run.

use deployctl_sdk::Value;

use crate::cli::Outcome;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::{self, Session};
use crate::diagnostic::did_you_mean;
use crate::error::{Error, Result};
use crate::render::{state, value};

/// Print outputs.
///
/// With NAME the bare value, for scripts; a sensitive one only when it is asked for by name.
#[derive(Debug, clap::Args)]
pub struct OutputValue {
    /// Only this output
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print the value as it is, without quotes; it always is with NAME
    #[arg(long, hide = true)]
    raw: bool,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &OutputValue) -> Outcome {
    session::run(settings, output, false, |session| print(session, arguments))
}

async fn print(session: Session<'_>, arguments: &OutputValue) -> Outcome {
    let state = session.state().await?;
    let output = session.output;
    let Some(name) = &arguments.name else {
        if output.json {
            output.document(&state.outputs)?;
        } else if state.outputs.is_empty() {
            output.say("There are no outputs.\n");
        } else {
            output.result(&state::outputs(&state, output.out));
        }
        return Ok(Exit::Done);
    };
    let Some(found) = state.outputs.get(name.as_str()) else {
        let error = Error::failed(format!("there is no output `{name}`"));
        return Err(match did_you_mean(name, state.outputs.keys().map(|name| &**name)) {
            Some(close) => error.with_hint(format!("did you mean `{close}`?")),
            None => error.with_hint("`deployctl output` lists them; they come with the next apply"),
        });
    };
    if found.contains_withheld() {
        return Err(Error::failed(format!("the output `{name}` is made from a secret, and secrets are not kept"))
            .with_hint("ask the place that the secret comes from"));
    }
    // Asked for by its name, a secret is handed over: that is what it is an output for.
    let found = found.reveal();
    if output.json {
        output.document(&found)?;
    } else {
        bare(output, &found)?;
    }
    Ok(Exit::Done)
}

fn bare(output: &Output, found: &Value) -> Result<()> {
    match found {
        Value::String(text) => output.result(&format!("{text}\n")),
        Value::List(_) | Value::Map(_) => output.document(found)?,
        other => output.result(&format!("{}\n", value::inline(other, usize::MAX))),
    }
    Ok(())
}
