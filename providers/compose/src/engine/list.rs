//! Asking the engine: three lists side by side, whatever the number of projects.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::{Network, Volume};
use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptions, ListVolumesOptions};
use deployctl_docker_client::{Engine, EngineError};
use deployctl_sdk::ProviderError;
use futures_util::future::{join_all, try_join3};

use super::container::Container;
use super::world::{NetworkSeen, VolumeSeen, World};

const PROJECT: &str = "com.docker.compose.project";

/// Everything of all projects.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn list(engine: &Engine) -> Result<World, ProviderError> {
    let filters = HashMap::from([("label", vec![PROJECT])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let containers = engine.call(|docker| async move { docker.list_containers(Some(options)).await });
    let networks = engine.call(|docker| async move { docker.list_networks(None::<ListNetworksOptions>).await });
    let volumes = engine.call(|docker| async move { docker.list_volumes(None::<ListVolumesOptions>).await });
    let (containers, networks, volumes) =
        try_join3(containers, networks, volumes).await.map_err(ProviderError::from)?;
    let mut containers: Vec<Container> = containers.into_iter().map(Container::of).collect();
    containers.sort_by(|a, b| (&a.project, &a.service, a.number).cmp(&(&b.project, &b.service, b.number)));
    Ok(World {
        containers,
        networks: networks.into_iter().map(network).collect(),
        volumes: volumes.volumes.unwrap_or_default().into_iter().map(volume).collect(),
    })
}

fn network(network: Network) -> NetworkSeen {
    let mut labels = network.labels.unwrap_or_default();
    NetworkSeen {
        id: network.id.unwrap_or_default(),
        name: network.name.unwrap_or_default(),
        project: labels.remove(PROJECT),
        key: labels.remove("com.docker.compose.network"),
        hash: labels.remove("com.docker.compose.config-hash"),
    }
}

fn volume(volume: Volume) -> VolumeSeen {
    let mut labels = volume.labels;
    VolumeSeen {
        name: volume.name,
        project: labels.remove(PROJECT),
        hash: labels.remove("com.docker.compose.config-hash"),
    }
}

/// The identities of the images that the engine has under these names.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn images(
    engine: &Engine,
    names: BTreeSet<String>,
) -> Result<BTreeMap<String, String>, ProviderError> {
    let asked = names.into_iter().map(|name| async move {
        let asked = name.as_str();
        let answer = engine.call(|docker| async move { docker.inspect_image(asked).await }).await;
        match answer {
            Ok(image) => Ok(image.id.map(|id| (name, id))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(EngineError::doing(error, "looking at an image")),
        }
    });
    join_all(asked).await.into_iter().filter_map(Result::transpose).collect()
}
