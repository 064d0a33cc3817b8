//! One container of a project.

use std::collections::BTreeMap;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum, PortSummary};
use deployctl_sdk::Value;

/// A container, as the engine lists it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Container {
    /// The engine's identity for it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The project that it belongs to.
    pub project: String,
    /// The service that it is one of.
    pub service: String,
    /// Its number among those of its service.
    pub number: Option<usize>,
    /// Whether `docker compose run` made it.
    pub one_off: bool,
    /// The hash of the configuration that it was made from.
    pub hash: String,
    /// The image that it was made from, as Compose noted it.
    pub image_label: String,
    /// The image that it was made from.
    pub image: String,
    /// What it is doing.
    pub state: State,
    /// The Compose files that it was made from.
    pub config_files: String,
    /// The project's folder that it was made in.
    pub working_dir: String,
    /// The identities of the networks that it is on.
    pub networks: Vec<String>,
    /// What it mounts: where it sees it, and from where.
    pub binds: BTreeMap<String, String>,
    /// The names of the volumes that it mounts.
    pub volumes: Vec<String>,
    /// Its published ports: `80/tcp`, and the address of the host.
    pub ports: BTreeMap<String, String>,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum State {
    /// Made, and never started.
    #[default]
    Created,
    /// Running, and with what result of its health check if it has one.
    Running(Option<Check>),
    /// Ended, and started again by the engine.
    Restarting,
    /// Paused by hand.
    Paused,
    /// Ended with that exit code.
    Exited(i64),
    /// The engine could not remove it.
    Dead,
}

/// The result of a health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Starting,
    Healthy,
    Unhealthy,
}

impl State {
    /// Whether it runs.
    pub(crate) fn is_running(self) -> bool {
        matches!(self, Self::Running(_))
    }

    /// In words, the health check left out: that comes and goes by itself.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Created => "created".to_owned(),
            Self::Running(_) => "running".to_owned(),
            Self::Restarting => "restarting".to_owned(),
            Self::Paused => "paused".to_owned(),
            Self::Exited(code) => format!("exited ({code})"),
            Self::Dead => "dead".to_owned(),
        }
    }

    /// In words, with the health check.
    pub(crate) fn words_with_health(self) -> String {
        match self {
            Self::Running(Some(Check::Healthy)) => "healthy".to_owned(),
            Self::Running(Some(Check::Unhealthy)) => "unhealthy".to_owned(),
            Self::Running(Some(Check::Starting)) => "running, health check starting".to_owned(),
            other => other.words(),
        }
    }
}

impl Container {
    /// From the engine's list.
    pub(super) fn of(summary: ContainerSummary) -> Self {
        let mut labels = summary.labels.unwrap_or_default();
        let mut label = |name: &str| labels.remove(&format!("com.docker.compose.{name}")).unwrap_or_default();
        let names = summary.names.unwrap_or_default();
        let name = names.iter().map(|name| name.trim_start_matches('/')).find(|name| !name.contains('/'));
        let networks = summary.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let mounts = summary.mounts.unwrap_or_default();
        let volumes = mounts.iter().filter(|mount| mount.typ.as_deref() == Some("volume"));
        let binds = mounts.iter().filter(|mount| mount.typ.as_deref() == Some("bind"));
        Self {
            name: name.unwrap_or_default().to_owned(),
            project: label("project"),
            service: label("service"),
            number: label("container-number").parse().ok(),
            one_off: label("oneoff") == "True",
            hash: label("config-hash"),
            image_label: label("image"),
            config_files: label("project.config_files"),
            working_dir: label("project.working_dir"),
            image: summary.image_id.unwrap_or_default(),
            state: state(summary.state, summary.status.as_deref().unwrap_or_default()),
            networks: networks.into_values().filter_map(|endpoint| endpoint.network_id).collect(),
            volumes: volumes.filter_map(|mount| mount.name.clone()).collect(),
            binds: binds.filter_map(|mount| Some((mount.destination.clone()?, mount.source.clone()?))).collect(),
            ports: ports(&summary.ports.unwrap_or_default()),
            id: summary.id.unwrap_or_default(),
        }
    }

    /// What a configuration may refer to.
    pub(crate) fn value(&self) -> Value {
        let ports = self.ports.iter().map(|(inside, outside)| (inside.as_str(), Value::from(outside.as_str())));
        Value::map([
            ("name", Value::from(self.name.as_str())),
            ("id", Value::from(self.id.as_str())),
            ("image", Value::from(self.image.as_str())),
            ("state", Value::from(self.state.words())),
            ("ports", Value::map(ports)),
        ])
    }
}

fn state(state: Option<ContainerSummaryStateEnum>, status: &str) -> State {
    match state {
        Some(ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::STOPPING) => {
            State::Running(if status.contains("(healthy)") {
                Some(Check::Healthy)
            } else if status.contains("(unhealthy)") {
                Some(Check::Unhealthy)
            } else if status.contains("(health: starting)") {
                Some(Check::Starting)
            } else {
                None
            })
        }
        Some(ContainerSummaryStateEnum::PAUSED) => State::Paused,
        Some(ContainerSummaryStateEnum::RESTARTING) => State::Restarting,
        Some(ContainerSummaryStateEnum::EXITED) => {
            let code = status.split_once('(').and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
            State::Exited(code.unwrap_or(-1))
        }
        Some(ContainerSummaryStateEnum::DEAD | ContainerSummaryStateEnum::REMOVING) => State::Dead,
        _ => State::Created,
    }
}

fn ports(published: &[PortSummary]) -> BTreeMap<String, String> {
    let mut ports = BTreeMap::new();
    for port in published {
        let Some(public) = port.public_port else { continue };
        let protocol = port.typ.map(|kind| kind.to_string()).filter(|kind| !kind.is_empty());
        let inside = format!("{}/{}", port.private_port, protocol.as_deref().unwrap_or("tcp"));
        let ip = port.ip.as_deref().unwrap_or("0.0.0.0");
        // An engine with IPv6 lists a port twice; the address that everybody can write comes first.
        if !ports.contains_key(&inside) || !ip.contains(':') {
            ports.insert(inside, if ip.contains(':') { format!("[{ip}]:{public}") } else { format!("{ip}:{public}") });
        }
    }
    ports
}
