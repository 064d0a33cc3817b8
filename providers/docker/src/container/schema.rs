//! What a `docker_container` can say.

use deployctl_sdk::{Attribute, ResourceSchema, Type};

use super::theme::{
    devices, healthcheck, limits, list_of_texts, logging, namespaces, network, ports, process, restart, security,
    storage, upload,
};

/// The type's name.
pub(crate) const TYPE: &str = "docker_container";

/// Computed attributes that `prepare` settles, so that plans can say them beforehand.
pub(crate) const SETTLED: &[&str] = &["status", "upload_digests"];

/// Computed attributes that the engine changes in the course of its work, so that it is no drift.
pub(crate) const QUIET: &[&str] = &["id", "ids", "names", "image_id", "exit_code", "ip", "addresses", "ports"];

/// The schema.
pub(crate) fn schema() -> ResourceSchema {
    let mut attributes = general();
    attributes.extend(process::attributes());
    attributes.extend(restart::attributes());
    attributes.extend(healthcheck::attributes());
    attributes.extend(ports::attributes());
    attributes.extend(network::attributes());
    attributes.extend(storage::attributes());
    attributes.extend(upload::attributes());
    attributes.extend(limits::attributes());
    attributes.extend(security::attributes());
    attributes.extend(namespaces::attributes());
    attributes.extend(devices::attributes());
    attributes.extend(logging::attributes());
    attributes.extend(computed());
    ResourceSchema {
        example: EXAMPLE.trim_start().to_owned(),
        attributes,
        interrupts: true,
        create_first: true,
        hands_over: true,
        import_id: Some("the container's name or id; for replicas all of them, with commas between".to_owned()),
        has_health: true,
        has_logs: true,
        ..ResourceSchema::new(TYPE, DOC.trim())
    }
}

const DOC: &str = "
A container, or several alike (`replicas`).

Its name, `restart`, the limits of memory, processors and processes, and the networks that it is attached to are changed
where it stands; anything else takes a new container. What the image or the engine fills in is never taken for a change.

With `lifecycle { create_before_destroy = true }` a replacement makes the new container first, under a name of its own.
Once it runs, and the engine's health check (if it has one) finds it healthy, it takes over the name and the aliases; then
the old one is asked to end, has its `stop_timeout` to finish what it does, and is removed. If the new one does not come
up, it is removed and the old one stays. Until the old one has ended, the engine's name server may still give its address
for an alias; clients that try the next address notice nothing. A port of the machine with a fixed number cannot belong to
two containers: the new one is made but not started, the old one stops, the new one starts, and the port does not answer in
between: for as long as the old one takes to end, and a quarter of a second more on a small machine. With `range`, or without a number, both run
side by side.
";

const EXAMPLE: &str = r#"
resource "docker_image" "web" {
  name = "example/web:1"
  build {
    context = "web"
  }
}

resource "docker_container" "web" {
  name    = "web"
  image   = docker_image.web.id
  restart = "unless-stopped"
  memory  = "256MiB"

  env = {
    GREETING = "hello"
  }

  port {
    internal = 8080
    external = 18080
    ip       = "127.0.0.1"
  }
}
"#;

fn general() -> Vec<Attribute> {
    vec![
        Attribute::optional(
            "name",
            Type::String,
            "Its name on the engine; made from the resource's name without it. With `replicas` each is called NAME-1, NAME-2, ….",
        )
        .or_computed(),
        Attribute::required("image", Type::String, "The image: a name or an id. It must be there; see `docker_image`.").replaces(),
        Attribute::optional("platform", Type::String, "The platform of the image, where it has several: `linux/arm64`.")
            .replaces(),
        Attribute::optional(
            "replicas",
            Type::Number,
            "How many of it run. In a network all are also found by `name`. Ports with a fixed number and fixed addresses \
             are then not possible.",
        ),
        Attribute::optional(
            "must_run",
            Type::Bool,
            "Whether it is started again by the next apply when it has ended; false for one that does its work and ends.",
        )
        .with_default(true),
    ]
}

fn computed() -> Vec<Attribute> {
    let text = |name: &str, doc: &str| Attribute::computed(name, Type::String, doc);
    let numbers = || Type::List(Box::new(Type::Number));
    vec![
        text("id", "Its id; the first replica's where there are several.").volatile(),
        Attribute::computed("ids", list_of_texts(), "The ids of all replicas.").volatile(),
        Attribute::computed("names", list_of_texts(), "The names of all replicas.").volatile(),
        text("image_id", "The id of the image that it was made from.").volatile(),
        text(
            "status",
            "`running`, `exited`, `paused`, `restarting`, …; of several replicas the first that is not running.",
        ),
        Attribute::computed("exit_code", Type::Number, "What it ended with, if it did.").volatile(),
        text("ip", "Its address in the first of its networks, for other containers there.").volatile(),
        Attribute::computed(
            "addresses",
            Type::Map(Box::new(list_of_texts())),
            "Its addresses by network, one for each replica.",
        )
        .volatile(),
        Attribute::computed(
            "ports",
            Type::Map(Box::new(numbers())),
            "The machine's ports by the container's, one for each replica: `ports[\"80/tcp\"][0]`.",
        )
        .volatile(),
    ]
}
