//! What there is of a resource's objects, and what is written down of it.

use std::collections::HashMap;

use deployctl_sdk::{
    CapturedFile, ChildObject, HealthReport, Map, Object, Observed, ProviderError, ReadRequest, Value,
};

use crate::apply::wait::judged;
use crate::cluster::Kinds;
use crate::fields::Fields;
use crate::id::Id;
use crate::json::{Json, text, to_value};
use crate::look::{Found, Target, look};
use crate::mark::{self, Whose};
use crate::options::Options;
use crate::plan::listed;
use crate::ready::Readiness;
use crate::record::{Entry, Record};
use crate::schema::{self, OBJECT};
use crate::site::Site;
use crate::wave;

/// What is there of each resource of a batch. All are looked for at once.
pub(crate) async fn read(site: &Site, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
    if batch.is_empty() {
        return Vec::new();
    }
    let kinds = match site.cluster.kinds().await {
        Ok(kinds) => kinds,
        Err(error) => return batch.iter().map(|request| unread(site, request, &error)).collect(),
    };
    let asked = batch.iter().map(|request| one(site, request, &kinds)).collect::<Vec<_>>();
    futures_util::future::join_all(asked).await
}

fn unread(site: &Site, request: &ReadRequest<'_>, error: &ProviderError) -> Observed {
    let offline = request.recorded.attributes.get("offline").and_then(Value::as_bool).unwrap_or(false);
    if (offline || site.cluster.may_be_offline()) && error.kind == deployctl_sdk::ErrorKind::Unreachable {
        return Observed::AsRecorded;
    }
    let reason = match &error.hint {
        Some(hint) => format!("{} ({hint})", error.message),
        None => error.message.clone(),
    };
    Observed::Unreadable { reason }
}

async fn one(site: &Site, request: &ReadRequest<'_>, kinds: &Kinds) -> Observed {
    let record = Record::of(request.recorded);
    let id = record.id.unwrap_or(request.id);
    let found = match objects(site, &record, kinds, &mark::selector(id)).await {
        Ok(found) => found,
        Err(error) => return unread(site, request, &error),
    };
    site.note_seen(record.entries.iter().map(|entry| (entry.id.clone(), found.get(&entry.id).cloned())));
    if record.entries.is_empty() {
        return Observed::AsRecorded;
    }
    let ours = |object: &Json| mark::whose(object, site.lineage, Some(id)) == Whose::Ours;
    let entries: Vec<Entry> = record
        .entries
        .iter()
        .filter_map(|entry| {
            let live = found.get(&entry.id).filter(|object| ours(object))?;
            // The fields stay those that were applied: what another manager took since is still to be put back.
            let seen = Fields::from_text(&entry.owned).digest(live).to_string();
            Some(Entry { seen, uid: text(live, "/metadata/uid").to_owned(), ..entry.clone() })
        })
        .collect();
    if entries.is_empty() {
        return Observed::Absent;
    }
    let recorded = request.recorded;
    let record = Record { entries, ..record };
    let seen = described(request.type_name, &recorded.attributes, record, &found, recorded.captured.clone());
    if seen == *recorded { Observed::AsRecorded } else { Observed::Present(seen) }
}

/// The recorded objects that are there.
///
/// # Errors
/// When the cluster cannot be asked.
pub(crate) async fn objects(
    site: &Site,
    record: &Record,
    kinds: &Kinds,
    selector: &str,
) -> Result<Found, ProviderError> {
    let targets = record.entries.iter().filter_map(|entry| {
        let kind = kinds.get(&entry.api_version, &entry.id.kind);
        // Another version of the kind may be all that the cluster still has.
        let kind = kind.or_else(|| kinds.of_group(&entry.id.group, &entry.id.kind))?;
        Some(Target { id: &entry.id, kind })
    });
    look(&site.cluster, targets.collect(), Some(selector)).await
}

/// The object of a resource with these objects of the cluster. `config` is its configuration, or its attributes before.
pub(crate) fn described(
    type_name: &str,
    config: &Value,
    mut record: Record,
    found: &Found,
    captured: Vec<CapturedFile>,
) -> Object {
    record.entries.sort_by(|a, b| order(&a.id).cmp(&order(&b.id)));
    let mut attributes: Map = Map::new();
    let schema = schema::provider();
    let known = schema.resource(type_name).into_iter().flat_map(|schema| &schema.attributes);
    for attribute in known.filter(|attribute| !attribute.read_only) {
        attributes.insert(attribute.name.as_str().into(), config.get(&attribute.name).cloned().unwrap_or_default());
    }
    match type_name {
        OBJECT => {
            let entry = record.entries.first();
            let uid = entry.map_or(Value::Null, |entry| Value::from(entry.uid.as_str()));
            attributes.insert("uid".into(), uid);
            let live = entry.and_then(|entry| found.get(&entry.id));
            let status = live.and_then(|object| object.get("status")).map_or(Value::Null, to_value);
            let before = config.get("status").cloned().filter(|_| live.is_none()).unwrap_or(status);
            attributes.insert("status".into(), before);
        }
        _ => {
            let objects = record.entries.iter().map(|entry| (&entry.id, entry.api_version.as_str()));
            attributes.insert("objects".into(), listed(objects));
        }
    }
    let options = Options::of(config).ok();
    let children = record.entries.iter().map(|entry| ChildObject {
        kind: entry.id.kind.clone(),
        name: entry.id.place(),
        state: match found.get(&entry.id) {
            Some(object) => state(object, options.as_ref(), &entry.id),
            None => "not looked at".to_owned(),
        },
    });
    let children = children.collect();
    Object { attributes: Value::from(attributes), private: record.to_value(), children, captured }
}

fn order(id: &Id) -> (u8, &Id) {
    (wave::of(&id.group, &id.kind), id)
}

/// How an object is, and since when it is there.
fn state(object: &Json, options: Option<&Options>, id: &Id) -> String {
    let since = text(object, "/metadata/creationTimestamp");
    let state = match options.map(|options| judged(object, options, id)) {
        None | Some(Readiness::Ready) => match replicas(object) {
            Some((ready, wanted)) => format!("{ready}/{wanted} ready"),
            None => "ready".to_owned(),
        },
        Some(Readiness::Progressing(why)) => format!("not ready: {why}"),
        Some(Readiness::Failed(why)) => format!("failed: {why}"),
    };
    if since.is_empty() { state } else { format!("{state}, made {since}") }
}

fn replicas(object: &Json) -> Option<(i64, i64)> {
    let wanted = object.pointer("/spec/replicas").and_then(Json::as_i64)?;
    Some((object.pointer("/status/readyReplicas").and_then(Json::as_i64).unwrap_or(0), wanted))
}

/// Whether all objects of a resource work: the worst of them.
pub(crate) async fn health(site: &Site, object: &Object) -> HealthReport {
    let record = Record::of(object);
    let Some(id) = record.id else { return HealthReport::Unknown };
    let Ok(kinds) = site.cluster.kinds().await else { return HealthReport::Unknown };
    let found = match objects(site, &record, &kinds, &mark::selector(id)).await {
        Ok(found) => found,
        Err(error) => return HealthReport::Unhealthy { detail: error.message },
    };
    let options = Options::of(&object.attributes).ok();
    let states: HashMap<&Id, Readiness> = record
        .entries
        .iter()
        .map(|entry| {
            let state = match (found.get(&entry.id), &options) {
                (Some(object), Some(options)) => judged(object, options, &entry.id),
                (Some(_), None) => Readiness::Ready,
                (None, _) => Readiness::Failed("it is not there any more".to_owned()),
            };
            (&entry.id, state)
        })
        .collect();
    let mut starting = None;
    for entry in &record.entries {
        match states.get(&entry.id) {
            Some(Readiness::Failed(why)) => {
                return HealthReport::Unhealthy { detail: format!("{}: {why}", entry.id) };
            }
            Some(Readiness::Progressing(why)) if starting.is_none() => starting = Some(format!("{}: {why}", entry.id)),
            _ => {}
        }
    }
    starting.map_or(HealthReport::Healthy, |detail| HealthReport::Starting { detail })
}
