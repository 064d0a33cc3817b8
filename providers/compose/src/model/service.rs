//! One service of a resolved project.

use super::hash;
use super::node::Node;

/// A service.
#[derive(Clone, Copy)]
pub(crate) struct Service<'r> {
    /// Its name.
    pub name: &'r str,
    node: &'r Node,
}

/// A service that another one waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dependency<'r> {
    /// The one that is waited for.
    pub service: &'r str,
    /// Whether it must end well before the other starts.
    pub completes: bool,
    /// Whether the other is restarted when it is made anew.
    pub restarts: bool,
}

/// How an image is built.
#[derive(Clone, Copy)]
pub(crate) struct Build<'r> {
    /// The folder that is sent to the builder, or an address.
    pub context: &'r str,
    /// All that is said of the build.
    pub node: &'r Node,
}

/// What a service shares with another one: these members name it as `service:NAME`.
const SHARED: [&str; 3] = ["network_mode", "ipc", "pid"];

impl<'r> Service<'r> {
    pub(super) fn new(name: &'r str, node: &'r Node) -> Self {
        Self { name, node }
    }

    /// All that is said of it.
    pub(crate) fn node(&self) -> &'r Node {
        self.node
    }

    /// The image that its containers are made from.
    pub(crate) fn image(&self, project: &str) -> String {
        match self.node.text("image") {
            Some(image) if !image.is_empty() => image.to_owned(),
            _ => format!("{project}-{}", self.name),
        }
    }

    /// How its image is built, if it is.
    pub(crate) fn build(&self) -> Option<Build<'r>> {
        let node = self.node.get("build")?;
        Some(Build { context: node.text("context").unwrap_or("."), node })
    }

    /// When its image is pulled, if it says so itself.
    pub(crate) fn pull_policy(&self) -> Option<&'r str> {
        self.node.text("pull_policy")
    }

    /// How many containers it has.
    pub(crate) fn scale(&self) -> usize {
        let own = self.node.get("scale").and_then(Node::as_u64);
        let replicas = || self.node.get("deploy")?.get("replicas")?.as_u64();
        usize::try_from(own.or_else(replicas).unwrap_or(1)).unwrap_or(usize::MAX)
    }

    /// The name of its one container, where it has a fixed one.
    pub(crate) fn container_name(&self) -> Option<&'r str> {
        self.node.text("container_name").filter(|name| !name.is_empty())
    }

    /// What it waits for.
    pub(crate) fn dependencies(&self) -> Vec<Dependency<'r>> {
        let members = self.node.get("depends_on").map_or(&[][..], Node::members);
        let dependency = |(service, node): &'r (String, Node)| Dependency {
            service,
            completes: node.text("condition") == Some("service_completed_successfully"),
            restarts: node.get("restart").and_then(Node::as_bool).unwrap_or(false),
        };
        members.iter().map(dependency).collect()
    }

    /// The keys of its networks.
    pub(crate) fn networks(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        self.node.get("networks").map_or(&[][..], Node::members).iter().map(|(key, _)| key.as_str())
    }

    /// The keys of the named volumes that it mounts.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        let mounts = self.node.get("volumes").map_or(&[][..], Node::items).iter();
        mounts.filter_map(|mount| {
            let source = mount.text("source").filter(|source| !source.is_empty())?;
            (mount.text("type") == Some("volume")).then_some(source)
        })
    }

    /// The folders and files of the host that it mounts: where they are, and where it sees them.
    pub(crate) fn binds(&self) -> impl Iterator<Item = (&'r str, &'r str)> + use<'r> {
        let mounts = self.node.get("volumes").map_or(&[][..], Node::items).iter();
        mounts.filter_map(|mount| {
            let bind = mount.text("type") == Some("bind");
            bind.then_some((mount.text("source")?, mount.text("target")?))
        })
    }

    /// The configs and secrets that it uses: the section, and the key in it.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = (&'static str, &'r str)> + use<'r> {
        let node = self.node;
        ["configs", "secrets"].into_iter().flat_map(move |section| {
            let uses = node.get(section).map_or(&[][..], Node::items).iter();
            uses.filter_map(move |item| Some((section, item.text("source")?)))
        })
    }

    /// The services whose containers it names: their network, processes or volumes are its own.
    pub(crate) fn references(&self) -> Vec<&'r str> {
        let shared = SHARED.iter().filter_map(|key| self.node.text(key)?.strip_prefix("service:"));
        let from = self.node.get("volumes_from").map_or(&[][..], Node::items).iter().filter_map(Node::as_str);
        let from = from.filter_map(|spec| spec.split(':').next().filter(|name| *name != "container"));
        shared.chain(from).collect()
    }

    /// The hash that Compose writes on its containers, with `container` naming the container of another service. `None`
    /// where one of those is not there yet, so that the hash cannot be known.
    pub(crate) fn hash(&self, container: impl Fn(&str) -> Option<String>) -> Option<String> {
        if self.references().is_empty() {
            return Some(hash::service(self.node));
        }
        let mut resolved = self.node.clone();
        for key in SHARED {
            let Some(name) = self.node.text(key).and_then(|mode| mode.strip_prefix("service:")) else { continue };
            resolved.set(key, Node::Text(format!("container:{}", container(name)?)));
        }
        if let Some(Node::List(specs)) = resolved.get_mut("volumes_from") {
            for spec in specs {
                let Some(text) = spec.as_str() else { continue };
                let mut parts = text.split(':');
                let (first, second) = (parts.next().unwrap_or_default(), parts.next());
                let id = match (first, second) {
                    ("container", Some(name)) => name.to_owned(),
                    (name, _) => container(name)?,
                };
                *spec = Node::Text(id);
            }
        }
        Some(hash::service(&resolved))
    }
}
