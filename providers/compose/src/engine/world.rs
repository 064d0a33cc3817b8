//! All of it, at one moment.

use std::collections::BTreeMap;

use super::container::Container;

/// The containers of all projects, and all networks and volumes.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// The containers that bear a project's label.
    pub containers: Vec<Container>,
    /// Every network.
    pub networks: Vec<NetworkSeen>,
    /// Every volume.
    pub volumes: Vec<VolumeSeen>,
}

/// A network of the engine.
#[derive(Debug, Clone, Default)]
pub(crate) struct NetworkSeen {
    /// The engine's identity for it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The project that it belongs to, if any.
    pub project: Option<String>,
    /// Its key in that project.
    pub key: Option<String>,
    /// The hash of the configuration that it was made from.
    pub hash: Option<String>,
}

/// A volume of the engine.
#[derive(Debug, Clone, Default)]
pub(crate) struct VolumeSeen {
    /// Its name.
    pub name: String,
    /// The project that it belongs to, if any.
    pub project: Option<String>,
    /// The hash of the configuration that it was made from.
    pub hash: Option<String>,
}

impl World {
    /// The containers of a project, in the order of their names.
    pub(crate) fn of<'w>(&'w self, project: &'w str) -> impl Iterator<Item = &'w Container> {
        self.containers.iter().filter(move |container| container.project == project)
    }

    /// The containers of each service of a project; those of `docker compose run` left out.
    pub(crate) fn by_service<'w>(&'w self, project: &'w str) -> BTreeMap<&'w str, Vec<&'w Container>> {
        let mut services: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
        for container in self.of(project).filter(|container| !container.one_off) {
            services.entry(&container.service).or_default().push(container);
        }
        services
    }

    /// The network of that name.
    pub(crate) fn network(&self, name: &str) -> Option<&NetworkSeen> {
        self.networks.iter().find(|network| network.name == name)
    }

    /// The volume of that name.
    pub(crate) fn volume(&self, name: &str) -> Option<&VolumeSeen> {
        self.volumes.iter().find(|volume| volume.name == name)
    }

    /// Whether there is anything of a project that runs or could: its volumes alone are only data that was kept.
    pub(crate) fn has(&self, project: &str) -> bool {
        self.of(project).next().is_some()
            || self.networks.iter().any(|network| network.project.as_deref() == Some(project))
    }

    /// Whether there are volumes of a project.
    pub(crate) fn has_volumes(&self, project: &str) -> bool {
        self.volumes.iter().any(|volume| volume.project.as_deref() == Some(project))
    }
}
