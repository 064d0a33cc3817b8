//! `docker_network`: one network of an engine.
//!
//! The engine changes nothing about a network once it is there, so every change is a replacement. What the engine chooses
//! itself (a subnet, a gateway) is told in computed attributes and never compared with a configuration that leaves it out.

mod apply;
mod observe;
mod schema;

use deployctl_sdk::{
    AttrPath, Desired, PlanRequest, PlannedChange, Prepared, ProviderError, RiskKind, Value, default_plan,
};

use crate::mark;
use crate::provider::Site;
pub(crate) use apply::apply;
pub(crate) use observe::{find, find_all, import, read};
pub(crate) use schema::{TYPE, schema};

/// Networks that every engine has, and that are nobody's.
const BUILT_IN: [&str; 3] = ["bridge", "host", "none"];

/// Checks one configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn prepare(desired: &Desired) -> Result<Prepared, Vec<ProviderError>> {
    let config = &desired.config;
    let mut problems = Vec::new();
    if let Some(name) = config.get("name").and_then(Value::as_str) {
        if BUILT_IN.contains(&name) {
            let message = format!("`{name}` is a network that every engine has of itself");
            problems.push(
                ProviderError::invalid(AttrPath::of("name"), message)
                    .with_hint("containers name it in their `network` block; it needs no resource"),
            );
        } else if name.is_empty() || name.chars().any(char::is_whitespace) || name.contains('/') {
            problems.push(ProviderError::invalid(AttrPath::of("name"), format!("{name:?} cannot be a network's name")));
        }
    }
    mark::check_labels(config, &mut problems);
    if problems.is_empty() { Ok(Prepared { config: config.clone(), captured: Vec::new() }) } else { Err(problems) }
}

/// How the configuration was written, where that decides what is compared: in which of the engine's answers somebody is
/// interested. What is in it is shown in plans, so it is nothing secret.
pub(crate) fn identity(config: &Value) -> Option<Value> {
    let shape = ["ipam", "ipam_options", "options"].map(|name| (name, config.get(name).cloned().unwrap_or_default()));
    let shape = Value::map(shape);
    (!shape.contains_sensitive() && !shape.contains_unknown()).then_some(shape)
}

/// Compares; of a network that was found as it is, only what the configuration says is compared.
///
/// # Errors
/// None of its own.
pub(crate) async fn plan(site: &Site, request: &PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
    let config = &request.desired.config;
    let narrowed = |object: &deployctl_sdk::Object| observe::narrowed(object, config);
    let (recorded, observed) = (request.recorded.map(narrowed), request.observed.map(narrowed));
    let request = PlanRequest { recorded: recorded.as_ref(), observed: observed.as_ref(), ..*request };
    let mut planned = default_plan::plan(&request)?;
    if config.get("ipv4").and_then(Value::as_bool) == Some(false) && planned.action != deployctl_sdk::Action::NoOp {
        site.engine
            .require(48, "a network without IPv4 (`ipv4 = false`)")
            .await
            .map_err(|error| ProviderError { attribute: Some(AttrPath::of("ipv4")), ..error })?;
    }
    if matches!(planned.action, deployctl_sdk::Action::Replace(_)) {
        planned.risks.push(deployctl_sdk::Risk {
            kind: RiskKind::Interrupts,
            text: "containers on it are disconnected until they are on the new one".to_owned(),
        });
    }
    Ok(planned)
}
