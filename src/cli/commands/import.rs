//! `deployctl import`: something that exists, under management from now on.

use std::sync::Arc;

use deployctl_sdk::{Address, Ownership, ResourceId, source};

use crate::cli::Outcome;
use crate::cli::args::Locking;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::provider_settings::provider_of;
use crate::cli::session::{self, Session};
use crate::error::{Error, Result};
use crate::plan::recorded_values;
use crate::project::{self, Project};
use crate::state::{Record, Status};

/// Bring something that exists under management.
///
/// Write its resource block first; the next plan then shows what differs between the block and what is really there. What ID
/// is depends on the type: `deployctl schema TYPE` says it.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// The resource block that it belongs to, with a key where the block has several
    #[arg(value_name = "ADDRESS")]
    address: Address,
    /// What the engine knows it by
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    locking: Locking,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Import) -> Outcome {
    session::run(settings, output, false, |session| import(session, arguments))
}

async fn import(session: Session<'_>, arguments: &Import) -> Outcome {
    let project = session.project().await?;
    let timeout = session.lock_timeout(arguments.locking.lock_timeout)?;
    let command = format!("import {} {}", arguments.address, arguments.id);
    let held = session.unless_interrupted(project.lock(&command, timeout, None)).await?;
    let imported = session.unless_interrupted(record(project, &held, arguments)).await;
    let saved = match imported {
        Ok(record) => {
            let mut state = held.current.state.clone();
            state.records.insert(arguments.address.clone(), Arc::new(record));
            project.store().save(&held.lock, state, &command).await
        }
        Err(error) => Err(error),
    };
    held.lock.release().await?;
    let state = saved?;
    session.output.result(&format!(
        "{} is managed now (serial {}). `deployctl plan` shows where it differs from the configuration.\n",
        arguments.address, state.serial
    ));
    Ok(Exit::Done)
}

async fn record(project: &Project, held: &project::Session, arguments: &Import) -> Result<Record> {
    let Import { address, id, .. } = arguments;
    let state = &held.current.state;
    if state.records.contains_key(address) {
        return Err(Error::usage(format!("{address} is managed already"))
            .with_hint(format!("`deployctl state rm {address}` forgets it first")));
    }
    let values = recorded_values(project, state)?;
    let index = values.block_of(address).and_then(|index| Some((index, project.config().resources.get(index)?)));
    let Some((index, block)) = index else {
        return Err(Error::usage(format!("the configuration has no {}", address.resource()))
            .with_hint(format!("write `resource \"{}\" \"{}\" {{ … }}` first", address.type_name, address.name)));
    };
    if !values.shape(index).is_some_and(|shape| shape.contains(address.key.as_ref())) {
        return Err(Error::usage(format!("{} has no instance {address}", address.resource()))
            .with_hint("name the instance with a key that its `count` or `for_each` has"));
    }
    let Some((_, schema)) = project.schemas().resource(&block.type_name) else {
        return Err(Error::usage(format!("there is no resource type `{}`", block.type_name)));
    };
    let provider = provider_of(project, &values, block)?;
    let failed = |error| Error::of_provider(&format!("{address} cannot be imported"), error);
    let connections = &held.current.connections;
    let connection = connections.get(&provider).await.map_err(failed)?;
    let resource_id = ResourceId::random();
    let mark = Ownership { lineage: state.lineage, id: resource_id, address: address.clone() };
    let object = connection.import(&block.type_name, id, &mark).await.map_err(failed)?;
    let now = source::now();
    Ok(Record {
        id: resource_id,
        type_name: block.type_name.clone(),
        schema_version: schema.version,
        provider,
        object: Some(object),
        status: Status::Ready,
        deposed: Vec::new(),
        dependencies: project.dependencies(index),
        create_first: block.lifecycle.create_before_destroy.unwrap_or(false),
        prevent_destroy: block.lifecycle.prevent_destroy,
        host: schema.host_bound.then(|| connections.place().host.clone()),
        created: now,
        updated: now,
    })
}
