//! The truth about a run that was killed.
//!
//! The journal says what had been started; the providers are asked, by mark or by identity, what became of it. Nothing that is
//! there is forgotten, and nothing that cannot be looked at is assumed.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployctl_sdk::{Address, Found, Lineage, Lost, Object, Operation, Ownership};

use crate::crash_point;
use crate::error::{Error, Result};
use crate::providers::Connections;
use crate::state::{Deposed, Interrupted, Loaded, ProviderRef, Record, Status};

/// What each interrupted action's record is to be, and a line about each for people.
pub type Resolved = (Vec<(Address, Option<Record>)>, Vec<String>);

/// Finds out what became of every interrupted action.
///
/// # Errors
/// When an engine cannot be asked: nothing may be assumed then.
pub async fn resolve(loaded: &Loaded, connections: &Arc<Connections>) -> Result<Resolved> {
    look_for(&loaded.interrupted, loaded.state.lineage, connections).await
}

/// The same for some actions of a run that goes on.
pub(super) async fn look_for(
    all: &[Interrupted],
    lineage: Lineage,
    connections: &Arc<Connections>,
) -> Result<Resolved> {
    let mut groups: Vec<(ProviderRef, Vec<&Interrupted>)> = Vec::new();
    for interrupted in all {
        match groups.iter_mut().find(|(provider, _)| *provider == interrupted.provider) {
            Some((_, members)) => members.push(interrupted),
            None => groups.push((interrupted.provider.clone(), vec![interrupted])),
        }
    }
    let mut records: BTreeMap<Address, Option<Record>> = BTreeMap::new();
    let mut lines = Vec::new();
    for (provider, members) in groups {
        let cannot = |error: deployctl_sdk::ProviderError| {
            let text =
                format!("an earlier run was interrupted, and what it left cannot be looked at: {}", error.message);
            Error::failed(text).with_hint("make the engine reachable and run the command again; nothing was changed")
        };
        let connection = connections.get(&provider).await.map_err(cannot)?;
        let lost: Vec<Lost> = members
            .iter()
            .map(|interrupted| Lost {
                mark: Ownership { lineage, id: interrupted.id, address: interrupted.address.clone() },
                type_name: interrupted.type_name.clone(),
                operation: interrupted.operation,
                identity: interrupted.identity.clone(),
                prior: interrupted.prior.as_ref().and_then(|prior| prior.object.clone()),
                config: interrupted
                    .planned
                    .as_ref()
                    .and_then(|planned| Some(planned.object.as_ref()?.attributes.clone())),
            })
            .collect();
        crash_point::pass();
        let found = connection.find(&lost).await;
        crash_point::pass();
        let found = found.map_err(cannot)?;
        if found.len() != lost.len() {
            let text =
                format!("the provider `{}` answered for {} of {} resources", provider.name, found.len(), lost.len());
            return Err(cannot(deployctl_sdk::ProviderError::new(deployctl_sdk::ErrorKind::Internal, text)));
        }
        for (interrupted, found) in members.into_iter().zip(found) {
            let (record, line) = judge(interrupted, found);
            lines.push(format!("{}: {line}", interrupted.address));
            records.insert(interrupted.address.clone(), record);
        }
    }
    Ok((records.into_iter().collect(), lines))
}

/// The record after an interrupted action, and what to say about it.
fn judge(interrupted: &Interrupted, found: Found) -> (Option<Record>, &'static str) {
    let prior = interrupted.prior.clone();
    match (interrupted.operation, found) {
        (Operation::Delete, Found::Absent) => (without_object(prior), "it was being deleted, and is gone"),
        (Operation::Delete, Found::Present { object, .. }) => {
            (with_object(prior, object, true), "it was being deleted, and is still there")
        }
        (Operation::Delete, Found::CannotTell) => (prior, "it was being deleted; that is done again"),
        (Operation::Create | Operation::Replace, Found::Present { object, complete }) => {
            let record = created(interrupted, prior, object, complete);
            (record, if complete { "it was being created, and is there" } else { "it was left half made" })
        }
        (Operation::Create | Operation::Replace, Found::Absent) => (prior, "it was being created, and is not there"),
        (Operation::Create | Operation::Replace, Found::CannotTell) => {
            (prior, "it may have been created; that cannot be told, so it is done again")
        }
        (Operation::Update, Found::Present { object, complete }) => {
            (with_object(prior, object, complete), "it was being updated, and is there")
        }
        (Operation::Update, Found::Absent) => (without_object(prior), "it was being updated, and is gone"),
        (Operation::Update, Found::CannotTell) => {
            let record = prior.map(|prior| Record { status: Status::Tainted, ..prior });
            (record, "it may have been updated; that cannot be told, so it is made anew")
        }
    }
}

fn with_object(prior: Option<Record>, object: Object, complete: bool) -> Option<Record> {
    prior.map(|prior| {
        let status = if complete { prior.status } else { Status::Tainted };
        Record { object: Some(object), status, ..prior }
    })
}

fn without_object(prior: Option<Record>) -> Option<Record> {
    prior.filter(|prior| !prior.deposed.is_empty()).map(|prior| Record { object: None, status: Status::Ready, ..prior })
}

/// The new record, with the old object deposed where the new one came first.
fn created(interrupted: &Interrupted, prior: Option<Record>, object: Object, complete: bool) -> Option<Record> {
    let planned = interrupted.planned.clone()?;
    if let Some(old) = &prior
        && (!complete && old.id != interrupted.id && old.object.is_some())
    {
        // The old one still does its work; what was half made beside it is to be removed.
        let mut old = old.clone();
        old.deposed.push(Deposed { id: interrupted.id, object });
        return Some(old);
    }
    let status = if complete { Status::Ready } else { Status::Tainted };
    let mut record = Record { object: Some(object), status, ..planned };
    if let Some(prior) = prior
        && prior.id != interrupted.id
        && let Some(old) = prior.object
    {
        record.deposed.push(Deposed { id: prior.id, object: old });
    }
    Some(record)
}
