//! The ports that the container listens on, and those of the machine that lead to them.

use std::collections::HashMap;

use bollard::models::{ContainerInspectResponse, PortBinding};
use deployctl_sdk::{Attribute, Nesting, Type, Value};

use super::{Described, Draft, Facts, list_of_texts};
use crate::attributes::{text, text_or_null};
use crate::container::values::{bindings, blocks, blocks_or_null, given, list_or_null, number, texts};

const PROTOCOL: &str = "tcp";

pub(crate) fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::block(
            "port",
            Nesting::List,
            vec![
                Attribute::required("internal", Type::Number, "The port that it listens on."),
                Attribute::optional(
                    "external",
                    Type::Number,
                    "The machine's port that leads there; a free one without it, which `ports` tells.",
                ),
                Attribute::optional(
                    "range",
                    Type::String,
                    "Take a free one from this range, like `8000-8100`, both included.",
                ),
                Attribute::optional(
                    "ip",
                    Type::String,
                    "The machine's address that it is published on; all of them without it.",
                ),
                Attribute::optional("protocol", Type::String, "`tcp`, `udp` or `sctp`.").with_default(PROTOCOL),
            ],
            "A port that is published on the machine.",
        )
        .replaces(),
        Attribute::optional(
            "expose",
            list_of_texts(),
            "Ports that it listens on, without publishing them: `8080/tcp`.",
        )
        .replaces(),
        Attribute::optional("publish_all_ports", Type::Bool, "Whether every exposed port is published on a free one.")
            .with_default(false)
            .replaces(),
    ]
}

/// The host's port of one block, where it is fixed.
pub(crate) fn fixed(block: &Value) -> Option<u16> {
    number(block, "external").and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)
}

/// The first and last number of a range; `None` if the text is not one.
pub(crate) fn parse_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first > 0 && first <= last).then_some((first, last))
}

/// How the engine calls a block's port: `80/tcp`.
fn key(block: &Value) -> Option<String> {
    Some(format!("{}/{}", number(block, "internal")?, text(block, "protocol").as_deref().unwrap_or(PROTOCOL)))
}

pub(crate) fn request(config: &Value, draft: &mut Draft) {
    let mut exposed =
        texts(config, "expose").unwrap_or_default().iter().map(|port| with_protocol(port)).collect::<Vec<_>>();
    let mut map: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for block in blocks(config, "port") {
        let Some(key) = key(block) else { continue };
        let port = fixed(block).map(|port| port.to_string()).or_else(|| text(block, "range")).unwrap_or_default();
        let binding = PortBinding { host_ip: text(block, "ip"), host_port: Some(port) };
        if !exposed.contains(&key) {
            exposed.push(key.clone());
        }
        map.entry(key).or_default().get_or_insert_default().push(binding);
    }
    draft.body.exposed_ports = (!exposed.is_empty()).then_some(exposed);
    draft.host.port_bindings = (!map.is_empty()).then_some(map);
    draft.host.publish_all_ports = given(config, "publish_all_ports");
}

/// A port with its protocol: the engine takes `80` for `80/tcp`.
pub(crate) fn with_protocol(port: &str) -> String {
    if port.contains('/') { port.to_owned() } else { format!("{port}/{PROTOCOL}") }
}

pub(crate) fn describe(facts: &Facts<'_>, described: &mut Described) {
    let mut published: Vec<(&String, &PortBinding)> = Vec::new();
    for (key, all) in facts.host.port_bindings.iter().flatten() {
        published.extend(bindings(all.as_ref()).iter().map(|binding| (key, binding)));
    }
    published.sort_by_key(|(key, binding)| {
        (port_of(key), (*key).clone(), binding.host_port.clone(), binding.host_ip.clone())
    });
    let is_published = |key: &String| published.iter().any(|(other, _)| *other == key);
    let of_image = |key: &String| facts.image.exposed_ports.as_ref().is_some_and(|own| own.contains(key));
    let exposed = facts.config.exposed_ports.iter().flatten().filter(|key| !is_published(key) && !of_image(key));
    let mut exposed: Vec<String> = exposed.cloned().collect();
    exposed.sort();
    described.put_set("expose", list_or_null(Some(&exposed)));
    described
        .put_set("port", blocks_or_null(published.into_iter().map(|(key, binding)| block(key, binding)).collect()));
    described.put_set("publish_all_ports", Value::from(facts.host.publish_all_ports.unwrap_or(false)));
}

fn port_of(key: &str) -> i64 {
    key.split('/').next().and_then(|port| port.parse().ok()).unwrap_or_default()
}

fn block(key: &str, binding: &PortBinding) -> Value {
    let host_port = binding.host_port.as_deref().unwrap_or_default();
    let range = Some(host_port).filter(|port| port.contains('-'));
    let external = host_port.parse::<i64>().ok().filter(|port| *port != 0);
    Value::map([
        ("internal", Value::from(port_of(key))),
        ("external", external.map_or(Value::Null, Value::from)),
        ("range", text_or_null(range)),
        ("ip", text_or_null(binding.host_ip.as_deref())),
        ("protocol", Value::from(key.split('/').nth(1).unwrap_or(PROTOCOL))),
    ])
}

/// The machine's ports that lead to a running container now: the container's port, and a number.
pub(crate) fn published(inspect: &ContainerInspectResponse) -> Vec<(String, i64)> {
    let ports = inspect.network_settings.as_ref().and_then(|settings| settings.ports.as_ref());
    let mut all: Vec<(String, i64)> = Vec::new();
    for (key, bound) in ports.into_iter().flatten() {
        // One for each version of the internet protocol, usually with the same number.
        let first = bindings(bound.as_ref()).iter().find_map(|binding| binding.host_port.as_deref()?.parse().ok());
        all.extend(first.map(|port| (key.clone(), port)));
    }
    all.sort();
    all
}
