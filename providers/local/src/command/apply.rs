//! Runs the command that an operation asks for, and records how it went.

use deployctl_sdk::program::{Ended, Stopped, last_lines};
use deployctl_sdk::{
    Applied, Change, ErrorKind, Mask, Object, Operation, Place, ProviderError, ResourceSchema, Run, Value,
};

use super::expected_codes;
use super::plan::{RESULTS, rerun_by};
use super::run;
use crate::attributes::settled;

/// How many of the last lines of the output an error shows.
const SHOWN_LINES: usize = 20;

/// Does one operation.
pub(crate) async fn apply(place: &Place, schema: &ResourceSchema, change: &Change, run: &Run) -> Applied {
    match change.operation {
        Operation::Create => create(place, schema, change, run).await,
        Operation::Update => update(place, schema, change, run).await,
        Operation::Delete => delete(place, change, run).await,
        Operation::Replace => {
            let message = "local_command is not replaced in one operation";
            Applied::failed(change.prior.clone(), ProviderError::new(ErrorKind::Internal, message))
        }
    }
}

async fn create(place: &Place, schema: &ResourceSchema, change: &Change, run: &Run) -> Applied {
    match execute(place, &change.config, "create", change, run).await {
        Ok(results) => Applied::done(Object::new(settled(schema, &change.config, results))),
        Err(failure) => {
            // With a way to undo what was half done, the record must stay for it to be used.
            let undoable = failure.started && change.config.get("destroy").is_some();
            let object = undoable.then(|| Object::new(settled(schema, &change.config, no_results())));
            Applied { tainted: object.is_some(), ..Applied::failed(object, failure.error) }
        }
    }
}

async fn update(place: &Place, schema: &ResourceSchema, change: &Change, run: &Run) -> Applied {
    let Some(prior) = &change.prior else { return create(place, schema, change, run).await };
    let results = if rerun_by(&prior.attributes, &change.config).is_empty() {
        let kept = |name: &&'static str| (*name, prior.attributes.get(name).cloned().unwrap_or_default());
        Ok(RESULTS.iter().map(kept).collect())
    } else {
        let command = if change.config.get("update").is_some() { "update" } else { "create" };
        execute(place, &change.config, command, change, run).await
    };
    match results {
        Ok(results) => Applied::done(Object::new(settled(schema, &change.config, results))),
        Err(failure) => Applied::failed(Some(prior.clone()), failure.error),
    }
}

async fn delete(place: &Place, change: &Change, run: &Run) -> Applied {
    let Some(prior) = change.prior.as_ref().filter(|prior| prior.attributes.get("destroy").is_some()) else {
        return Applied::gone();
    };
    match execute(place, &prior.attributes, "destroy", change, run).await {
        Ok(_) => Applied::gone(),
        Err(failure) => Applied::failed(Some(prior.clone()), failure.error),
    }
}

/// A command that did not do what it should.
struct Failure {
    error: ProviderError,
    /// Whether it was started at all.
    started: bool,
}

async fn execute(
    place: &Place,
    attributes: &Value,
    name: &str,
    change: &Change,
    run: &Run,
) -> Result<Vec<(&'static str, Value)>, Failure> {
    if run.cancel.is_cancelled() {
        let error = ProviderError::new(ErrorKind::Cancelled, format!("cancelled before the `{name}` command was run"));
        return Err(Failure { error, started: false });
    }
    run.progress.say(format!("running the `{name}` command"));
    let ended = run::run(place, attributes, name, change, run).await;
    let ended = ended.map_err(|error| Failure { error, started: false })?;
    let privacy = Privacy::of(attributes);
    let code = ended.status.code().map(i64::from);
    let expected = code.is_some_and(|code| expected_codes(attributes).contains(&code));
    if ended.stopped.is_some() || !expected {
        return Err(Failure { error: failed(name, attributes, &ended, &privacy), started: true });
    }
    Ok(vec![
        ("stdout", privacy.value(&ended.stdout_text())),
        ("stderr", privacy.value(&ended.stderr_text())),
        ("exit_code", code.map_or(Value::Null, Value::from)),
    ])
}

fn no_results() -> Vec<(&'static str, Value)> {
    RESULTS.iter().map(|name| (*name, Value::Null)).collect()
}

/// What may be shown of a command's output.
struct Privacy {
    sensitive: bool,
    hidden: bool,
    mask: Mask,
}

impl Privacy {
    fn of(attributes: &Value) -> Self {
        let mask = Mask::of(["env", "stdin"].iter().filter_map(|name| attributes.get(name)));
        let asked = attributes.get("capture_sensitive").and_then(Value::as_bool);
        Self { sensitive: asked.unwrap_or(!mask.is_empty()), hidden: asked == Some(true), mask }
    }

    fn value(&self, output: &str) -> Value {
        if self.sensitive { Value::from(output).into_sensitive() } else { Value::from(self.mask.apply(output)) }
    }

    fn lines(&self, output: &str) -> Vec<String> {
        if self.hidden {
            return vec!["(its output is sensitive)".to_owned()];
        }
        last_lines(&self.mask.apply(output), SHOWN_LINES)
    }
}

fn failed(name: &str, attributes: &Value, ended: &Ended, privacy: &Privacy) -> ProviderError {
    let error = match ended.stopped {
        Some(Stopped::Cancelled) => {
            ProviderError::new(ErrorKind::Cancelled, format!("the `{name}` command was cancelled and has ended"))
        }
        Some(Stopped::TimedOut) => {
            let limit = attributes.get("timeout").and_then(Value::as_str).unwrap_or_default().to_owned();
            let message = format!("the `{name}` command took longer than {limit} and was ended");
            ProviderError::new(ErrorKind::Transient, message).with_hint("`timeout` says how long it may take")
        }
        None => ProviderError::new(ErrorKind::Refused, format!("the `{name}` command {}", ended.how())),
    };
    let (stdout, stderr) = (ended.stdout_text(), ended.stderr_text());
    error.with_detail(privacy.lines(if stderr.trim().is_empty() { &stdout } else { &stderr }))
}
