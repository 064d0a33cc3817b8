//! Runs the command that an operation asks for: arguments as they are, in its folder, with its environment.

use std::path::Path;
use std::time::Duration;

use deployctl_sdk::program::{Ask, CannotStart, Ended, GRACE, Invocation, Keep};
use deployctl_sdk::{AttrPath, Change, Place, ProviderError, Run, Value};

use super::KEPT;
use crate::attributes::{self as shared, revealed_texts, text, texts};
use crate::duration;

/// Runs the command that `name` of `attributes` says, with their environment and working folder.
///
/// # Errors
/// When it cannot be started or its end cannot be learnt.
pub(crate) async fn run(
    place: &Place,
    attributes: &Value,
    name: &str,
    change: &Change,
    run: &Run,
) -> Result<Ended, ProviderError> {
    let arguments = texts(attributes, name).unwrap_or_default();
    let Some((program, rest)) = arguments.split_first() else {
        return Err(ProviderError::invalid(AttrPath::of(name), format!("`{name}` does not name a program")));
    };
    let folder = place.root.join(text(attributes, "working_dir").unwrap_or_default());
    let stdin = if change.config.is_null() { None } else { text(attributes, "stdin") };
    let limit: Option<Duration> = duration::at(attributes, &AttrPath::of("timeout"))?;
    let invocation = Invocation::new(shared::program(program, &place.root))
        .args(rest)
        .envs(revealed_texts(attributes, "env"))
        .current_dir(&folder)
        .stdin(stdin.unwrap_or_default())
        .keep_stdout(Keep::End(KEPT))
        .keep_stderr(Keep::End(KEPT))
        .limit(limit)
        .patience(Ask::Terminate, Some(GRACE));
    invocation.run(&run.cancel).await.map_err(|error| cannot_start(name, program, &folder, &error))
}

fn cannot_start(name: &str, program: &str, folder: &Path, error: &CannotStart) -> ProviderError {
    if !folder.is_dir() {
        let message = format!("there is no folder {} to run the command in", folder.display());
        return ProviderError::invalid(AttrPath::of("working_dir"), message);
    }
    let error = ProviderError::invalid(AttrPath::of(name), format!("cannot run {program}: {}", error.source));
    error.with_hint(
        "a program with a `/` in its name starts at the configuration's folder, any other is looked up in `PATH`",
    )
}
