//! Asking before acting.

use std::io::{self, BufRead as _, IsTerminal as _};

use super::output::Output;
use super::signals::unless_interrupted;
use crate::apply::Interrupt;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::render::text::clean;
use crate::render::{Paint, reason};

/// Refuses where nobody could be asked.
///
/// # Errors
/// When there is no terminal, or results are for programs.
pub fn must_be_possible(output: &Output, what: &str) -> Result<()> {
    if io::stdin().is_terminal() && !output.json {
        return Ok(());
    }
    let why = if output.json { "with --json nobody is asked" } else { "there is no terminal to ask on" };
    Err(Error::failed(format!("{what} needs a yes, and {why}")).with_hint(match what {
        "apply" => "add `--auto-approve`, or save a plan with `deployctl plan -o FILE` and apply that",
        _ => "add `--auto-approve`",
    }))
}

/// Says what cannot be undone, and asks.
///
/// # Errors
/// When the answer is not yes, or an interrupt comes first.
pub async fn approve(output: &Output, plan: &Plan, question: &str, interrupt: &Interrupt) -> Result<()> {
    let lost: Vec<_> = plan.risks().into_iter().filter(|(_, risk)| reason::irreversible(risk)).collect();
    if !lost.is_empty() {
        output.say(&format!("\n{}\n", output.err.paint(Paint::Alarm, "No rollback brings this back")));
        for (change, risk) in lost.iter().take(10) {
            let text = if risk.text.is_empty() { change.action.word().to_owned() } else { clean(&risk.text) };
            output.say(&format!("  {}  {text}\n", change.address));
        }
        if lost.len() > 10 {
            output.say(&format!("  … and {} more\n", lost.len() - 10));
        }
    }
    ask(output, question, interrupt).await
}

/// Asks; only `yes` is a yes.
///
/// # Errors
/// When the answer is not yes, or an interrupt comes first.
pub async fn ask(output: &Output, question: &str, interrupt: &Interrupt) -> Result<()> {
    output.say(&format!("\n{} Only `yes` is taken for one: ", output.err.bold(question)));
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let answer = unless_interrupted(interrupt, async {
        let read = answer.await.map_err(|error| Error::failed(format!("cannot read the answer: {error}")))?;
        read.map_err(|error| Error::failed(format!("cannot read the answer: {error}")))
    });
    match answer.await {
        Ok(answer) if answer.trim() == "yes" => Ok(()),
        Ok(_) => Err(Error::failed("that was not a yes; nothing was changed")),
        Err(error) => {
            output.say("\n");
            Err(error)
        }
    }
}
