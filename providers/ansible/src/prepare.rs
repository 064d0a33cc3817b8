//! Checks a configuration beyond its schema, and captures what it names.

use deployctl_sdk::{AttrPath, Desired, Files, Prepared, ProviderError, Value};

use crate::config::text;
use crate::{capture, inventory, secrets};

/// Checks and captures.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn prepare(desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
    let config = &desired.config;
    let mut problems: Vec<ProviderError> = secrets::in_arguments(config).collect();
    for name in
        ["playbook", "destroy_playbook", "vault_password_file", "private_key_file", "collections_path", "binary"]
    {
        if text(config, name).is_some_and(|path| path.trim().is_empty()) {
            problems.push(ProviderError::invalid(AttrPath::of(name), format!("`{name}` is empty")));
        }
    }
    problems.extend(inventory::check(config));
    problems.extend(whole_number(config, "forks", 1));
    problems.extend(whole_number(config, "unreachable_retries", 0));
    if let Some(plan) = text(config, "plan").filter(|plan| plan != "check" && plan != "digest") {
        let message = format!("`plan` is `check` or `digest`, and not `{plan}`");
        problems.push(ProviderError::invalid(AttrPath::of("plan"), message));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let captured = capture::capture(config, files)?;
    Ok(Prepared { config: config.clone(), captured })
}

fn whole_number(config: &Value, name: &str, least: i64) -> Option<ProviderError> {
    let number = config.get(name)?.as_number()?;
    let fits = number.to_i64().is_some_and(|number| (least..=10_000).contains(&number));
    let message = || format!("`{name}` is a whole number from {least} to 10000");
    (!fits).then(|| ProviderError::invalid(AttrPath::of(name), message()))
}
