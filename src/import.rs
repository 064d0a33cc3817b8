//! Bringing things under management that deployctl did not make, or has lost the record of.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployctl_sdk::{Address, Object, Ownership, ResourceId, Value, source};

use crate::error::{Error, ErrorKind, Result};
use crate::plan::restore;
use crate::project::{Project, Session};
use crate::state::{ProviderRef, Record, Status};

/// Describes an existing object and records it at an address that the configuration declares.
///
/// # Errors
/// When the address is not in the configuration or already recorded, or the provider cannot import that object.
pub async fn import(project: &Project, session: &Session, address: &Address, id: &str) -> Result<Record> {
    if session.current.state.records.contains_key(address) {
        return Err(Error::failed(format!("{address} is already managed"))
            .with_hint(format!("`deployctl state show '{address}'` shows it")));
    }
    let values = restore(project, |address| {
        let record = session.current.state.records.get(address);
        record.and_then(|record| record.object.as_ref()).map_or(Value::Unknown, |object| object.attributes.clone())
    })?;
    let declared = values
        .block_of(address)
        .filter(|number| values.shape(*number).is_some_and(|shape| shape.contains(address.key.as_ref())));
    let Some((number, block)) = declared.and_then(|number| Some((number, project.config().resources.get(number)?)))
    else {
        return Err(Error::usage(format!("the configuration declares no resource `{address}`"))
            .with_hint("write its block first; `import` then brings the existing object under it"));
    };
    let Some((provider, schema)) = project.schemas().resource(&block.type_name) else {
        return Err(Error::failed(format!("this build has no resource type `{}`", block.type_name)));
    };
    if schema.import_id.is_none() {
        return Err(Error::failed(format!("{} cannot be imported", block.type_name)));
    }
    let reference = provider_reference(project, &values, &provider.name, block)?;
    let mark = Ownership { lineage: session.current.state.lineage, id: ResourceId::random(), address: address.clone() };
    let connection = session.current.connections.get(&reference).await.map_err(from_provider)?;
    let object = connection.import(&block.type_name, id, &mark).await.map_err(from_provider)?;
    let dependencies = project.dependencies(number);
    Ok(Record {
        provider: reference,
        dependencies,
        prevent_destroy: block.lifecycle.prevent_destroy,
        create_first: block.lifecycle.create_before_destroy == Some(true),
        ..record_of(session, &block.type_name, schema.version, schema.host_bound, mark.id, object)
    })
}

/// Everything that bears this state's mark and is not recorded: for rebuilding a lost state. Beside it the types whose
/// objects bear no mark, which therefore cannot be found.
///
/// # Errors
/// When an engine cannot be asked.
pub async fn find_lost(project: &Project, session: &Session) -> Result<BTreeMap<Address, Record>> {
    let mut found = BTreeMap::new();
    let recorded: std::collections::BTreeSet<ResourceId> =
        session.current.state.records.values().map(|record| record.id).collect();
    for schema in project.schemas().providers() {
        let settings = Value::map::<Arc<str>>([]);
        let reference = ProviderRef { name: schema.name.as_str().into(), alias: None, settings };
        let connection = session.current.connections.get(&reference).await.map_err(from_provider)?;
        let objects = connection.find_all(session.current.connections.place()).await.map_err(from_provider)?;
        for (mark, object) in objects {
            if mark.lineage != session.current.state.lineage || recorded.contains(&mark.id) {
                continue;
            }
            let type_name = mark.address.type_name.clone();
            let resource = schema.resource(&type_name);
            let (version, bound) = resource.map_or((1, false), |resource| (resource.version, resource.host_bound));
            let record = record_of(session, &type_name, version, bound, mark.id, object);
            found.insert(mark.address, Record { provider: reference.clone(), ..record });
        }
    }
    Ok(found)
}

fn record_of(
    session: &Session,
    type_name: &Arc<str>,
    schema_version: u32,
    host_bound: bool,
    id: ResourceId,
    object: Object,
) -> Record {
    let now = source::now();
    Record {
        id,
        type_name: type_name.clone(),
        schema_version,
        provider: ProviderRef { name: type_name.clone(), alias: None, settings: Value::Null },
        object: Some(object),
        status: Status::Ready,
        deposed: Vec::new(),
        dependencies: Vec::new(),
        create_first: false,
        prevent_destroy: false,
        host: host_bound.then(|| session.current.connections.place().host.clone()),
        created: now,
        updated: now,
    }
}

fn provider_reference(
    project: &Project,
    values: &crate::model::Values<'_>,
    default: &str,
    block: &crate::config::ResourceBlock,
) -> Result<ProviderRef> {
    let (name, alias) = block.provider.clone().unwrap_or_else(|| (Arc::from(default), None));
    let config = project.config();
    let declared = config.provider(&name, alias.as_deref()).and_then(|index| config.providers.get(index));
    let settings = match (declared, project.schemas().provider(&name)) {
        (Some(declared), Some(schema)) => declared
            .body
            .evaluate(&schema.settings, &values.top(), &format!("provider `{name}`"))
            .map_err(|found| Error::invalid(config.sources.clone(), found))?,
        _ => Value::map::<Arc<str>>([]),
    };
    if settings.contains_unknown() {
        return Err(Error::new(ErrorKind::Failed, format!("the settings of the provider `{name}` are not known yet"))
            .with_hint("apply what they depend on first"));
    }
    Ok(ProviderRef { name, alias, settings })
}

fn from_provider(error: deployctl_sdk::ProviderError) -> Error {
    let failure = Error::failed(error.message).with_detail(error.detail);
    match error.hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
