//! What is really there: one batch for each connection, all connections side by side.

use std::collections::HashMap;

use deployctl_sdk::{Address, Object, Observed, ReadRequest};
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
    /// What looking cost.
    pub cost: ReadCost,
}

impl Observation {
    /// What was seen of that resource.
    pub fn of(&self, address: &Address) -> &Seen {
        self.seen.get(address).unwrap_or(&Seen::AsRecorded)
    }

    /// Takes out what was seen of that resource.
    pub fn take(&mut self, address: &Address) -> Seen {
        self.seen.remove(address).unwrap_or(Seen::AsRecorded)
    }
}

/// Looks at everything recorded that `wanted` names. `settings` gives the settings to use in place of the recorded ones.
pub async fn observe(
    state: &State,
    connections: &Connections,
    wanted: &dyn Fn(&Address) -> bool,
    settings: &dyn Fn(&ProviderRef) -> Option<ProviderRef>,
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
        read_group(connections, &provider, members).await
    });
    for answers in futures_util::future::join_all(reads).await {
        observation.seen.extend(answers);
    }
    observation.cost = ReadCost { resources, millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) };
    events.send(Event::ReadFinished { resources, millis: observation.cost.millis });
    observation
}

async fn read_group(
    connections: &Connections,
    provider: &ProviderRef,
    members: &[(&Address, &Record)],
) -> Vec<(Address, Seen)> {
    let unreadable = |reason: &str| {
        let seen = Seen::Unreadable { reason: reason.to_owned(), elsewhere: false };
        members.iter().map(|(address, _)| ((*address).clone(), seen.clone())).collect()
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
    let answers = connection.read(&requests).await;
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
        .filter_map(|((address, _), answer)| {
            let seen = match answer {
                Observed::AsRecorded => return None,
                Observed::Present(object) => Seen::Present(object),
                Observed::Absent => Seen::Absent,
                Observed::Unreadable { reason } => Seen::Unreadable { reason, elsewhere: false },
            };
            Some(((*address).clone(), seen))
        })
        .collect()
}
