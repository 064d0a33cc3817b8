//! Networks and volumes: by name, and by the hash of what they were made from.

use super::Question;
use super::fate::{Fate, NetworkFate, VolumeFate};

pub(super) fn networks(question: &Question<'_>) -> Vec<NetworkFate> {
    let project = question.resolved.name();
    let own = question.resolved.networks().filter(|network| !network.is_external());
    own.map(|network| {
        let seen = question.world.network(network.name());
        let foreign = seen
            .is_some_and(|seen| seen.project.as_deref() != Some(project) || seen.key.as_deref() != Some(network.key));
        let fate = match seen {
            None => Fate::Create,
            Some(_) if foreign => Fate::Keep,
            Some(seen) => match seen.hash.as_deref() {
                // Networks of old versions of Compose bear no hash, and are kept.
                None | Some("") => Fate::Keep,
                Some(hash) if hash == network.hash() => Fate::Keep,
                Some(_) => Fate::Recreate,
            },
        };
        let id = seen.map(|seen| seen.id.clone());
        NetworkFate { key: network.key.to_owned(), name: network.name().to_owned(), fate, id, foreign }
    })
    .collect()
}

pub(super) fn volumes(question: &Question<'_>) -> Vec<VolumeFate> {
    let own = question.resolved.volumes().filter(|volume| !volume.is_external());
    own.map(|volume| {
        let fate = match question.world.volume(volume.name()) {
            None => Fate::Create,
            Some(seen) => match seen.hash.as_deref() {
                None => Fate::Keep,
                Some(hash) if hash == volume.hash() => Fate::Keep,
                Some(_) => Fate::Recreate,
            },
        };
        VolumeFate { key: volume.key.to_owned(), name: volume.name().to_owned(), fate }
    })
    .collect()
}
