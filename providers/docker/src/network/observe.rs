//! What networks there really are, told in the type's attributes.

use std::collections::HashMap;

use bollard::models::{Ipam, IpamConfig, Network};
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptions};
use deployctl_docker_client::EngineError;
use deployctl_sdk::{
    ErrorKind, Found, Lost, Object, Observed, Ownership, ProviderError, ReadRequest, ResourceSchema, Value,
};

use crate::attributes::{described, engine_map, map_or_null, marked_like, text, text_or_null, with};
use crate::mark::{self, Labels};
use crate::provider::Site;
use crate::reading;

/// Lists networks. In the list of the engine is all that a network is, but for the containers on it.
pub(super) async fn list(site: &Site, filters: HashMap<String, Vec<String>>) -> Result<Vec<Network>, EngineError> {
    let options = ListNetworksOptions { filters: Some(filters) };
    site.engine.call(|docker| async move { docker.list_networks(Some(options)).await }).await
}

/// The network of exactly that name.
pub(super) async fn named(site: &Site, name: &str) -> Result<Option<Network>, EngineError> {
    // The engine's filter takes every name that holds this one.
    let filters = HashMap::from([("name".to_owned(), vec![name.to_owned()])]);
    Ok(list(site, filters).await?.into_iter().find(|network| network.name.as_deref() == Some(name)))
}

/// The network with that name or id, whatever it is.
pub(super) async fn one(site: &Site, id: &str) -> Result<Option<Network>, EngineError> {
    let inspected = site.engine.call(|docker| {
        let id = id.to_owned();
        async move { docker.inspect_network(&id, None::<InspectNetworkOptions>).await }
    });
    match inspected.await {
        Ok(network) => Ok(Some(Network {
            name: network.name,
            id: network.id,
            scope: network.scope,
            driver: network.driver,
            enable_ipv4: network.enable_ipv4,
            enable_ipv6: network.enable_ipv6,
            ipam: network.ipam,
            internal: network.internal,
            attachable: network.attachable,
            options: network.options,
            labels: network.labels,
            ..Network::default()
        })),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The network that a record is about: by its mark, or by its id if it was imported.
pub(super) async fn ours(
    site: &Site,
    mark: &Ownership,
    recorded: Option<&Object>,
) -> Result<Option<Network>, EngineError> {
    if let Some(recorded) = recorded.filter(|recorded| mark::is_imported(recorded)) {
        return match text(&recorded.attributes, "id") {
            Some(id) => one(site, &id).await,
            None => Ok(None),
        };
    }
    let filters = HashMap::from([("label".to_owned(), vec![format!("{}={}", mark::RESOURCE, mark.id)])]);
    let found = list(site, filters).await?;
    Ok(found.into_iter().find(|network| labels(network).is_some_and(|it| mark::is(it, mark.lineage, mark.id))))
}

pub(super) fn labels(network: &Network) -> Option<&Labels> {
    network.labels.as_ref()
}

/// Compares recorded networks with the real ones: one question for all, and one for each that was imported.
pub(crate) async fn read(site: &Site, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
    let ours = match list(site, mark::filter(&site.place)).await {
        Ok(networks) => reading::by_mark(site, networks, labels),
        Err(error) => return reading::unreadable(batch, &error),
    };
    let schema = &site.schemas.network;
    reading::side_by_side(batch, |request| {
        let marked = ours.get(&request.id);
        async move {
            if !mark::is_imported(request.recorded) {
                return marked.map_or(Observed::Absent, |network| compared(schema, network, request.recorded));
            }
            let id = text(&request.recorded.attributes, "id").unwrap_or_default();
            match one(site, &id).await {
                Ok(Some(network)) => compared(schema, &network, request.recorded),
                Ok(None) => Observed::Absent,
                Err(error) => Observed::Unreadable { reason: error.to_string() },
            }
        }
    })
    .await
}

fn compared(schema: &ResourceSchema, network: &Network, recorded: &Object) -> Observed {
    let shape = (!is_as_found(recorded)).then_some(&recorded.attributes);
    let attributes = marked_like(attributes(schema, network, shape), Some(&recorded.attributes));
    if attributes == recorded.attributes {
        return Observed::AsRecorded;
    }
    Observed::Present(Object { attributes, ..recorded.clone() })
}

/// A network's attributes. With a `shape`, only that part of what the engine may have chosen itself is told that the shape
/// has too: there is no telling the engine's choice from a configured one afterwards.
pub(super) fn attributes(schema: &ResourceSchema, network: &Network, shape: Option<&Value>) -> Value {
    let none = Ipam::default();
    let ipam = network.ipam.as_ref().unwrap_or(&none);
    let ranges = ipam.config.as_deref().unwrap_or_default();
    let texts = |pick: fn(&IpamConfig) -> &Option<String>| {
        Value::list(ranges.iter().filter_map(|range| pick(range).as_deref()).map(Value::from))
    };
    let wide = vec![
        ("name", text_or_null(network.name.as_deref())),
        ("driver", text_or_null(network.driver.as_deref())),
        ("internal", Value::Bool(network.internal.unwrap_or(false))),
        ("attachable", Value::Bool(network.attachable.unwrap_or(false))),
        ("ipv4", Value::Bool(network.enable_ipv4.unwrap_or(true))),
        ("ipv6", Value::Bool(network.enable_ipv6.unwrap_or(false))),
        ("ipam", ranges_of(ranges)),
        ("ipam_driver", text_or_null(ipam.driver.as_deref())),
        ("ipam_options", engine_map(ipam.options.as_ref())),
        ("options", engine_map(network.options.as_ref())),
        ("labels", map_or_null(network.labels.iter().flat_map(mark::without))),
        ("id", text_or_null(network.id.as_deref())),
        ("scope", text_or_null(network.scope.as_deref())),
        ("subnets", texts(|range| &range.subnet)),
        ("gateways", texts(|range| &range.gateway)),
    ];
    let attributes = described(schema, wide);
    shape.map_or_else(|| attributes.clone(), |shape| within(&attributes, shape))
}

fn ranges_of(ranges: &[IpamConfig]) -> Value {
    if ranges.is_empty() {
        return Value::Null;
    }
    Value::list(ranges.iter().map(|range| {
        Value::map([
            ("subnet", text_or_null(range.subnet.as_deref())),
            ("gateway", text_or_null(range.gateway.as_deref())),
            ("ip_range", text_or_null(range.ip_range.as_deref())),
            ("aux_addresses", engine_map(range.auxiliary_addresses.as_ref())),
        ])
    }))
}

/// The attributes with that of the engine's own choices taken out that `shape` does not have.
fn within(attributes: &Value, shape: &Value) -> Value {
    let narrow = |name: &'static str| {
        let (value, shape) = (attributes.get(name), shape.get(name));
        (name, narrow(value, shape))
    };
    with(attributes, vec![narrow("ipam"), narrow("ipam_options"), narrow("options")])
}

fn narrow(value: Option<&Value>, shape: Option<&Value>) -> Value {
    let (Some(value), Some(shape)) = (value, shape) else {
        // An empty map or list in the configuration asks for nothing, and is kept as it was written.
        return shape.filter(|shape| is_empty(shape)).cloned().unwrap_or_default();
    };
    match (value.unmark().0, shape.unmark().0) {
        (Value::List(items), Value::List(shapes)) => {
            Value::list(items.iter().zip(shapes.iter()).map(|(item, shape)| narrow(Some(item), Some(shape))))
        }
        (Value::Map(members), Value::Map(shapes)) => Value::map(shapes.iter().map(|(key, shape)| {
            let shape = (!shape.is_null()).then_some(shape);
            (
                key.clone(),
                shape.map_or(Value::Null, |shape| narrow(members.get(key).filter(|v| !v.is_null()), Some(shape))),
            )
        })),
        _ => value.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_list().is_some_and(<[Value]>::is_empty) || value.as_map().is_some_and(std::collections::BTreeMap::is_empty)
}

/// An object as it was found, with the engine's choices in it.
fn as_found(schema: &ResourceSchema, network: &Network) -> Object {
    let private = Value::map([("as_found", Value::Bool(true))]);
    Object { private, ..Object::new(attributes(schema, network, None)) }
}

fn is_as_found(object: &Object) -> bool {
    object.private.get("as_found").and_then(Value::as_bool) == Some(true)
}

/// An object that was found as it is, narrowed down to what a configuration asks for; any other unchanged.
pub(super) fn narrowed(object: &Object, config: &Value) -> Object {
    if !is_as_found(object) {
        return object.clone();
    }
    Object { attributes: within(&object.attributes, config), ..object.clone() }
}

/// Looks for what interrupted runs may have left.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn find(site: &Site, lost: &[&Lost]) -> Result<Vec<Found>, ProviderError> {
    let ours = reading::by_mark(site, list(site, mark::filter(&site.place)).await?, labels);
    let schema = &site.schemas.network;
    let present = |object: Object| Found::Present { object, complete: true };
    let found = |lost: &Lost, network: &Network| match (&lost.prior, &lost.identity) {
        (Some(prior), _) if lost.operation != deployctl_sdk::Operation::Create => {
            let shape = (!is_as_found(prior)).then_some(&prior.attributes);
            let attributes = marked_like(attributes(schema, network, shape), Some(&prior.attributes));
            present(Object { attributes, ..prior.clone() })
        }
        (_, Some(identity)) => present(Object::new(attributes(schema, network, Some(identity)))),
        _ => present(as_found(schema, network)),
    };
    let imported = |prior: Object| async move {
        match one(site, &text(&prior.attributes, "id").unwrap_or_default()).await {
            Ok(Some(_)) => present(prior),
            Ok(None) => Found::Absent,
            Err(_) => Found::CannotTell,
        }
    };
    Ok(reading::find(lost, &ours, found, imported).await)
}

/// All networks that bear this lineage's mark.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn find_all(site: &Site) -> Result<Vec<(Ownership, Object)>, ProviderError> {
    let networks = list(site, mark::filter(&site.place)).await?;
    let schema = &site.schemas.network;
    let ours = networks.iter().filter_map(|network| Some((mark::of(labels(network)?)?, as_found(schema, network))));
    Ok(ours.collect())
}

/// Describes an existing network so that it can be managed.
///
/// # Errors
/// When there is none, or it belongs to another state.
pub(crate) async fn import(site: &Site, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
    let Some(network) = one(site, id).await.map_err(|error| error.doing(&format!("looking for the network {id}")))?
    else {
        let message = format!("there is no network `{id}` on the Docker Engine at {}", site.engine.endpoint());
        return Err(ProviderError::new(ErrorKind::Refused, message).with_hint("`docker network ls` lists them"));
    };
    mark::check_importable(&site.place, "network", id, labels(&network))?;
    let object = as_found(&site.schemas.network, &network);
    if labels(&network).is_some_and(|labels| mark::is(labels, mark.lineage, mark.id)) {
        return Ok(object);
    }
    Ok(Object { private: mark::imported(&object.private), ..object })
}
