//! Records that were made under an older version of their type's schema, brought up to the present one as they are read.
//!
//! What is upgraded is written with the next change of the state. It must not know why somebody reads it.

use std::sync::Arc;

use deployctl_sdk::Address;

use crate::config::Schemas;
use crate::error::{Error, Result};
use crate::providers::Providers;
use crate::state::{Interrupted, Loaded, Record, State};

/// Brings everything that was loaded up to the present schemas: the records, and those of actions that were interrupted.
///
/// # Errors
/// A record of a newer version than this build knows, or one that its provider cannot upgrade.
pub fn loaded(loaded: &mut Loaded, providers: &Providers, schemas: &Schemas) -> Result<()> {
    state(&mut loaded.state, providers, schemas)?;
    for Interrupted { address, prior, planned, .. } in &mut loaded.interrupted {
        for record in [prior, planned].into_iter().flatten() {
            bring_up(address, record, providers, schemas)?;
        }
    }
    Ok(())
}

/// Brings the records of a state up to the present schemas.
///
/// # Errors
/// As [`loaded`].
pub fn state(state: &mut State, providers: &Providers, schemas: &Schemas) -> Result<()> {
    for (address, record) in &mut state.records {
        if present_version(record, schemas).is_some_and(|version| version != record.schema_version) {
            bring_up(address, Arc::make_mut(record), providers, schemas)?;
        }
    }
    Ok(())
}

/// The version of the type's schema in this build; `None` for a type that it has not.
fn present_version(record: &Record, schemas: &Schemas) -> Option<u32> {
    schemas.resource(&record.type_name).map(|(_, schema)| schema.version)
}

fn bring_up(address: &Address, record: &mut Record, providers: &Providers, schemas: &Schemas) -> Result<()> {
    let Some(version) = present_version(record, schemas) else { return Ok(()) };
    let from = record.schema_version;
    if from > version {
        let text =
            format!("the record of {address} has schema version {from}, and this deployctl knows up to {version}");
        return Err(
            Error::failed(text).with_hint("it was written by a newer deployctl: use that one, or a newer one still")
        );
    }
    if from == version {
        return Ok(());
    }
    let Some((_, provider)) =
        schemas.resource(&record.type_name).and_then(|(schema, _)| Some((schema, providers.get(&schema.name)?)))
    else {
        return Ok(());
    };
    let objects = record.object.iter_mut().chain(record.deposed.iter_mut().map(|deposed| &mut deposed.object));
    for object in objects {
        *object = provider.upgrade(&record.type_name, from, object.clone()).map_err(|error| {
            let text = format!("the record of {address} cannot be brought up to schema version {version}");
            let failure = Error::failed(format!("{text}: {}", error.message)).with_detail(error.detail);
            failure.with_hint(error.hint.unwrap_or_else(|| {
                format!(
                    "use the deployctl that wrote it, or `deployctl state rm '{address}'` and import the thing anew"
                )
            }))
        })?;
    }
    record.schema_version = version;
    Ok(())
}
