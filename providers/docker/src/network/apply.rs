//! Making and removing networks.

use std::time::Duration;

use bollard::models::{
    EndpointResource, Ipam, IpamConfig, Network, NetworkCreateRequest, NetworkDisconnectRequest, NetworkInspect,
};
use bollard::query_parameters::{InspectContainerOptions, InspectNetworkOptions};
use deployctl_docker_client::EngineError;
use deployctl_sdk::{Applied, Change, ErrorKind, Object, Operation, ProviderError, Value};

use super::observe;
use crate::attributes::{marked_like, text, texts_by_name, truth};
use crate::mark;
use crate::provider::Site;
use crate::reading::side_by_side;

/// How often a removal is tried: the engine takes a moment to let go of a container that was just removed.
const TRIES: usize = 5;

/// How long it is given each time.
const MOMENT: Duration = Duration::from_millis(300);

/// Does one operation on one network.
pub(crate) async fn apply(site: &Site, change: &Change) -> Applied {
    match change.operation {
        Operation::Create => match create(site, change).await {
            Ok(object) => Applied::done(object),
            // The engine may have made it all the same.
            Err(error) => Applied::failed(made_all_the_same(site, change).await, error),
        },
        Operation::Update | Operation::Replace => Applied::failed(change.prior.clone(), no_update(site, change).await),
        Operation::Delete => match delete(site, change).await {
            Ok(()) => Applied::gone(),
            Err(error) => Applied::failed(change.prior.clone(), error),
        },
    }
}

async fn create(site: &Site, change: &Change) -> Result<Object, ProviderError> {
    let config = &change.config;
    let name = text(config, "name").unwrap_or_default();
    let doing = format!("creating the network {name}");
    // The engine would make a second network of the same name.
    let there = observe::named(site, &name).await.map_err(|error| error.doing(&doing))?;
    match there {
        Some(network) if is_ours(&network, change) => return Ok(object(site, change, &network)),
        Some(network) => {
            return Err(mark::not_ours("network", &name, observe::labels(&network), &change.mark.address));
        }
        None => {}
    }
    if config.get("ipv4").and_then(Value::as_bool) == Some(false) {
        site.engine.require(48, "a network without IPv4 (`ipv4 = false`)").await?;
    }
    let request = request(config, change);
    let made = site.engine.call(|docker| async move { docker.create_network(request).await }).await;
    let made = made.map_err(|error| error.doing(&doing))?;
    // The engine takes two networks of one name, and may have ended an earlier attempt that was given up on meanwhile.
    if let Some(earlier) = twin(site, change, &made.id).await.map_err(|error| error.doing(&doing))? {
        let removed = site.engine.call(|docker| async move { docker.remove_network(&made.id).await }).await;
        removed.map_err(|error| error.doing(&doing))?;
        return Ok(object(site, change, &earlier));
    }
    match observe::one(site, &made.id).await.map_err(|error| error.doing(&doing))? {
        Some(network) => Ok(object(site, change, &network)),
        None => {
            Err(ProviderError::new(ErrorKind::Internal, format!("the network {name} was gone right after it was made")))
        }
    }
}

/// Another network that bears the same mark.
async fn twin(site: &Site, change: &Change, made: &str) -> Result<Option<Network>, EngineError> {
    let ours = observe::list(site, mark::filter_of(&change.mark)).await?;
    Ok(ours.into_iter().find(|network| network.id.as_deref() != Some(made)))
}

async fn made_all_the_same(site: &Site, change: &Change) -> Option<Object> {
    let network = observe::ours(site, &change.mark, None).await.ok()??;
    Some(object(site, change, &network))
}

fn is_ours(network: &Network, change: &Change) -> bool {
    observe::labels(network).is_some_and(|labels| mark::is(labels, change.mark.lineage, change.mark.id))
}

fn object(site: &Site, change: &Change, network: &Network) -> Object {
    let attributes = observe::attributes(&site.schemas.network, network, Some(&change.config));
    Object::new(marked_like(attributes, Some(&change.planned)))
}

fn request(config: &Value, change: &Change) -> NetworkCreateRequest {
    let ranges = config.get("ipam").and_then(Value::as_list).unwrap_or_default();
    let ranges = ranges.iter().map(|range| IpamConfig {
        subnet: text(range, "subnet"),
        ip_range: text(range, "ip_range"),
        gateway: text(range, "gateway"),
        auxiliary_addresses: some(texts_by_name(range, "aux_addresses")),
    });
    let ranges: Vec<IpamConfig> = ranges.collect();
    NetworkCreateRequest {
        name: text(config, "name").unwrap_or_default(),
        driver: text(config, "driver"),
        internal: Some(truth(config, "internal")),
        attachable: Some(truth(config, "attachable")),
        ipam: Some(Ipam {
            driver: text(config, "ipam_driver"),
            config: (!ranges.is_empty()).then_some(ranges),
            options: some(texts_by_name(config, "ipam_options")),
        }),
        enable_ipv4: config.get("ipv4").and_then(Value::as_bool).filter(|wanted| !wanted),
        enable_ipv6: Some(truth(config, "ipv6")),
        options: some(texts_by_name(config, "options")),
        labels: Some(mark::marked(texts_by_name(config, "labels"), &change.mark)),
        ..NetworkCreateRequest::default()
    }
}

fn some(members: Vec<(String, String)>) -> Option<std::collections::HashMap<String, String>> {
    (!members.is_empty()).then(|| members.into_iter().collect())
}

/// There is nothing that an update could do; who asks for one all the same is told why not.
async fn no_update(site: &Site, change: &Change) -> ProviderError {
    let name = text(&change.config, "name").unwrap_or_default();
    match observe::ours(site, &change.mark, change.prior.as_ref()).await {
        Err(error) => error.doing(&format!("looking for the network {name}")),
        Ok(Some(_)) => {
            ProviderError::new(ErrorKind::Internal, format!("the network {name} can only be replaced, not changed"))
        }
        Ok(None) => match observe::named(site, &name).await {
            Ok(Some(other)) => mark::not_ours("network", &name, observe::labels(&other), &change.mark.address),
            Ok(None) => ProviderError::new(ErrorKind::Refused, format!("the network {name} is gone")),
            Err(error) => error.doing(&format!("looking for the network {name}")),
        },
    }
}

async fn delete(site: &Site, change: &Change) -> Result<(), ProviderError> {
    let name = change.prior.as_ref().and_then(|prior| text(&prior.attributes, "name")).unwrap_or_default();
    let doing = format!("removing the network {name}");
    let found = observe::ours(site, &change.mark, change.prior.as_ref()).await.map_err(|error| error.doing(&doing))?;
    let Some(id) = found.and_then(|network| network.id) else { return Ok(()) };
    for again in (0..TRIES).rev() {
        disconnect_ours(site, &id, &name).await?;
        let removed = site.engine.call(|docker| {
            let id = id.clone();
            async move { docker.remove_network(&id).await }
        });
        match removed.await {
            Err(error) if error.message().contains("active endpoints") && again > 0 => tokio::time::sleep(MOMENT).await,
            Err(error) if error.message().contains("active endpoints") => {
                let hint = format!(
                    "the engine lists no container on it, and counts one all the same: `docker network inspect {name}` \
                    shows what it lists; where that is nothing, it has lost count while containers came and went, and \
                    counts anew when it is restarted"
                );
                return Err(error.doing(&doing).with_hint(hint));
            }
            Err(error) if !error.is_not_found() => return Err(error.doing(&doing)),
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// Takes our own containers off a network that is to be removed: they are put on its successor when their turn comes.
/// Somebody else's containers keep it where it is.
async fn disconnect_ours(site: &Site, id: &str, name: &str) -> Result<(), ProviderError> {
    let doing = format!("removing the network {name}");
    let inspected = site.engine.call(|docker| {
        let id = id.to_owned();
        async move { docker.inspect_network(&id, None::<InspectNetworkOptions>).await }
    });
    let network: NetworkInspect = match inspected.await {
        Ok(network) => network,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error.doing(&doing)),
    };
    let ends: Vec<(String, EndpointResource)> = network.containers.unwrap_or_default().into_iter().collect();
    let owned = side_by_side(&ends, |(container, _)| belongs_here(site, container)).await;
    let mut others = Vec::new();
    for ((container, end), owned) in ends.iter().zip(owned) {
        if !owned.map_err(|error| error.doing(&doing))? {
            others.push(end.name.clone().unwrap_or_else(|| container.clone()));
        }
    }
    if !others.is_empty() {
        others.sort();
        let message =
            format!("the network {name} is in use by containers that are not of this state: {}", others.join(", "));
        let hint = format!("take them off it (`docker network disconnect {name} CONTAINER`), then run it again");
        return Err(ProviderError::new(ErrorKind::Refused, message).with_hint(hint));
    }
    for (container, _) in ends {
        let request = NetworkDisconnectRequest { container, force: Some(true) };
        let gone = site.engine.call(|docker| async move { docker.disconnect_network(id, request).await }).await;
        match gone {
            Err(error) if !error.is_not_found() => return Err(error.doing(&doing)),
            _ => {}
        }
    }
    Ok(())
}

async fn belongs_here(site: &Site, container: &str) -> Result<bool, EngineError> {
    let inspected = site.engine.call(|docker| {
        let container = container.to_owned();
        async move { docker.inspect_container(&container, None::<InspectContainerOptions>).await }
    });
    match inspected.await {
        Ok(container) => {
            let labels = container.config.and_then(|config| config.labels).unwrap_or_default();
            Ok(mark::of(&labels).is_some_and(|mark| mark.lineage == site.place.lineage))
        }
        // The engine lists ends of containers that are gone for a moment.
        Err(error) if error.is_not_found() => Ok(true),
        Err(error) => Err(error),
    }
}
