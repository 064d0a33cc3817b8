//! Reading what the engine says of one container.

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum, HealthStatusEnum};
use deployctl_docker_client::EngineError;
use deployctl_sdk::Value;

use super::theme::ports;
use crate::mark::Labels;
use crate::provider::Site;

/// One container, as the engine describes it.
pub(crate) type Inspected = ContainerInspectResponse;

/// Asks about one container by name or id; `None` if there is none.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn inspect(site: &Site, id: &str) -> Result<Option<Inspected>, EngineError> {
    match site.engine.call(|docker| async move { docker.inspect_container(id, None).await }).await {
        Ok(inspected) => Ok(Some(inspected)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Its id.
pub(crate) fn id(inspected: &Inspected) -> &str {
    inspected.id.as_deref().unwrap_or_default()
}

/// Its name.
pub(crate) fn name(inspected: &Inspected) -> &str {
    inspected.name.as_deref().unwrap_or_default().trim_start_matches('/')
}

/// Its labels.
pub(crate) fn labels(inspected: &Inspected) -> Labels {
    inspected.config.as_ref().and_then(|config| config.labels.clone()).unwrap_or_default()
}

/// What it does: `running`, `exited`, ….
pub(crate) fn status(inspected: &Inspected) -> String {
    let status = inspected.state.as_ref().and_then(|state| state.status);
    status.unwrap_or(ContainerStateStatusEnum::EMPTY).to_string()
}

/// Whether it runs, be it paused.
pub(crate) fn is_running(inspected: &Inspected) -> bool {
    matches!(status(inspected).as_str(), "running" | "paused")
}

/// What it ended with, if it has ended.
pub(crate) fn exit_code(inspected: &Inspected) -> Option<i64> {
    let ended = matches!(status(inspected).as_str(), "exited" | "dead" | "restarting");
    inspected.state.as_ref().filter(|_| ended).and_then(|state| state.exit_code)
}

/// What the engine's health check says; `None` if there is none.
pub(crate) fn health(inspected: &Inspected) -> Option<HealthStatusEnum> {
    let status = inspected.state.as_ref()?.health.as_ref()?.status?;
    (!matches!(status, HealthStatusEnum::EMPTY | HealthStatusEnum::NONE)).then_some(status)
}

/// Its addresses by network, in the order of the names.
fn addresses(inspected: &Inspected) -> Vec<(String, String)> {
    let networks = inspected.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let address = |(name, endpoint): (&String, &bollard::models::EndpointSettings)| {
        let v4 = endpoint.ip_address.clone().filter(|address| !address.is_empty());
        let v6 = endpoint.global_ipv6_address.clone().filter(|address| !address.is_empty());
        Some((name.clone(), v4.or(v6)?))
    };
    let mut all: Vec<(String, String)> = networks.into_iter().flatten().filter_map(address).collect();
    all.sort();
    all
}

/// The computed attributes of a resource's containers.
pub(crate) fn computed(all: &[Inspected]) -> Vec<(&'static str, Value)> {
    let texts = |items: Vec<String>| Value::list(items.into_iter().map(Value::from));
    let first = all.first();
    let mut by_network: std::collections::BTreeMap<String, Vec<Value>> = std::collections::BTreeMap::new();
    let mut by_port: std::collections::BTreeMap<String, Vec<Value>> = std::collections::BTreeMap::new();
    for inspected in all {
        for (network, address) in addresses(inspected) {
            by_network.entry(network).or_default().push(Value::from(address));
        }
        for (port, number) in ports::published(inspected) {
            by_port.entry(port).or_default().push(Value::from(number));
        }
    }
    let mode = first.and_then(|first| first.host_config.as_ref()?.network_mode.clone()).unwrap_or_default();
    let own = first.map(addresses).unwrap_or_default();
    let ip = own.iter().find(|(network, _)| *network == mode).or(own.first()).map(|(_, address)| address.clone());
    let lists = |lists: std::collections::BTreeMap<String, Vec<Value>>| {
        Value::map(lists.into_iter().map(|(name, items)| (name, Value::from(items))))
    };
    vec![
        ("id", first.map_or(Value::Null, |first| Value::from(id(first)))),
        ("ids", texts(all.iter().map(|one| id(one).to_owned()).collect())),
        ("names", texts(all.iter().map(|one| name(one).to_owned()).collect())),
        ("image_id", first.and_then(|first| first.image.clone()).map_or(Value::Null, Value::from)),
        ("status", Value::from(overall_status(all))),
        ("exit_code", all.iter().find_map(exit_code).map_or(Value::Null, Value::from)),
        ("ip", ip.map_or(Value::Null, Value::from)),
        ("addresses", lists(by_network)),
        ("ports", lists(by_port)),
    ]
}

/// What all of them do: of several the first that does not run.
pub(crate) fn overall_status(all: &[Inspected]) -> String {
    let mut each = all.iter().map(status);
    each.find(|status| status != "running").unwrap_or_else(|| "running".to_owned())
}
