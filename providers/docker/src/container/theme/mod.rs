//! What a container is made of, theme by theme. Each theme has its part of the schema, of the create request, and of the
//! way back from what the engine says to what a configuration would have said, so that an attribute is known in one file.

pub(crate) mod devices;
pub(crate) mod healthcheck;
pub(crate) mod limits;
pub(crate) mod logging;
pub(crate) mod namespaces;
pub(crate) mod network;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod restart;
pub(crate) mod security;
pub(crate) mod storage;
pub(crate) mod upload;

use bollard::models::{ContainerConfig, ContainerCreateBody, ContainerInspectResponse, HostConfig, ImageConfig};
use deployctl_sdk::{Type, Value};

/// A create request on its way: the container's own half and the host's.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) body: ContainerCreateBody,
    pub(crate) host: HostConfig,
}

/// What the engine says of one container, and what its image would have filled in.
pub(crate) struct Facts<'f> {
    pub(crate) inspect: &'f ContainerInspectResponse,
    pub(crate) config: &'f ContainerConfig,
    pub(crate) host: &'f HostConfig,
    pub(crate) image: &'f ImageConfig,
}

impl Facts<'_> {
    /// The mode of networking that it was made with.
    pub(crate) fn network_mode(&self) -> &str {
        self.host.network_mode.as_deref().unwrap_or_default()
    }
}

/// A configuration that would have led to a container, as far as that can be told.
#[derive(Debug, Default)]
pub(crate) struct Described {
    /// What differs from the defaults of image and engine.
    pub(crate) members: Vec<(&'static str, Value)>,
    /// What is as image or engine fill it in, so that nobody can tell whether it was configured.
    pub(crate) defaults: Vec<(&'static str, Value)>,
}

impl Described {
    /// Notes what an attribute is.
    pub(crate) fn put(&mut self, name: &'static str, value: Value, is_default: bool) {
        if value.is_null() {
            return;
        }
        if is_default { self.defaults.push((name, value)) } else { self.members.push((name, value)) }
    }

    /// Notes what an attribute is that nobody fills in.
    pub(crate) fn put_set(&mut self, name: &'static str, value: Value) {
        self.put(name, value, false);
    }
}

/// The type of a list of texts.
pub(crate) fn list_of_texts() -> Type {
    Type::List(Box::new(Type::String))
}

/// The type of a map of texts.
pub(crate) fn map_of_texts() -> Type {
    Type::Map(Box::new(Type::String))
}
