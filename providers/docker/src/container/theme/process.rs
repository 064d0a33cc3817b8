//! What runs in the container: its program, environment and labels.

use std::collections::HashMap;

use bollard::models::ContainerConfig;
use deployctl_sdk::{Attribute, Type, Value};

use super::{Described, Draft, Facts, list_of_texts, map_of_texts};
use crate::attributes::{map_or_null, text, text_or_null, texts_by_name};
use crate::container::values::{given, list_or_null, number, texts};
use crate::mark;

/// Labels that Docker Compose puts on the containers of a project. They say how a container came about and not what it is.
const COMPOSE: &str = "com.docker.compose.";

pub(crate) fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::optional(
            "command",
            list_of_texts(),
            "The program and its arguments, or the arguments of the entry point where there is one; the image's without \
             it. No shell takes part.",
        )
        .replaces(),
        Attribute::optional("entrypoint", list_of_texts(), "What is run with `command` as its arguments; the image's without it.")
            .replaces(),
        Attribute::optional("env", map_of_texts(), "Environment variables, on top of the image's.").replaces(),
        Attribute::optional("working_dir", Type::String, "The folder that the program starts in; the image's without it.")
            .replaces(),
        Attribute::optional("user", Type::String, "Who runs it: `name`, `uid`, `name:group` or `uid:gid`; the image's without it.")
            .replaces(),
        Attribute::optional("hostname", Type::String, "Its host name; the beginning of its id without it.").replaces(),
        Attribute::optional("domainname", Type::String, "Its NIS domain name.").replaces(),
        Attribute::optional("labels", map_of_texts(), "Labels, on top of the image's.").replaces(),
        Attribute::optional("tty", Type::Bool, "Whether its standard streams are a terminal.").with_default(false).replaces(),
        Attribute::optional("stdin_open", Type::Bool, "Whether its standard input stays open though nobody is attached.")
            .with_default(false)
            .replaces(),
        Attribute::optional("stdin_once", Type::Bool, "Whether its standard input closes when the first client goes.")
            .with_default(false)
            .replaces(),
        Attribute::optional("init", Type::Bool, "Whether a small init runs as process 1, which passes signals on and reaps.")
            .replaces(),
        Attribute::optional("stop_signal", Type::String, "The signal that asks it to end; the image's or `SIGTERM` without it.")
            .replaces(),
        Attribute::optional(
            "stop_timeout",
            Type::Number,
            "How many seconds it may take to end before it is killed; the engine's 10 without it. With 0 it is killed at \
             once.",
        )
        .replaces(),
    ]
}

pub(crate) fn request(config: &Value, draft: &mut Draft) {
    let body = &mut draft.body;
    body.cmd = texts(config, "command");
    body.entrypoint = texts(config, "entrypoint");
    let env = texts_by_name(config, "env");
    if !env.is_empty() {
        body.env = Some(env.into_iter().map(|(name, value)| format!("{name}={value}")).collect());
    }
    body.working_dir = text(config, "working_dir");
    body.user = text(config, "user");
    body.hostname = text(config, "hostname");
    body.domainname = text(config, "domainname");
    body.labels = Some(texts_by_name(config, "labels").into_iter().collect::<HashMap<_, _>>());
    body.tty = given(config, "tty");
    body.open_stdin = given(config, "stdin_open");
    body.stdin_once = given(config, "stdin_once");
    body.stop_signal = text(config, "stop_signal");
    body.stop_timeout = number(config, "stop_timeout");
    draft.host.init = config.get("init").and_then(Value::as_bool);
}

pub(crate) fn describe(facts: &Facts<'_>, described: &mut Described) {
    let (config, image) = (facts.config, facts.image);
    let own_entrypoint = config.entrypoint != image.entrypoint;
    described.put("entrypoint", list_or_null(config.entrypoint.as_ref()), !own_entrypoint);
    // With another entry point the image's command is dropped, so one that is there was configured.
    described.put("command", list_or_null(config.cmd.as_ref()), !own_entrypoint && config.cmd == image.cmd);
    described.put_set("env", env(config, image.env.as_deref().unwrap_or_default()));
    text_unless(described, "working_dir", config.working_dir.as_deref(), image.working_dir.as_deref());
    text_unless(described, "user", config.user.as_deref(), image.user.as_deref());
    let id = facts.inspect.id.as_deref().unwrap_or_default();
    let hostname = config.hostname.as_deref().unwrap_or_default();
    let given_by_engine = id.starts_with(hostname) || facts.network_mode() == "host";
    described.put("hostname", text_or_null(Some(hostname)), given_by_engine);
    described.put_set("domainname", text_or_null(config.domainname.as_deref()));
    described.put_set("labels", labels(config, image.labels.as_ref()));
    for (name, value) in [("tty", config.tty), ("stdin_open", config.open_stdin), ("stdin_once", config.stdin_once)] {
        described.put_set(name, Value::from(value.unwrap_or(false)));
    }
    described.put_set("init", facts.host.init.map_or(Value::Null, Value::from));
    let signal = config.stop_signal.as_deref();
    let default = image.stop_signal.as_deref().unwrap_or("SIGTERM");
    described.put("stop_signal", text_or_null(signal), signal == Some(default));
    described.put_set("stop_timeout", config.stop_timeout.map_or(Value::Null, Value::from));
}

fn text_unless(described: &mut Described, name: &'static str, value: Option<&str>, image: Option<&str>) {
    described.put(name, text_or_null(value), value.unwrap_or_default() == image.unwrap_or_default());
}

/// The environment that the image has not. Nobody can tell what in it is secret, so all of it is taken to be.
fn env(config: &ContainerConfig, image: &[String]) -> Value {
    let own = config.env.iter().flatten().filter(|entry| !image.contains(entry));
    let own: Vec<(&str, Value)> = own
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, value)| (name, Value::from(value).into_sensitive()))
        .collect();
    if own.is_empty() { Value::Null } else { Value::map(own) }
}

fn labels(config: &ContainerConfig, image: Option<&HashMap<String, String>>) -> Value {
    let Some(labels) = &config.labels else { return Value::Null };
    let of_image = |name: &str, value: &str| image.and_then(|image| image.get(name)).is_some_and(|own| own == value);
    map_or_null(mark::without(labels).filter(|(name, value)| !name.starts_with(COMPOSE) && !of_image(name, value)))
}
