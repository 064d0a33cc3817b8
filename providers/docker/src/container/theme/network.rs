//! The networks that the container is attached to, and how it finds others in them. Attachments can be changed while it
//! runs; everything else is settled with its creation.

use bollard::models::{EndpointIpamConfig, EndpointSettings};
use deployctl_sdk::{Attribute, Nesting, Type, Value};

use super::{Described, Draft, Facts, list_of_texts, map_of_texts};
use crate::attributes::{engine_map, text, text_or_null};
use crate::container::values::{blocks, blocks_or_null, list_or_null, number, number_or_null, pairs, texts};

/// The network that a container is attached to if nothing is said.
pub(crate) const DEFAULT: &str = "bridge";

pub(crate) fn attributes() -> Vec<Attribute> {
    let list = |name: &str, doc: &str| Attribute::optional(name, list_of_texts(), doc).replaces();
    vec![
        Attribute::block(
            "network",
            Nesting::List,
            attachment(),
            "A network that it is attached to; the engine's `bridge` without any. Attachments are changed while it runs.",
        ),
        Attribute::optional(
            "network_mode",
            Type::String,
            "`host` for the machine's own network, `none`, or `container:NAME` for another container's. Not together with \
             `network`.",
        )
        .replaces(),
        list("dns", "The name servers that it asks; the engine's without it."),
        list("dns_search", "The domains that short names are looked up in."),
        list("dns_options", "Options of its resolver: `ndots:2`."),
        list("extra_hosts", "Further names in its `/etc/hosts`: `db:10.0.0.5`, `host.docker.internal:host-gateway`."),
        list("links", "Containers of the default network that it finds by name: `db:database`. Of old; use `network`."),
    ]
}

fn attachment() -> Vec<Attribute> {
    vec![
        Attribute::required("name", Type::String, "The network, by its name."),
        Attribute::optional("aliases", list_of_texts(), "Further names that others in the network find it by."),
        Attribute::optional("ipv4_address", Type::String, "A fixed address; one of the network's own without it."),
        Attribute::optional("ipv6_address", Type::String, "A fixed address of version 6."),
        Attribute::optional("link_local_ips", list_of_texts(), "Further link-local addresses."),
        Attribute::optional("mac_address", Type::String, "A fixed hardware address. It takes version 1.44 of the API."),
        Attribute::optional("driver_opts", map_of_texts(), "Options of the network's driver for this attachment."),
        Attribute::optional(
            "links",
            list_of_texts(),
            "Containers in the network that it finds by another name: `db:database`.",
        ),
        Attribute::optional(
            "gw_priority",
            Type::Number,
            "Which network it goes out by: that with the highest. It takes version 1.48 of the API.",
        ),
    ]
}

/// Whether containers of that mode have attachments of their own.
pub(crate) fn has_attachments(config: &Value) -> bool {
    let mode = text(config, "network_mode");
    mode.is_none_or(|mode| matches!(mode.as_str(), "default" | DEFAULT))
}

/// The wanted attachments, in the order of the configuration. `shared` is a name that all replicas are found by.
pub(crate) fn endpoints(config: &Value, shared: Option<&str>) -> Vec<(String, EndpointSettings)> {
    let attached =
        blocks(config, "network").iter().filter_map(|block| Some((text(block, "name")?, endpoint(block, shared))));
    attached.collect()
}

fn endpoint(block: &Value, shared: Option<&str>) -> EndpointSettings {
    let fixed = EndpointIpamConfig {
        ipv4_address: text(block, "ipv4_address"),
        ipv6_address: text(block, "ipv6_address"),
        link_local_ips: texts(block, "link_local_ips"),
    };
    let mut aliases = texts(block, "aliases").unwrap_or_default();
    if let Some(shared) = shared.filter(|shared| !aliases.iter().any(|alias| alias == shared)) {
        aliases.push(shared.to_owned());
    }
    EndpointSettings {
        ipam_config: (fixed != EndpointIpamConfig::default()).then_some(fixed),
        aliases: (!aliases.is_empty()).then_some(aliases),
        mac_address: text(block, "mac_address"),
        driver_opts: pairs(block, "driver_opts"),
        links: texts(block, "links"),
        gw_priority: number(block, "gw_priority"),
        ..EndpointSettings::default()
    }
}

pub(crate) fn request(config: &Value, draft: &mut Draft) {
    let first = blocks(config, "network").first().and_then(|block| text(block, "name"));
    let host = &mut draft.host;
    host.network_mode = first.or_else(|| text(config, "network_mode"));
    host.dns = texts(config, "dns");
    host.dns_search = texts(config, "dns_search");
    host.dns_options = texts(config, "dns_options");
    host.extra_hosts = texts(config, "extra_hosts");
    host.links = texts(config, "links");
}

pub(crate) fn describe(facts: &Facts<'_>, shared: Option<&str>, described: &mut Described) {
    let (host, mode) = (facts.host, facts.network_mode());
    let attached = attachments(facts, shared);
    let only_default = matches!(attached.as_slice(), [] | [(DEFAULT, _)]) && matches!(mode, "" | "default" | DEFAULT);
    let foreign = matches!(mode, "host" | "none") || mode.starts_with("container:");
    if foreign {
        described.put_set("network_mode", Value::from(mode));
    } else {
        described.put("network_mode", text_or_null(Some(mode)), true);
        let blocks = attached.into_iter().map(|(_, block)| block).collect();
        described.put("network", blocks_or_null(blocks), only_default);
    }
    for (name, list) in [
        ("dns", &host.dns),
        ("dns_search", &host.dns_search),
        ("dns_options", &host.dns_options),
        ("extra_hosts", &host.extra_hosts),
    ] {
        described.put_set(name, list_or_null(list.as_ref()));
    }
    let links = host.links.as_ref().map(|links| links.iter().map(|link| plain_link(link)).collect::<Vec<_>>());
    described.put_set("links", list_or_null(links.as_ref()));
}

/// The engine writes `/db:/web/database` for `db:database`.
fn plain_link(link: &str) -> String {
    let (from, to) = link.split_once(':').unwrap_or((link, link));
    format!("{}:{}", from.trim_start_matches('/'), to.rsplit('/').next().unwrap_or(to))
}

/// The attachments of a container as blocks, by the network's name.
fn attachments<'f>(facts: &Facts<'f>, shared: Option<&str>) -> Vec<(&'f str, Value)> {
    let networks = facts.inspect.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let id = facts.inspect.id.as_deref().unwrap_or_default();
    let mut all: Vec<(&str, Value)> = networks
        .iter()
        .flat_map(|networks| networks.iter())
        .map(|(name, endpoint)| (name.as_str(), attached_block(name, endpoint, id, shared)))
        .collect();
    all.sort_by_key(|(name, _)| *name);
    all
}

fn attached_block(name: &str, endpoint: &EndpointSettings, id: &str, shared: Option<&str>) -> Value {
    // Of the names that others find it by, the engine gives one itself: the beginning of its id.
    let own =
        |alias: &&String| !(alias.len() >= 12 && id.starts_with(alias.as_str())) && shared != Some(alias.as_str());
    let aliases: Vec<String> = endpoint.aliases.iter().flatten().filter(own).cloned().collect();
    let fixed = endpoint.ipam_config.clone().unwrap_or_default();
    Value::map([
        ("name", Value::from(name)),
        ("aliases", list_or_null(Some(&aliases))),
        ("ipv4_address", text_or_null(fixed.ipv4_address.as_deref())),
        ("ipv6_address", text_or_null(fixed.ipv6_address.as_deref())),
        ("link_local_ips", list_or_null(fixed.link_local_ips.as_ref())),
        // Whether the engine made it up cannot be told.
        ("mac_address", Value::Null),
        ("driver_opts", engine_map(endpoint.driver_opts.as_ref())),
        ("links", list_or_null(endpoint.links.as_ref())),
        ("gw_priority", number_or_null(endpoint.gw_priority, &[0])),
    ])
}
