//! Devices of the machine inside the container, graphics processors among them.

use std::collections::HashMap;

use bollard::models::{DeviceMapping, DeviceRequest};
use deployctl_sdk::{Attribute, Nesting, Type, Value};

use super::{Described, Draft, Facts, list_of_texts, map_of_texts};
use crate::attributes::{engine_map, text, text_or_null};
use crate::container::values::{blocks, blocks_or_null, list_or_null, number, number_or_null, pairs, texts};

/// What a device may be used for if nothing is said.
const PERMISSIONS: &str = "rwm";

pub(crate) fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::block(
            "device",
            Nesting::List,
            vec![
                Attribute::required("host_path", Type::String, "The device on the machine: `/dev/snd`."),
                Attribute::optional(
                    "container_path",
                    Type::String,
                    "Where it is in the container; the same without it.",
                ),
                Attribute::optional("permissions", Type::String, "`r` to read, `w` to write, `m` to make nodes.")
                    .with_default(PERMISSIONS),
            ],
            "A device of the machine.",
        )
        .replaces(),
        Attribute::optional(
            "device_cgroup_rules",
            list_of_texts(),
            "Devices that it may use when they appear: `c 13:* rmw`.",
        )
        .replaces(),
        Attribute::optional(
            "gpus",
            Type::String,
            "Graphics processors, as `docker run --gpus` has it: `all`, a number, or `device=0,2`.",
        )
        .replaces(),
        Attribute::block(
            "device_request",
            Nesting::List,
            vec![
                Attribute::optional("driver", Type::String, "Who provides them: `nvidia`, `cdi`."),
                Attribute::optional("count", Type::Number, "How many; -1 for all."),
                Attribute::optional("device_ids", list_of_texts(), "Which ones, by the driver's ids."),
                Attribute::optional(
                    "capabilities",
                    list_of_texts(),
                    "What they must be able to do, all of it: `gpu`, `compute`.",
                ),
                Attribute::optional("options", map_of_texts(), "Options of the driver."),
            ],
            "Devices that a driver provides. `gpus` is the short way to say it.",
        )
        .replaces(),
    ]
}

/// Reads what `gpus` says; `None` if it cannot be.
pub(crate) fn parse_gpus(gpus: &str) -> Option<DeviceRequest> {
    let capabilities = Some(vec![vec!["gpu".to_owned()]]);
    let all = DeviceRequest { capabilities, ..DeviceRequest::default() };
    if gpus == "all" {
        return Some(DeviceRequest { count: Some(-1), ..all });
    }
    if let Some(ids) = gpus.strip_prefix("device=") {
        let ids: Vec<String> = ids.split(',').map(|id| id.trim().to_owned()).collect();
        let named = ids.iter().all(|id| !id.is_empty());
        return named.then_some(DeviceRequest { device_ids: Some(ids), ..all });
    }
    let count = gpus.parse().ok().filter(|count: &i64| *count > 0)?;
    Some(DeviceRequest { count: Some(count), ..all })
}

fn show_gpus(request: &DeviceRequest) -> Option<String> {
    let plain = request.driver.as_deref().unwrap_or_default().is_empty()
        && request.options.as_ref().is_none_or(HashMap::is_empty)
        && request.capabilities.as_ref().is_some_and(|all| *all == [["gpu"]]);
    if !plain {
        return None;
    }
    match (request.count.unwrap_or(0), request.device_ids.as_deref()) {
        (0, Some(ids)) => Some(format!("device={}", ids.join(","))),
        (-1, _) => Some("all".to_owned()),
        (count, _) => Some(count.to_string()),
    }
}

pub(crate) fn request(config: &Value, draft: &mut Draft) {
    let host = &mut draft.host;
    let devices: Vec<DeviceMapping> = blocks(config, "device")
        .iter()
        .map(|block| DeviceMapping {
            path_on_host: text(block, "host_path"),
            path_in_container: text(block, "container_path").or_else(|| text(block, "host_path")),
            cgroup_permissions: text(block, "permissions"),
        })
        .collect();
    host.devices = (!devices.is_empty()).then_some(devices);
    host.device_cgroup_rules = texts(config, "device_cgroup_rules");
    let gpus = text(config, "gpus").and_then(|gpus| parse_gpus(&gpus));
    let requests = blocks(config, "device_request").iter().map(|block| DeviceRequest {
        driver: text(block, "driver"),
        count: number(block, "count"),
        device_ids: texts(block, "device_ids"),
        capabilities: texts(block, "capabilities").map(|all| vec![all]),
        options: pairs(block, "options"),
    });
    let requests: Vec<DeviceRequest> = gpus.into_iter().chain(requests).collect();
    host.device_requests = (!requests.is_empty()).then_some(requests);
}

pub(crate) fn describe(facts: &Facts<'_>, described: &mut Described) {
    let host = facts.host;
    let devices = host.devices.iter().flatten().map(|device| {
        let inside =
            device.path_in_container.as_deref().filter(|inside| Some(*inside) != device.path_on_host.as_deref());
        Value::map([
            ("host_path", text_or_null(device.path_on_host.as_deref())),
            ("container_path", text_or_null(inside)),
            ("permissions", text_or_null(device.cgroup_permissions.as_deref())),
        ])
    });
    described.put_set("device", blocks_or_null(devices.collect()));
    described.put_set("device_cgroup_rules", list_or_null(host.device_cgroup_rules.as_ref()));
    let mut others = Vec::new();
    let mut gpus = None;
    for request in host.device_requests.iter().flatten() {
        match show_gpus(request) {
            Some(text) if gpus.is_none() => gpus = Some(text),
            _ => others.push(described_request(request)),
        }
    }
    described.put_set("gpus", text_or_null(gpus.as_deref()));
    described.put_set("device_request", blocks_or_null(others));
}

fn described_request(request: &DeviceRequest) -> Value {
    let capabilities = request.capabilities.as_ref().and_then(|all| all.first());
    Value::map([
        ("driver", text_or_null(request.driver.as_deref())),
        ("count", number_or_null(request.count, &[0])),
        ("device_ids", list_or_null(request.device_ids.as_ref())),
        ("capabilities", list_or_null(capabilities)),
        ("options", engine_map(request.options.as_ref())),
    ])
}
