//! The create request of one container. Pure: the same configuration gives the same request.

use std::path::Path;

use bollard::models::{ContainerCreateBody, NetworkingConfig};
use deployctl_sdk::{Ownership, ResourceSchema, Value};

use super::spec;
use super::theme::{
    Draft, devices, healthcheck, limits, logging, namespaces, network, ports, process, restart, security, storage,
};
use crate::attributes::text;
use crate::mark;

/// The version of the API from which a creation takes several networks at once.
pub(crate) const MANY_NETWORKS: usize = 44;

/// What one container is made with.
pub(crate) struct Request {
    /// The body of the request.
    pub(crate) body: ContainerCreateBody,
    /// The networks that it must be attached to afterwards, one by one.
    pub(crate) later: Vec<(String, bollard::models::EndpointSettings)>,
}

/// The request for a container of a settled configuration. `root` is the configuration's folder, `minor` the version of the
/// API that is spoken, and `shared` a name that it is found by in its networks besides its own.
pub(crate) fn request(
    schema: &ResourceSchema,
    config: &Value,
    mark: &Ownership,
    root: &Path,
    minor: usize,
    shared: Option<&str>,
) -> Request {
    let mut draft = Draft::default();
    draft.body.image = text(config, "image");
    process::request(config, &mut draft);
    restart::request(config, &mut draft);
    healthcheck::request(config, &mut draft);
    ports::request(config, &mut draft);
    network::request(config, &mut draft);
    storage::request(config, root, &mut draft);
    limits::request(config, &mut draft);
    security::request(config, &mut draft);
    namespaces::request(config, &mut draft);
    devices::request(config, &mut draft);
    logging::request(config, &mut draft);

    let mut labels = mark::marked(draft.body.labels.take().unwrap_or_default(), mark);
    labels.insert(spec::LABEL.to_owned(), spec::fingerprint(schema, config, mark.id));
    draft.body.labels = Some(labels);
    let mut endpoints = network::endpoints(config, shared);
    let later = if minor >= MANY_NETWORKS || endpoints.len() < 2 { Vec::new() } else { endpoints.split_off(1) };
    if !endpoints.is_empty() {
        draft.body.networking_config =
            Some(NetworkingConfig { endpoints_config: Some(endpoints.into_iter().collect()) });
    }
    draft.body.host_config = Some(draft.host);
    Request { body: draft.body, later }
}

/// Features that an older engine silently leaves out, with the version of the API that brought each: what is asked for and
/// cannot be had must be refused.
pub(crate) fn needs(config: &Value) -> Vec<(usize, &'static str)> {
    let in_blocks = |block: &str, name: &str| {
        let value = config.get(block);
        let items = value.and_then(Value::as_list).unwrap_or_default();
        items.iter().chain(value.filter(|value| value.as_map().is_some())).any(|item| item.get(name).is_some())
    };
    let mut needs = Vec::new();
    let mut need = |minor: usize, wanted: bool, name: &'static str| {
        if wanted {
            needs.push((minor, name));
        }
    };
    need(43, config.get("annotations").is_some(), "`annotations`");
    need(44, in_blocks("healthcheck", "start_interval"), "`healthcheck.start_interval`");
    need(44, in_blocks("network", "mac_address"), "`network.mac_address`");
    need(44, in_blocks("mount", "create_mountpoint"), "`mount.create_mountpoint`");
    need(45, in_blocks("mount", "subpath"), "`mount.subpath`");
    need(48, in_blocks("network", "gw_priority"), "`network.gw_priority`");
    let images = config.get("mount").and_then(Value::as_list).unwrap_or_default();
    need(48, images.iter().any(|mount| text(mount, "type").as_deref() == Some("image")), "mounts of images");
    needs
}
