//! `deployctl console`: expressions, evaluated with the configuration's variables, locals and recorded resources.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::sync::Arc;

use deployctl_sdk::Value;

use crate::cli::Outcome;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::{self, Session};
use crate::diagnostic::{FileId, SourceMap};
use crate::error::{Error, Result};
use crate::lang::{Scope, evaluate, functions, parse_expression};
use crate::plan::recorded_values;
use crate::render::value;

/// Evaluate expressions.
///
/// Variables, locals and functions mean what they mean in the configuration; resources are as they were recorded. Without
/// `-e`, expressions are read from standard input, one on each line.
#[derive(Debug, clap::Args)]
pub struct Console {
    /// Print the value of this expression; exits with 65 where it is wrong
    #[arg(short, long = "expression", value_name = "EXPRESSION", allow_hyphen_values = true)]
    expression: Option<String>,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Console) -> Outcome {
    session::run(settings, output, false, |session| console(session, arguments))
}

async fn console(session: Session<'_>, arguments: &Console) -> Outcome {
    let project = session.project().await?;
    let current = session.unless_interrupted(project.current()).await?;
    let values = recorded_values(project, &current.state)?;
    let scope = values.top();
    if let Some(text) = &arguments.expression {
        print(session.output, &evaluate_text(text, &scope)?)?;
        return Ok(Exit::Done);
    }
    let asks = io::stdin().is_terminal();
    let mut exit = Exit::Done;
    loop {
        if asks {
            session.output.say("> ");
        }
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        let count = read.map_err(|error| Error::failed(format!("cannot read standard input: {error}")))?;
        match line.trim() {
            _ if count == 0 => break,
            "" => {}
            "exit" | "quit" => break,
            "help" => session.output.say(&help()),
            text => match evaluate_text(text, &scope) {
                Ok(value) => print(session.output, &value)?,
                Err(error) => exit = session.output.fail(&error),
            },
        }
    }
    // Whoever types sees the mistake; whoever pipes needs the exit code.
    Ok(if asks { Exit::Done } else { exit })
}

fn evaluate_text(text: &str, scope: &dyn Scope) -> Result<Value> {
    let mut sources = SourceMap::default();
    let file: FileId = sources.add("expression", text);
    let sources = Arc::new(sources);
    let invalid = |found| Error::invalid(sources.clone(), found);
    let expression = parse_expression(file, text).map_err(invalid)?;
    evaluate(&expression, scope).map_err(invalid)
}

fn print(output: &Output, value: &Value) -> Result<()> {
    if output.json {
        return output.document(value);
    }
    let lines = match value {
        Value::String(_) => vec![value::whole(value, usize::MAX).unwrap_or_default()],
        other => value::all_lines(other, output.out.width),
    };
    output.result(&format!("{}\n", lines.join("\n")));
    Ok(())
}

fn help() -> String {
    let mut out = "Type an expression, or `exit`. The functions are\n".to_owned();
    out.extend(functions().iter().map(|function| format!("  {}\n", function.signature)));
    out
}
