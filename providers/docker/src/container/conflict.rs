//! What the engine's refusals mean for the one who wrote the configuration: a name or a port that somebody else has, an
//! image or a network that is not there.

use deployctl_docker_client::{Address, EngineError};
use deployctl_sdk::{AttrPath, ErrorKind, Ownership, ProviderError, Value, listeners};

use super::inspected::{self, Inspected};
use super::observe;
use super::theme::ports;
use super::values::blocks;
use crate::attributes::text;
use crate::mark;
use crate::provider::Site;

/// The refusal of a name that something not ours has.
pub(crate) fn name_taken(name: &str, holder: &Inspected, mark: &Ownership) -> ProviderError {
    let address = &mark.address;
    let whose = match mark::of(&inspected::labels(holder)) {
        Some(other) if other.lineage == mark.lineage => format!("{} of this configuration", other.address),
        Some(_) => "another deployctl state".to_owned(),
        None => "something that deployctl did not make".to_owned(),
    };
    let message = format!("the name {name} is in use by a container of {whose}");
    let error = ProviderError::new(ErrorKind::NotOurs, message);
    let error = ProviderError { attribute: Some(AttrPath::of("name")), ..error };
    match mark::of(&inspected::labels(holder)) {
        None => error.with_hint(format!("to manage it from now on: deployctl import '{address}' '{name}'")),
        Some(_) => error.with_hint("choose another name, or remove it there"),
    }
}

/// The error for a creation that the engine refused.
pub(crate) fn of_creation(error: EngineError, config: &Value) -> ProviderError {
    let image = text(config, "image").unwrap_or_default();
    if error.is_not_found() && error.message().to_ascii_lowercase().contains("no such image") {
        let message = format!("there is no image {image} on the engine");
        let refused = ProviderError::new(ErrorKind::Refused, message)
            .with_hint("have a `docker_image` resource build or pull it, and refer to that resource's `id`");
        return ProviderError { attribute: Some(AttrPath::of("image")), ..refused };
    }
    network_missing(&error, config).unwrap_or_else(|| error.doing("cannot make the container"))
}

/// A network that is not there, pointed at.
fn network_missing(error: &EngineError, config: &Value) -> Option<ProviderError> {
    if !error.is_not_found() || !error.message().contains("network") {
        return None;
    }
    let all = blocks(config, "network");
    let at = all.iter().position(|block| text(block, "name").is_some_and(|name| error.message().contains(&name)))?;
    let name = all.get(at).and_then(|block| text(block, "name"))?;
    let refused = ProviderError::new(ErrorKind::Refused, format!("there is no network {name} on the engine"))
        .with_hint("have a `docker_network` resource make it, and refer to that resource's `name`");
    Some(ProviderError { attribute: Some(AttrPath::of("network").index(at).key("name")), ..refused })
}

/// The error for a start that the engine refused; for a port in use it says who has it.
pub(crate) async fn of_start(site: &Site, error: EngineError, name: &str, config: &Value) -> ProviderError {
    let words = error.message().to_owned();
    if words.contains("port is already allocated") || words.contains("address already in use") {
        let all = blocks(config, "port");
        let named = |port: u16| words.contains(&format!(":{port} ")) || words.contains(&format!(":{port}:"));
        let at = all.iter().position(|block| ports::fixed(block).is_some_and(named));
        if let Some((at, port)) = at.and_then(|at| Some((at, ports::fixed(all.get(at)?)?))) {
            let holder = holder(site, port).await;
            let message = holder.unwrap_or_else(|| format!("port {port} is in use"));
            let error =
                ProviderError::new(ErrorKind::NotOurs, message).with_hint("stop what holds it, or choose another port");
            return ProviderError { attribute: Some(AttrPath::of("port").index(at).key("external")), ..error };
        }
    }
    network_missing(&error, config).unwrap_or_else(|| error.doing(&format!("container {name} cannot be started")))
}

/// Who holds a port of the machine, in words: a container, or a process where the engine is on this machine.
async fn holder(site: &Site, port: u16) -> Option<String> {
    for summary in observe::list(site, None).await.ok()? {
        let holds = summary.ports.iter().flatten().any(|published| published.public_port == Some(port));
        if !holds {
            continue;
        }
        let name = summary.names.iter().flatten().next().map(|name| name.trim_start_matches('/').to_owned());
        let name = name.or(summary.id.clone()).unwrap_or_default();
        return Some(match summary.labels.as_ref().and_then(mark::of) {
            Some(mark) if mark.lineage == site.place.lineage => {
                format!("port {port} is held by container {name}, which is {}", mark.address)
            }
            Some(_) => format!("port {port} is held by container {name} of another deployctl state"),
            None => format!("port {port} is held by container {name}, which deployctl did not make"),
        });
    }
    if !matches!(site.engine.endpoint().address, Address::Unix(_)) {
        return None;
    }
    listeners::holder(port, &listeners::all())
}
