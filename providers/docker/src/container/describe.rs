//! The way back: from what the engine says of containers to the attributes of a resource.

use bollard::models::{ContainerConfig, HostConfig, ImageConfig};
use deployctl_sdk::{ChildObject, Map, Object, ResourceSchema, Value, default_plan};

use super::inspected::{self, Inspected};
use super::record::{self, Container};
use super::theme::{
    Described, Facts, devices, healthcheck, limits, logging, namespaces, network, ports, process, restart, security,
    storage,
};
use crate::attributes::{described, text, with};
use crate::mark;

/// Attributes that may change while a container lives: everything else is as it was made.
pub(crate) fn changeable() -> impl Iterator<Item = &'static str> {
    limits::UPDATED.iter().copied().chain(["restart", "network"])
}

/// What a container says of the attributes that may change while it lives; null where it says nothing. `shared` is the
/// name that all replicas are found by.
pub(crate) fn changing(inspected: &Inspected, shared: Option<&str>) -> Map {
    let told = told_of_changing(inspected, shared);
    let mut map = Map::new();
    for (name, value) in told.defaults.into_iter().chain(told.members) {
        map.insert(name.into(), value);
    }
    for name in changeable() {
        map.entry(name.into()).or_default();
    }
    map.retain(|name, _| changeable().any(|other| other == &**name));
    map
}

fn told_of_changing(inspected: &Inspected, shared: Option<&str>) -> Described {
    let (config, host) = halves(inspected);
    let facts = Facts { inspect: inspected, config: &config, host: &host, image: &ImageConfig::default() };
    let mut told = Described::default();
    limits::describe(&facts, &mut told);
    restart::describe(&facts, &mut told);
    network::describe(&facts, shared, &mut told);
    told
}

/// The limits that a container has beside what its record asked for and what it was made with: somebody gave them to it.
/// What follows from another limit, as the swap from the memory, is none for itself.
fn limits_by_hand(recorded: &Object, all: &[Inspected]) -> Vec<(&'static str, Value)> {
    let told: Vec<Described> = all.iter().map(|one| told_of_changing(one, None)).collect();
    let not_asked_for = |name: &&&'static str| recorded.attributes.get(name).is_none_or(is_empty);
    let Some(made_with) = recorded.private.get("seen") else { return Vec::new() };
    let given = |name: &&'static str| {
        let before = made_with.get(name).cloned().unwrap_or_default();
        let values = told.iter().flat_map(|told| &told.members).filter(|(other, _)| other == name);
        let value = values.map(|(_, value)| value).find(|value| !same(&before, value))?;
        Some((*name, value.clone()))
    };
    limits::UPDATED.iter().filter(not_asked_for).filter_map(given).collect()
}

fn halves(inspected: &Inspected) -> (ContainerConfig, HostConfig) {
    (inspected.config.clone().unwrap_or_default(), inspected.host_config.clone().unwrap_or_default())
}

/// The name that all replicas of a resource are found by; `None` without replicas.
pub(crate) fn shared_name(config: &Value, base: &str) -> Option<String> {
    config.get("replicas").map(|_| base.to_owned())
}

fn listed(all: &[Inspected]) -> Vec<Container> {
    let container =
        |one: &Inspected| Container { id: inspected::id(one).to_owned(), name: inspected::name(one).to_owned() };
    all.iter().map(container).collect()
}

/// The record of containers that were just brought to a configuration.
pub(crate) fn made(schema: &ResourceSchema, config: &Value, base: &str, all: &[Inspected]) -> Object {
    let mut computed = inspected::computed(all);
    computed.push(("name", Value::from(base)));
    computed.push(("upload_digests", config.get("upload_digests").cloned().unwrap_or_default()));
    let attributes = with(&default_plan::planned_new(schema, config), computed);
    let shared = shared_name(config, base);
    let seen = all.first().map(|first| changing(first, shared.as_deref())).unwrap_or_default();
    let private = with(&record::private(&listed(all), seen), vec![("unnamed_volumes", unnamed_volumes(all))]);
    Object { private, children: children(config, all), ..Object::new(attributes) }
}

/// The replicas one by one, where there are replicas.
fn children(config: &Value, all: &[Inspected]) -> Vec<ChildObject> {
    let child = |one: &Inspected| ChildObject {
        kind: "container".to_owned(),
        name: inspected::name(one).to_owned(),
        state: inspected::status(one),
    };
    config.get("replicas").map(|_| all.iter().map(child).collect()).unwrap_or_default()
}

/// The places of volumes that go with their containers.
fn unnamed_volumes(all: &[Inspected]) -> Value {
    let mut places: Vec<String> = all.iter().flat_map(storage::unnamed).collect();
    places.sort();
    places.dedup();
    Value::list(places.into_iter().map(Value::from))
}

/// What is there now of a recorded resource: as recorded, but for what may have changed.
pub(crate) fn compared(recorded: &Object, all: &[Inspected]) -> Object {
    let before = &recorded.attributes;
    let base = text(before, "name").unwrap_or_default();
    let mut members = inspected::computed(all);
    let expected = super::names::count(before);
    if all.len() != expected {
        members.push(("replicas", Value::from(i64::try_from(all.len()).unwrap_or(i64::MAX))));
    }
    let names = super::names::all(&base, before);
    let known = record::containers(recorded);
    let position = |one: &Inspected| known.iter().position(|container| container.id == inspected::id(one));
    let renamed =
        |one: &&Inspected| position(one).and_then(|at| names.get(at)).is_some_and(|name| name != inspected::name(one));
    if let Some(one) = all.iter().find(renamed) {
        members.push(("name", Value::from(inspected::name(one))));
    }
    let shared = shared_name(before, &base);
    let each: Vec<Map> = all.iter().map(|one| changing(one, shared.as_deref())).collect();
    for name in changeable() {
        let Some(wanted) = before.get(name).filter(|wanted| !is_empty(wanted)) else { continue };
        let values = each.iter().map(|one| one.get(name).cloned().unwrap_or_default());
        let mut values =
            values.map(|value| if name == "network" { in_order_of(&value, wanted, "name") } else { value });
        let drifted = |value: &Value| {
            let as_seen = record::seen(recorded, name).is_some_and(|seen| {
                let seen = if name == "network" { in_order_of(seen, wanted, "name") } else { seen.clone() };
                same(&seen, value)
            });
            !as_seen && !same(wanted, value)
        };
        if let Some(value) = values.find(drifted) {
            members.push((name, value));
        }
    }
    members.extend(limits_by_hand(recorded, all));
    let private = with(
        &recorded.private,
        vec![("containers", record::private(&listed(all), Map::new()).get("containers").cloned().unwrap_or_default())],
    );
    Object { attributes: with(before, members), private, children: children(before, all), ..recorded.clone() }
}

/// Whether a value says nothing: no blocks of a kind are the same as none ever.
pub(crate) fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_list().is_some_and(<[Value]>::is_empty) || value.as_map().is_some_and(Map::is_empty)
}

/// Whether two values differ in nothing that matters: null and not there are the same.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    default_plan::compare(&Value::map([("value", a.clone())]), &Value::map([("value", b.clone())])).is_empty()
}

/// The items of a repeated block in the order in which another one has them, by a member that tells them apart.
pub(crate) fn in_order_of(items: &Value, like: &Value, key: &str) -> Value {
    let (Some(list), Some(like)) = (items.as_list(), like.as_list()) else { return items.clone() };
    let mut list = list.to_vec();
    let place = |item: &Value| {
        let wanted = item.get(key);
        like.iter().position(|other| other.get(key).zip(wanted).is_some_and(|(a, b)| a.same(b))).unwrap_or(usize::MAX)
    };
    list.sort_by_key(place);
    Value::from(list)
}

/// The record of containers that there is none of: all that can be told from the engine alone.
pub(crate) fn found(schema: &ResourceSchema, all: &[Inspected], image: &ImageConfig) -> Object {
    let Some(first) = all.first() else { return Object::default() };
    let name = inspected::name(first);
    let base = if all.len() > 1 { name.rsplit_once('-').map_or(name, |(base, _)| base) } else { name };
    let shared = (all.len() > 1).then_some(base);
    let (config, host) = halves(first);
    let facts = Facts { inspect: first, config: &config, host: &host, image };
    let mut told = Described::default();
    process::describe(&facts, &mut told);
    restart::describe(&facts, &mut told);
    healthcheck::describe(&facts, &mut told);
    ports::describe(&facts, &mut told);
    network::describe(&facts, shared, &mut told);
    storage::describe(&facts, &mut told);
    limits::describe(&facts, &mut told);
    security::describe(&facts, &mut told);
    namespaces::describe(&facts, &mut told);
    devices::describe(&facts, &mut told);
    logging::describe(&facts, &mut told);
    if let Some(platform) = &first.platform {
        told.put("platform", Value::from(platform.as_str()), true);
    }
    let mut members = told.members;
    members.push(("name", Value::from(base)));
    members.push(("image", config.image.as_deref().map_or(Value::Null, Value::from)));
    members.push(("must_run", Value::Bool(true)));
    members.push(("remove_volumes", Value::Bool(true)));
    if all.len() > 1 {
        members.push(("replicas", Value::from(i64::try_from(all.len()).unwrap_or(i64::MAX))));
    }
    members.extend(inspected::computed(all));
    let labels = inspected::labels(first);
    let spec = labels.get(super::spec::LABEL).cloned().unwrap_or_default();
    let id = mark::of(&labels).map(|mark| mark.id.to_string()).unwrap_or_default();
    let notes = vec![
        ("defaults", Value::map(told.defaults)),
        ("spec", Value::from(spec)),
        ("made_for", Value::from(id)),
        ("found", Value::Bool(true)),
        ("unnamed_volumes", unnamed_volumes(all)),
    ];
    let private = with(&record::private(&listed(all), changing(first, shared)), notes);
    let attributes = described(schema, members);
    Object { private, children: children(&attributes, all), ..Object::new(attributes) }
}
