//! Services, one after the other: what becomes of one may take along those that come after it.

use std::collections::{BTreeMap, BTreeSet};

use super::Question;
use super::fate::{Fate, NetworkFate, Removed, ServiceFate, VolumeFate, Why};
use super::order::{kept_first, next_number};
use crate::engine::{Container, State};
use crate::model::Service;

/// What is known so far of the services that were looked at.
#[derive(Default)]
struct Known {
    /// The container that others share with, where it stays.
    first: BTreeMap<String, Option<String>>,
    /// The services of which a container is made anew.
    recreated: BTreeSet<String>,
}

pub(super) fn services(question: &Question<'_>, networks: &[NetworkFate], volumes: &[VolumeFate]) -> Vec<ServiceFate> {
    let by_service = question.world.by_service(question.resolved.name());
    let awaited = awaited_to_the_end(question);
    let mut known = Known::default();
    let mut fates = Vec::new();
    for service in question.resolved.in_order() {
        let containers = by_service.get(service.name).map(Vec::as_slice).unwrap_or_default();
        let look =
            Look { question, service, networks, volumes, known: &known, completes: awaited.contains(service.name) };
        let fate = look.at(containers);
        let stays = |(_, fate): &(String, Fate)| {
            !matches!(fate, Fate::Recreate | Fate::RecreateIfImageDiffers | Fate::Create | Fate::Remove)
        };
        // Those that share with the service share with the first of its containers by name.
        let mut sorted: Vec<&&Container> = containers.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        let first =
            sorted.first().filter(|first| fate.containers.iter().any(|pair| pair.0 == first.name && stays(pair)));
        known.first.insert(service.name.to_owned(), first.map(|first| first.id.clone()));
        if fate.containers.iter().any(|(_, fate)| *fate == Fate::Recreate) && !goes_with_a_volume(&fate) {
            known.recreated.insert(service.name.to_owned());
        }
        fates.push(fate);
    }
    fates
}

/// Whether the containers go because a volume goes; Compose then does not restart the dependents.
fn goes_with_a_volume(fate: &ServiceFate) -> bool {
    fate.why.iter().any(|why| matches!(why, Why::VolumeRecreated(_)))
}

/// The services that others wait for to end well.
fn awaited_to_the_end<'q>(question: &Question<'q>) -> BTreeSet<&'q str> {
    let dependencies = question.resolved.services().flat_map(|service| service.dependencies());
    dependencies.filter(|dependency| dependency.completes).map(|dependency| dependency.service).collect()
}

/// A look at one service.
struct Look<'l> {
    question: &'l Question<'l>,
    service: Service<'l>,
    networks: &'l [NetworkFate],
    volumes: &'l [VolumeFate],
    known: &'l Known,
    completes: bool,
}

impl Look<'_> {
    fn at(&self, containers: &[&Container]) -> ServiceFate {
        let (name, to) = (self.service.name.to_owned(), self.service.scale());
        let mut why = Vec::new();
        if let Some(build) = self.question.builds.get(&name) {
            why.push(build.clone());
        }
        let lost = self.lost_volume();
        let mut fates: Vec<(String, Fate)> = Vec::new();
        let mut forced = false;
        if let Some(volume) = &lost {
            // Its containers are removed with the volume, and made again.
            fates.extend(containers.iter().take(to).map(|container| (container.name.clone(), Fate::Recreate)));
            fates.extend(containers.iter().skip(to).map(|container| (container.name.clone(), Fate::Remove)));
            if !containers.is_empty() {
                why.push(Why::VolumeRecreated(volume.clone()));
            }
        } else {
            let reasons: BTreeMap<&str, Vec<Why>> =
                containers.iter().map(|container| (container.name.as_str(), self.obsolete(container))).collect();
            let is_obsolete =
                |container: &Container| reasons.get(container.name.as_str()).is_some_and(|reasons| !reasons.is_empty());
            let ordered = kept_first(containers, is_obsolete);
            for (position, container) in ordered.iter().enumerate() {
                let reasons = reasons.get(container.name.as_str()).cloned().unwrap_or_default();
                let (fate, reasons) = match position >= to {
                    true => (Fate::Remove, Vec::new()),
                    false => self.of_kept(container, reasons),
                };
                forced |= fate == Fate::Recreate && reasons.iter().all(|why| matches!(why, Why::ContentChanged(_)));
                reasons.into_iter().for_each(|reason| {
                    if !why.contains(&reason) {
                        why.push(reason);
                    }
                });
                fates.push((container.name.clone(), fate));
            }
        }
        self.to_create(containers, to, &mut fates, &mut why);
        ServiceFate { service: name, containers: fates, why, from: containers.len(), to, forced }
    }

    fn to_create(&self, containers: &[&Container], to: usize, fates: &mut Vec<(String, Fate)>, why: &mut Vec<Why>) {
        let from = containers.len();
        let next = next_number(containers);
        for number in next..next + to.saturating_sub(from) {
            let name = match self.service.container_name() {
                Some(name) => name.to_owned(),
                None => format!("{}-{}-{number}", self.question.resolved.name(), self.service.name),
            };
            fates.push((name, Fate::Create));
        }
        if from == to {
            return;
        }
        why.push(if from == 0 { Why::New } else { Why::Scaled });
        if to > from && self.question.pulls.contains(self.service.name) && !why.contains(&Why::Pulled) {
            why.push(Why::Pulled);
        }
    }

    /// Why a container is not up to date.
    fn obsolete(&self, container: &Container) -> Vec<Why> {
        let mut why = Vec::new();
        let gone = |name: &str| self.known.first.get(name).is_none_or(Option::is_none);
        for reference in self.service.references().into_iter().filter(|name| gone(name)) {
            why.push(Why::DependencyRecreated(reference.to_owned()));
        }
        let hash = self.service.hash(|name| self.known.first.get(name).cloned().flatten());
        if hash.is_some_and(|hash| hash != container.hash) {
            why.push(Why::ConfigChanged);
        }
        if !self.question.builds.contains_key(self.service.name) && !self.question.pulls.contains(self.service.name) {
            let image = self.service.image(self.question.resolved.name());
            let now = self.question.images.get(&image).cloned().unwrap_or_default();
            if now != container.image_label {
                why.push(Why::ImageMoved { from: container.image_label.clone(), to: now });
            }
        }
        for key in self.service.networks() {
            let Some(network) = self.networks.iter().find(|network| network.key == key) else { continue };
            if network.fate == Fate::Recreate {
                why.push(Why::NetworkRecreated(key.to_owned()));
            } else if container.state.is_running()
                && !network.id.as_ref().is_some_and(|id| container.networks.contains(id))
            {
                why.push(Why::NotOnNetwork(key.to_owned()));
            }
        }
        for key in self.service.volumes() {
            let name = self.question.resolved.volume(key).map(|volume| volume.name());
            if name.is_some_and(|name| !container.volumes.iter().any(|mounted| mounted == name)) {
                why.push(Why::VolumeNotMounted(key.to_owned()));
            }
        }
        if why.is_empty() {
            why.extend(self.other_content(container));
        }
        why
    }

    /// A config or secret that holds something else than the container was given.
    fn other_content(&self, container: &Container) -> Option<Why> {
        for (section, key) in self.service.definitions() {
            let Some(file) = self.question.resolved.definition(section, key).and_then(|node| node.text("file")) else {
                continue;
            };
            let live = self.question.live_files.get(file).map(String::as_str);
            if !container.binds.values().any(|source| source == file || Some(source.as_str()) == live) {
                let kind = section.trim_end_matches('s');
                return Some(Why::ContentChanged(format!("{kind} {key}")));
            }
        }
        let other = self.question.other_contents.contains(self.service.name);
        other.then(|| Why::ContentChanged("a config or secret".to_owned()))
    }

    /// What becomes of a container that the service keeps.
    fn of_kept(&self, container: &Container, reasons: Vec<Why>) -> (Fate, Vec<Why>) {
        if !reasons.is_empty() {
            return (Fate::Recreate, reasons);
        }
        if self.question.builds.contains_key(self.service.name) {
            return (Fate::RecreateIfImageDiffers, Vec::new());
        }
        if self.question.pulls.contains(self.service.name) {
            let image = self.service.image(self.question.resolved.name());
            let there = self.question.images.contains_key(&image);
            return (Fate::RecreateIfImageDiffers, vec![if there { Why::PulledAlways } else { Why::Pulled }]);
        }
        let dependencies = self.service.dependencies();
        let restarts = dependencies
            .iter()
            .find(|dependency| dependency.restarts && self.known.recreated.contains(dependency.service));
        if let Some(dependency) = restarts {
            return (Fate::Restart, vec![Why::DependencyRestarts(dependency.service.to_owned())]);
        }
        match container.state {
            State::Running(_) | State::Restarting => (Fate::Keep, Vec::new()),
            State::Exited(0) if self.completes => (Fate::RunAgain, Vec::new()),
            other => (Fate::Start, vec![Why::Stopped(other.words())]),
        }
    }

    /// A volume of it that is made anew.
    fn lost_volume(&self) -> Option<String> {
        let lost = |key: &&str| self.volumes.iter().any(|volume| volume.key == *key && volume.fate == Fate::Recreate);
        self.service.volumes().find(lost).map(str::to_owned)
    }
}

/// The containers that belong to no service of the project.
pub(super) fn removed(question: &Question<'_>) -> Vec<Removed> {
    let left_over = |container: &&Container| match container.one_off {
        // One that still runs is somebody's work.
        true => matches!(container.state, State::Exited(_) | State::Dead),
        false => question.resolved.service(&container.service).is_none(),
    };
    let containers = question.world.of(question.resolved.name()).filter(left_over);
    containers
        .map(|container| Removed {
            container: container.name.clone(),
            service: container.service.clone(),
            one_off: container.one_off,
            removed: question.remove_orphans,
        })
        .collect()
}
