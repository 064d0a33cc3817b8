//! The whole project.

use std::path::Path;

use super::hash;
use super::node::Node;
use super::service::Service;

/// A project as Compose resolved it. Its texts are as containers get them: `$` stands for itself.
#[derive(Clone, PartialEq)]
pub(crate) struct Resolved {
    root: Node,
}

/// A network of the project.
#[derive(Clone, Copy)]
pub(crate) struct Network<'r> {
    /// Its key in the Compose file.
    pub key: &'r str,
    node: &'r Node,
}

/// A volume of the project.
#[derive(Clone, Copy)]
pub(crate) struct Volume<'r> {
    /// Its key in the Compose file.
    pub key: &'r str,
    node: &'r Node,
}

impl Resolved {
    /// Reads what `config --format json` printed. `None` if it is something else.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let mut root: Node = serde_json::from_slice(json).ok()?;
        // What it prints can be read by Compose again, so every `$` is doubled in it.
        root.each_text(true, &mut |text| {
            if text.contains("$$") {
                *text = text.replace("$$", "$");
            }
        });
        matches!(root, Node::Map(_)).then_some(Self { root })
    }

    /// The project's name.
    pub(crate) fn name(&self) -> &str {
        self.root.text("name").unwrap_or_default()
    }

    /// The whole of it.
    pub(crate) fn root(&self) -> &Node {
        &self.root
    }

    pub(crate) fn root_mut(&mut self) -> &mut Node {
        &mut self.root
    }

    /// Takes `prefix` off every path at any depth: what was resolved in a copy of the project's folder then names the
    /// folder itself.
    pub(crate) fn relocate(&mut self, prefix: &Path) {
        let prefix = prefix.to_string_lossy().into_owned();
        self.root.each_text(false, &mut |text| {
            if text.contains(&prefix) {
                *text = text.replace(&prefix, "");
                if text.is_empty() {
                    text.push('/');
                }
            }
        });
    }

    /// The services, by name.
    pub(crate) fn services(&self) -> impl Iterator<Item = Service<'_>> {
        section(&self.root, "services").iter().map(|(name, node)| Service::new(name, node))
    }

    /// The service of that name.
    pub(crate) fn service(&self, name: &str) -> Option<Service<'_>> {
        self.services().find(|service| service.name == name)
    }

    /// The networks.
    pub(crate) fn networks(&self) -> impl Iterator<Item = Network<'_>> {
        section(&self.root, "networks").iter().map(|(key, node)| Network { key, node })
    }

    /// The volumes.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = Volume<'_>> {
        section(&self.root, "volumes").iter().map(|(key, node)| Volume { key, node })
    }

    /// The volume of that key.
    pub(crate) fn volume(&self, key: &str) -> Option<Volume<'_>> {
        self.volumes().find(|volume| volume.key == key)
    }

    /// The definition of a config or secret: `section` is `configs` or `secrets`.
    pub(crate) fn definition(&self, kind: &str, key: &str) -> Option<&Node> {
        self.root.get(kind)?.get(key)
    }

    /// The services with their dependencies before them.
    pub(crate) fn in_order(&self) -> Vec<Service<'_>> {
        let mut ordered: Vec<Service<'_>> = Vec::new();
        let mut left: Vec<Service<'_>> = self.services().collect();
        while !left.is_empty() {
            let ready = |service: &Service<'_>, left: &[Service<'_>]| {
                !service.dependencies().iter().any(|dependency| {
                    dependency.service != service.name && left.iter().any(|other| other.name == dependency.service)
                })
            };
            let position = left.iter().position(|service| ready(service, &left));
            // Compose refuses a cycle, so there is always one that is ready.
            ordered.push(left.remove(position.unwrap_or(0)));
        }
        ordered
    }
}

fn section<'r>(root: &'r Node, key: &str) -> &'r [(String, Node)] {
    root.get(key).map_or(&[], Node::members)
}

impl<'r> Network<'r> {
    /// What the engine calls it.
    pub(crate) fn name(&self) -> &'r str {
        self.node.text("name").unwrap_or(self.key)
    }

    /// Whether Compose only uses it.
    pub(crate) fn is_external(&self) -> bool {
        is_external(self.node)
    }

    /// The hash that Compose writes on it.
    pub(crate) fn hash(&self) -> String {
        hash::network(self.node)
    }
}

impl<'r> Volume<'r> {
    /// What the engine calls it.
    pub(crate) fn name(&self) -> &'r str {
        self.node.text("name").unwrap_or(self.key)
    }

    /// Whether Compose only uses it.
    pub(crate) fn is_external(&self) -> bool {
        is_external(self.node)
    }

    /// The hash that Compose writes on it.
    pub(crate) fn hash(&self) -> String {
        hash::volume(self.node)
    }
}

fn is_external(node: &Node) -> bool {
    node.get("external").and_then(Node::as_bool).unwrap_or(false)
}
