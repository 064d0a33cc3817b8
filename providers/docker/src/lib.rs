//! Images, networks, volumes and containers of a Docker Engine.
//!
//! Each resource type has a folder of its own: its schema, how a configuration is settled, how the real thing is read and
//! how it is changed. What they share is small: the [mark](mark) on everything, [reading](reading) many at once, and
//! [attributes](attributes) as values.
//!
//! It must not know configurations, states or graphs; like every provider it sees one resource at a time, through
//! [`deployctl_sdk`]. Where the engine is and what its failures mean is known to [`deployctl_docker_client`].

mod attributes;
mod container;
mod image;
mod mark;
mod network;
mod provider;
mod reading;
mod volume;

pub use provider::{DockerProvider, provider};
