//! What is really there: one batch for each connection, all connections side by side.

use std::collections::HashMap;

use deployctl_sdk::{Address, Diff, Files, Object, Observed, ReadRequest, Refreshed};
use tokio::time::Instant;

use super::ReadCost;
use crate::crash_point;
use crate::event::{Event, Events};
use crate::providers::Connections;
use crate::state::{ProviderRef, Record, State};

/// What was seen of one recorded resource.
#[derive(Debug, Clone)]
pub enum Seen {
    /// Exactly as recorded.
    AsRecorded,
    /// There, like this.
    Present(Object),
    /// Not there.
    Absent,
    /// Cannot be told.
    Unreadable {
        /// Why.
        reason: String,
        /// Whether it lives on another host, so that nothing is wrong with it.
        elsewhere: bool,
    },
}

/// What was seen of everything recorded; what is not in the map is as recorded.
#[derive(Default)]
pub struct Observation {
    seen: HashMap<Address, Seen>,
    /// What was changed inside resources, beyond their attributes; only a thorough look finds it.
    inside: HashMap<Address, Vec<Diff>>,
    /// What looking cost.
    pub cost: ReadCost,
}

impl Observation {
    /// What was seen of that resource.
    pub fn of(&self, address: &Address) -> &Seen {
        self.seen.get(address).unwrap_or(&Seen::AsRecorded)
    }

    /// Takes out what was changed inside that resource, beyond its attributes.
    pub fn take_inside(&mut self, address: &Address) -> Vec<Diff> {
        self.inside.remove(address).unwrap_or_default()
    }

    /// Takes out what was seen of that resource.
    pub fn take(&mut self, address: &Address) -> Seen {
        self.seen.remove(address).unwrap_or(Seen::AsRecorded)
    }
}

/// Looks at everything recorded that `wanted` names. `settings` gives the settings to use in place of the recorded ones. With
/// captured files at hand it looks as thoroughly as the engines can.
pub async fn observe(
    state: &State,
    connections: &Connections,
    wanted: &dyn Fn(&Address) -> bool,
    settings: &dyn Fn(&ProviderRef) -> Option<ProviderRef>,
    thorough: Option<&dyn Files>,
    events: &Events,
) -> Observation {
    let started = Instant::now();
    let mut observation = Observation::default();
    let mut groups: Vec<(ProviderRef, Vec<(&Address, &Record)>)> = Vec::new();
    for (address, record) in state.records.iter().filter(|(address, _)| wanted(address)) {
        if record.object.is_none() {
            continue;
        }
        if let Some(host) = record.host.as_ref().filter(|host| **host != connections.place().host) {
            let reason = format!("it lives on the host {host} and cannot be checked from here");
            observation.seen.insert(address.clone(), Seen::Unreadable { reason, elsewhere: true });
            continue;
        }
        match groups.iter_mut().rev().find(|(provider, _)| *provider == record.provider) {
            Some((_, members)) => members.push((address, record)),
            None => groups.push((record.provider.clone(), vec![(address, record)])),
        }
    }
    let resources = groups.iter().map(|(_, members)| members.len()).sum();
    events.send(Event::ReadStarted { resources });
    let reads = groups.iter().map(|(provider, members)| async move {
        let provider = settings(provider).unwrap_or_else(|| provider.clone());
        read_group(connections, &provider, members, thorough).await
    });
    for answers in futures_util::future::join_all(reads).await {
        for (address, seen, inside) in answers {
            if !inside.is_empty() {
                observation.inside.insert(address.clone(), inside);
            }
            observation.seen.insert(address, seen);
        }
    }
    observation.cost = ReadCost { resources, millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) };
    events.send(Event::ReadFinished { resources, millis: observation.cost.millis });
    observation
}

async fn read_group(
    connections: &Connections,
    provider: &ProviderRef,
    members: &[(&Address, &Record)],
    thorough: Option<&dyn Files>,
) -> Vec<(Address, Seen, Vec<Diff>)> {
    let unreadable = |reason: &str| {
        let seen = Seen::Unreadable { reason: reason.to_owned(), elsewhere: false };
        members.iter().map(|(address, _)| ((*address).clone(), seen.clone(), Vec::new())).collect()
    };
    let connection = match connections.get(provider).await {
        Ok(connection) => connection,
        Err(error) => return unreadable(&error.message),
    };
    let requests: Vec<_> = members
        .iter()
        .filter_map(|(address, record)| {
            let recorded = record.object.as_ref()?;
            Some(ReadRequest { address, type_name: &record.type_name, id: record.id, recorded })
        })
        .collect();
    crash_point::pass();
    let answers: Vec<Refreshed> = match thorough {
        Some(files) => connection.refresh(&requests, files).await,
        None => {
            let plain = |observed| Refreshed { observed, drift: Vec::new() };
            connection.read(&requests).await.into_iter().map(plain).collect()
        }
    };
    crash_point::pass();
    if answers.len() != requests.len() {
        return unreadable(&format!(
            "the provider `{}` answered for {} of {} resources",
            provider.name,
            answers.len(),
            requests.len()
        ));
    }
    members
        .iter()
        .zip(answers)
        .filter_map(|((address, record), answer)| {
            let seen = match answer.observed {
                Observed::AsRecorded if answer.drift.is_empty() => return None,
                Observed::Present(object) if answer.drift.is_empty() && record.object.as_ref() == Some(&object) => {
                    return None;
                }
                Observed::AsRecorded => Seen::AsRecorded,
                Observed::Present(object) => Seen::Present(object),
                Observed::Absent => Seen::Absent,
                Observed::Unreadable { reason } => Seen::Unreadable { reason, elsewhere: false },
            };
            Some(((*address).clone(), seen, answer.drift))
        })
        .collect()
}
