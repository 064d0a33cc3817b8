//! `deployctl state recover`: a lost state, from the marks on what is really there.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployctl_sdk::{Address, Lineage, Object, Ownership, source};
use uuid::Uuid;

use crate::cli::Outcome;
use crate::cli::args::Locking;
use crate::cli::exit::Exit;
use crate::cli::provider_settings;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::plan::{Seen, observe, recorded_values};
use crate::project::{Current, Project};
use crate::render::text::counted;
use crate::state::{ProviderRef, Record, State, Status, Store};

/// Rebuild a lost state from the marks on what is really there.
///
/// Everything that deployctl makes bears the state's lineage. The newest revision that is still kept says what else there
/// was; what cannot be found is named, and the next apply makes it again.
#[derive(Debug, clap::Args)]
pub struct Recover {
    /// The lost state's lineage, where no revision is kept that knows it
    #[arg(long, value_name = "UUID")]
    lineage: Option<Uuid>,
    /// Also where there is a state
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    locking: Locking,
}

/// What was found, and how.
#[derive(Default)]
struct Found {
    records: BTreeMap<Address, Arc<Record>>,
    marked: usize,
    remembered: Vec<Address>,
    missing: Vec<Address>,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &Recover) -> Outcome {
    let project = session.project().await?;
    let timeout = session.lock_timeout(arguments.locking.lock_timeout)?;
    let last = last_known(project.store()).await?;
    let known = last.as_ref().map(|state| state.lineage);
    let lineage = arguments.lineage.map(Lineage).or(known);
    let held = session.unless_interrupted(project.lock("state recover", timeout, lineage)).await?;
    let recovered = async {
        let current = &held.current;
        if current.exists && !current.state.records.is_empty() && !arguments.force {
            return Err(Error::failed("there is a state here, so nothing is lost")
                .with_hint("`--force` rebuilds it all the same; `deployctl plan` may be what you want"));
        }
        if lineage.is_none() && !current.exists {
            return Err(Error::failed("neither a state nor a revision says which lineage to look for")
                .with_hint("`--lineage UUID` names it; it stands on everything that was made"));
        }
        let found = search(project, current, last.as_ref()).await?;
        let serial = last.as_ref().map_or(0, |state| state.serial).max(current.state.serial);
        let outputs = last.as_ref().map(|state| state.outputs.clone()).unwrap_or_default();
        let state = State { records: found.records.clone(), serial, outputs, ..current.state.clone() };
        let state = project.store().save(&held.lock, state, "state recover").await?;
        Ok((found, state.serial))
    };
    let recovered = recovered.await;
    held.lock.release().await?;
    let (found, serial) = recovered?;
    tell(&session, &found, serial);
    Ok(Exit::Done)
}

fn tell(session: &Session<'_>, found: &Found, serial: u64) {
    let output = session.output;
    output.result(&format!("Found {} by their marks (serial {serial}).\n", counted(found.marked, "resource")));
    for address in &found.remembered {
        output.result(&format!("  {address}  bears no mark; taken as the last revision had it\n"));
    }
    for address in &found.missing {
        output.result(&format!("  {address}  not found; the next apply makes it again\n"));
    }
}

/// The state of the newest revision that is kept.
async fn last_known(store: &Store) -> Result<Option<State>> {
    match store.revisions().await?.last() {
        Some(revision) => store.state_of(revision).await.map(Some),
        None => Ok(None),
    }
}

async fn search(project: &Project, current: &Current, last: Option<&State>) -> Result<Found> {
    let mut found = Found::default();
    let values = recorded_values(project, &current.state)?;
    let mut providers = provider_settings::all(project, &values)?;
    for record in last.iter().flat_map(|state| state.records.values()) {
        if !providers.contains(&record.provider) {
            providers.push(record.provider.clone());
        }
    }
    for provider in providers {
        let failed = |error| Error::of_provider(&format!("provider `{}` cannot be asked", provider.name), error);
        let connection = current.connections.get(&provider).await.map_err(failed)?;
        let marked = connection.find_all(current.connections.place()).await.map_err(failed)?;
        for (mark, object) in marked {
            if found.records.contains_key(&mark.address) {
                continue;
            }
            let record = record(project, current, last, &provider, &mark, object);
            found.records.insert(mark.address, Arc::new(record));
            found.marked += 1;
        }
    }
    if let Some(last) = last {
        remember(project, current, last, &mut found).await;
    }
    Ok(found)
}

/// Takes what bears no mark from the last revision, if it is still there.
async fn remember(project: &Project, current: &Current, last: &State, found: &mut Found) {
    let unmarked = |address: &Address| !found.records.contains_key(address);
    let mut seen = observe(last, &current.connections, &unmarked, &|_| None, None, project.events()).await;
    let left: Vec<_> = last.records.iter().filter(|(address, _)| unmarked(address)).collect();
    for (address, record) in left {
        match seen.take(address) {
            Seen::AsRecorded | Seen::Present(_) => {
                found.records.insert(address.clone(), record.clone());
                found.remembered.push(address.clone());
            }
            Seen::Absent | Seen::Unreadable { .. } => found.missing.push(address.clone()),
        }
    }
}

fn record(
    project: &Project,
    current: &Current,
    last: Option<&State>,
    provider: &ProviderRef,
    mark: &Ownership,
    object: Object,
) -> Record {
    let before = last.and_then(|state| state.records.get(&mark.address)).filter(|record| record.id == mark.id);
    if let Some(before) = before {
        return Record { object: Some(object), ..(**before).clone() };
    }
    let schema = project.schemas().resource(&mark.address.type_name).map(|(_, schema)| schema);
    let config = project.config();
    let block = config.resource(&mark.address.type_name, &mark.address.name);
    let lifecycle = block.and_then(|index| config.resources.get(index)).map(|block| &block.lifecycle);
    let now = source::now();
    Record {
        id: mark.id,
        type_name: mark.address.type_name.clone(),
        schema_version: schema.map_or(1, |schema| schema.version),
        provider: provider.clone(),
        object: Some(object),
        status: Status::Ready,
        deposed: Vec::new(),
        dependencies: block.map(|index| project.dependencies(index)).unwrap_or_default(),
        create_first: lifecycle.and_then(|lifecycle| lifecycle.create_before_destroy).unwrap_or(false),
        prevent_destroy: lifecycle.is_some_and(|lifecycle| lifecycle.prevent_destroy),
        host: schema.filter(|schema| schema.host_bound).map(|_| current.connections.place().host.clone()),
        created: now,
        updated: now,
    }
}
