//! What becomes of things, and why.

/// What Compose will do to a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Prediction {
    /// The services that are to be, dependencies first.
    pub services: Vec<ServiceFate>,
    /// Containers that are left over.
    pub removed: Vec<Removed>,
    /// The networks.
    pub networks: Vec<NetworkFate>,
    /// The volumes.
    pub volumes: Vec<VolumeFate>,
}

/// What becomes of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceFate {
    /// Its name.
    pub service: String,
    /// What becomes of its containers: the name, and the fate.
    pub containers: Vec<(String, Fate)>,
    /// Why.
    pub why: Vec<Why>,
    /// How many containers it has now.
    pub from: usize,
    /// How many it is to have.
    pub to: usize,
    /// Whether Compose must be told to make its containers anew, because it would not see why.
    pub forced: bool,
}

/// What becomes of one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// Nothing.
    Keep,
    /// It is made.
    Create,
    /// A new one takes its place.
    Recreate,
    /// A new one takes its place if its image comes out different.
    RecreateIfImageDiffers,
    /// It is started.
    Start,
    /// It is stopped and started.
    Restart,
    /// It ran to its end, and runs again because Compose is run at all.
    RunAgain,
    /// It is stopped and removed.
    Remove,
}

/// A reason, in Compose's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was not there before.
    New,
    /// Its configuration is another one than its containers were made from.
    ConfigChanged,
    /// The image of that name is another one than its containers were made from.
    ImageMoved { from: String, to: String },
    /// Its image is not there, and is pulled.
    Pulled,
    /// Its image is pulled whenever something is done.
    PulledAlways,
    /// Its image is not there, and is built.
    ImageMissing,
    /// The files that its image is built from are others.
    ContextChanged { files: Vec<String> },
    /// How its image is built is described in another way.
    BuildChanged,
    /// Its image was built by somebody else.
    RebuiltOutside { from: String, to: String },
    /// Its image is built whenever something is done.
    BuiltAlways,
    /// A service that it shares something with is made anew.
    DependencyRecreated(String),
    /// A service that it depends on with `restart: true` is made anew.
    DependencyRestarts(String),
    /// A network of it is made anew.
    NetworkRecreated(String),
    /// It is not on one of its networks.
    NotOnNetwork(String),
    /// A volume of it is made anew.
    VolumeRecreated(String),
    /// It does not mount one of its volumes.
    VolumeNotMounted(String),
    /// A config, secret or mounted file holds something else.
    ContentChanged(String),
    /// It is to have another number of containers.
    Scaled,
    /// It is in that state, and should run.
    Stopped(String),
}

/// A container that is left over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Its name.
    pub container: String,
    /// The service that it was one of.
    pub service: String,
    /// Whether `docker compose run` made it.
    pub one_off: bool,
    /// Whether it is removed, or only told of.
    pub removed: bool,
}

/// What becomes of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetworkFate {
    /// Its key in the Compose file.
    pub key: String,
    /// Its name.
    pub name: String,
    /// `Keep`, `Create` or `Recreate`.
    pub fate: Fate,
    /// Its identity, where it is there.
    pub id: Option<String>,
    /// Whether it is there and belongs to something else.
    pub foreign: bool,
}

/// What becomes of one volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VolumeFate {
    /// Its key in the Compose file.
    pub key: String,
    /// Its name.
    pub name: String,
    /// `Keep`, `Create` or `Recreate`.
    pub fate: Fate,
}

/// How many containers meet which fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub created: usize,
    pub recreated: usize,
    pub recreated_if: usize,
    pub started: usize,
    pub restarted: usize,
    pub again: usize,
    pub removed: usize,
}

impl ServiceFate {
    /// How many of its containers meet which fate.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, fate) in &self.containers {
            match fate {
                Fate::Keep => {}
                Fate::Create => counts.created += 1,
                Fate::Recreate => counts.recreated += 1,
                Fate::RecreateIfImageDiffers => counts.recreated_if += 1,
                Fate::Start => counts.started += 1,
                Fate::Restart => counts.restarted += 1,
                Fate::RunAgain => counts.again += 1,
                Fate::Remove => counts.removed += 1,
            }
        }
        counts
    }

    /// Whether something must be done for it. What only runs again because Compose is run does not count.
    pub(crate) fn is_change(&self) -> bool {
        self.containers.iter().any(|(_, fate)| !matches!(fate, Fate::Keep | Fate::RunAgain))
            || self.why.iter().any(Why::is_build)
    }
}

impl Why {
    /// Whether the image is built for it.
    pub(crate) fn is_build(&self) -> bool {
        matches!(
            self,
            Self::ImageMissing
                | Self::ContextChanged { .. }
                | Self::BuildChanged
                | Self::RebuiltOutside { .. }
                | Self::BuiltAlways
        )
    }
}

impl Prediction {
    /// Whether something must be done.
    pub(crate) fn is_change(&self) -> bool {
        self.services.iter().any(ServiceFate::is_change)
            || self.removed.iter().any(|removed| removed.removed)
            || self.networks.iter().any(|network| network.fate != Fate::Keep)
            || self.volumes.iter().any(|volume| volume.fate != Fate::Keep)
    }

    /// The volumes that are made anew, with their data lost.
    pub(crate) fn lost_volumes(&self) -> impl Iterator<Item = &VolumeFate> {
        self.volumes.iter().filter(|volume| volume.fate == Fate::Recreate)
    }
}
