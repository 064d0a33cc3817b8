//! Which ports are free, who holds the others, and which of them a replica gets.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use deployctl_sdk::listeners::{self, Listener};
use deployctl_sdk::{AttrPath, ErrorKind, ProviderError};

use super::config::Port;
use super::record::{self, GivenPort};
use crate::claim;

/// Gives out ports, so that no two replicas started at the same time get one.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    /// Given out in this run. Their holders may not listen yet.
    given: Mutex<BTreeSet<u16>>,
}

impl Ports {
    /// Ports for one replica: those that it had, as far as they still fit and are free, and free ones for the rest.
    ///
    /// # Errors
    /// When there is none to be had; the error says who holds it.
    pub(crate) fn give(
        &self,
        wanted: &[Port],
        had: &[GivenPort],
        replica: usize,
        data: &Path,
    ) -> Result<Given<'_>, ProviderError> {
        if wanted.is_empty() {
            return Ok(Given { ports: Vec::new(), from: self });
        }
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let listeners = listeners::all();
        let reserved = reserved(data);
        let mut result: Vec<GivenPort> = Vec::new();
        for (index, port) in wanted.iter().enumerate() {
            let (first, last) = port.range;
            let old = had.iter().find(|old| old.name == port.name && (first..=last).contains(&old.number));
            let is_old = |number: u16| old.is_some_and(|old| old.number == number);
            let free = |number: &u16| {
                !listeners.iter().any(|listener| listener.port == *number)
                    && (is_old(*number) || !(given.contains(number) || reserved.contains(number)))
                    && !result.iter().any(|other| other.number == *number)
            };
            let found = old.map(|old| old.number).into_iter().chain(first..=last).find(free);
            match found {
                Some(number) => result.push(GivenPort { name: port.name.clone(), number }),
                None => return Err(none_free(port, index, replica, &listeners)),
            }
        }
        given.extend(result.iter().map(|port| port.number));
        Ok(Given { ports: result, from: self })
    }
}

/// Ports that nobody else is given. When this ends, they must stand in a specification, or not be used.
#[derive(Debug)]
pub(crate) struct Given<'p> {
    /// The ports.
    pub(crate) ports: Vec<GivenPort>,
    from: &'p Ports,
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        let mut given = self.from.given.lock().unwrap_or_else(PoisonError::into_inner);
        for port in &self.ports {
            given.remove(&port.number);
        }
    }
}

/// Ports that belong to replicas of this environment, whether they listen at the moment or not.
fn reserved(data: &Path) -> BTreeSet<u16> {
    let records = claim::records(data).unwrap_or_default();
    let folders = records.iter().flat_map(|path| record::replicas(path).unwrap_or_default());
    let specs = folders.filter_map(|(_, folder)| folder.spec().ok().flatten());
    specs.flat_map(|spec| spec.ports.into_iter().map(|port| port.number)).collect()
}

fn none_free(port: &Port, index: usize, replica: usize, listeners: &[Listener]) -> ProviderError {
    let (first, last) = port.range;
    let block = AttrPath::of("port").index(index);
    let (message, attribute) = if first == last {
        (conflict(first, listeners), block.key("number"))
    } else {
        (format!("no port from {first} to {last} is free for replica {replica}"), block.key("range"))
    };
    let mut error =
        ProviderError::new(ErrorKind::NotOurs, message).with_hint("stop what holds it, or choose another port");
    if first != last {
        error.hint = Some("choose a larger range".to_owned());
        let held = listeners.iter().filter(|listener| (first..=last).contains(&listener.port)).take(5);
        error.detail = held.map(|listener| conflict(listener.port, listeners)).collect();
    }
    error.attribute = Some(attribute);
    error
}

/// Who holds a port, in words.
fn conflict(number: u16, listeners: &[Listener]) -> String {
    listeners::holder(number, listeners).unwrap_or_else(|| format!("port {number} belongs to another resource"))
}

/// Who holds the port, if somebody does: for remarks in a plan.
pub(crate) fn held(number: u16) -> Option<String> {
    listeners::holder(number, &listeners::all())
}
