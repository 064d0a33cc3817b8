//! What a configuration may say of a network.

use deployctl_sdk::{Attribute, Nesting, ResourceSchema, Type};

/// The type's name.
pub(crate) const TYPE: &str = "docker_network";

/// The type.
pub(crate) fn schema() -> ResourceSchema {
    let doc = "A network that containers of an engine can be on. The engine changes nothing about a network once it is \
        there, so every change is a replacement: our own containers are disconnected from the old one, and connected to \
        the new one when their turn comes. A subnet that is left out is chosen by the engine, and the choice is not taken \
        for a change. Containers of others on a network keep it from being removed.";
    let texts = || Type::Map(Box::new(Type::String));
    let list = || Type::List(Box::new(Type::String));
    let mut schema = ResourceSchema::new(TYPE, doc);
    schema.example = EXAMPLE.to_owned();
    // Two networks of one name would both answer to it, and two of one subnet cannot be.
    schema.create_first = false;
    schema.import_id = Some("the network's name or id".to_owned());
    schema.attributes = vec![
        Attribute::required("name", Type::String, "What the network is called.").replaces(),
        Attribute::optional("driver", Type::String, "What makes the network: `bridge`, `macvlan`, `overlay`, …")
            .with_default("bridge")
            .replaces(),
        Attribute::optional("internal", Type::Bool, "Whether it is cut off from the outside.")
            .with_default(false)
            .replaces(),
        Attribute::optional(
            "attachable",
            Type::Bool,
            "Whether single containers may be put on it by hand, where the driver makes a difference (`overlay`).",
        )
        .with_default(false)
        .replaces(),
        Attribute::optional(
            "ipv4",
            Type::Bool,
            "Whether it has IPv4 addresses; `false` takes an engine with API 1.48.",
        )
        .with_default(true)
        .replaces(),
        Attribute::optional("ipv6", Type::Bool, "Whether it has IPv6 addresses.").with_default(false).replaces(),
        Attribute::block(
            "ipam",
            Nesting::List,
            vec![
                Attribute::optional("subnet", Type::String, "The range of addresses, like `10.7.0.0/24`."),
                Attribute::optional("gateway", Type::String, "The address of the way out; within the subnet."),
                Attribute::optional("ip_range", Type::String, "The part of the subnet that containers are given."),
                Attribute::optional(
                    "aux_addresses",
                    texts(),
                    "Addresses that are taken by something else, by a name for each.",
                ),
            ],
            "A range of addresses; repeat it for another one, such as one of IPv6.",
        )
        .replaces(),
        Attribute::optional("ipam_driver", Type::String, "What hands out the addresses.")
            .with_default("default")
            .replaces(),
        Attribute::optional("ipam_options", texts(), "Options of what hands out the addresses.").replaces(),
        Attribute::optional("options", texts(), "Options of the driver, like `com.docker.network.driver.mtu`.")
            .replaces(),
        Attribute::optional("labels", texts(), "Labels on the network, besides deployctl's own.").replaces(),
        Attribute::computed("id", Type::String, "The engine's id of it."),
        Attribute::computed("scope", Type::String, "How far it reaches: `local` or `swarm`."),
        Attribute::computed("subnets", list(), "The ranges of addresses that it has, chosen or given."),
        Attribute::computed("gateways", list(), "The gateways that it has, chosen or given."),
    ];
    schema
}

const EXAMPLE: &str = r#"resource "docker_network" "backend" {
  name     = "backend"
  internal = true
  ipam {
    subnet  = "10.77.0.0/24"
    gateway = "10.77.0.1"
  }
}
"#;
