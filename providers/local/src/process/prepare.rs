//! Settles a process's configuration: what it promises to be, and its ports where they are fixed.

use deployctl_sdk::{AttrPath, Desired, Prepared, ProviderError, Value};

use super::config::Config;
use super::expand::unknown_port;
use crate::attributes::with;

/// Checks and settles one configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn prepare(desired: &Desired) -> Result<Prepared, Vec<ProviderError>> {
    let config = &desired.config;
    let read = Config::read(config)?;
    let mut problems = Vec::new();
    if !config.get("port").is_some_and(Value::contains_unknown) {
        let names: Vec<&str> = read.ports.iter().map(|port| port.name.as_str()).collect();
        for (path, text) in texts_with_placeholders(config) {
            if let Some(unknown) = unknown_port(&text, &names) {
                let error = ProviderError::invalid(path, format!("there is no port `{unknown}`"));
                problems.push(error.with_hint("say what it is in a `port` block"));
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut settled = vec![("status", Value::from("running"))];
    let fixed = read.ports.iter().all(|port| port.range.0 == port.range.1 && port.range.0 != 0);
    if fixed && !["port", "replicas"].iter().any(|name| config.get(name).is_some_and(Value::contains_unknown)) {
        let number = |number: u16| Value::list([Value::from(i64::from(number))]);
        settled.push(("ports", Value::map(read.ports.iter().map(|port| (port.name.as_str(), number(port.range.0))))));
    }
    Ok(Prepared { config: with(config, settled), captured: Vec::new() })
}

/// The texts in which ports may be named, but for sensitive ones, which must not turn up in a message.
fn texts_with_placeholders(config: &Value) -> Vec<(AttrPath, String)> {
    let mut texts = Vec::new();
    for (index, arg) in config.get("args").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
        texts.push((AttrPath::of("args").index(index), arg));
    }
    for (name, value) in config.get("env").and_then(Value::as_map).into_iter().flatten() {
        texts.push((AttrPath::of("env").key(name.clone()), value));
    }
    let plain = texts.into_iter().filter(|(_, value)| !value.contains_sensitive());
    plain.filter_map(|(path, value)| Some((path, value.as_str()?.to_owned()))).collect()
}
