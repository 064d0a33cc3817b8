//! The mark on what we create: three labels, which the engine keeps with the object.
//!
//! Labels of networks, volumes and containers are given once and stay. An imported object therefore bears no mark; its
//! record says so (`imported` in the private part), and it is known by the engine's own id instead.

use std::collections::HashMap;

use deployctl_sdk::{
    Address, AttrPath, ErrorKind, Lineage, Object, Ownership, Place, ProviderError, ResourceId, Value,
};

use crate::attributes::with;

/// The label with the state's lineage.
pub(crate) const LINEAGE: &str = "deployctl.lineage";
/// The label with the record's id.
pub(crate) const RESOURCE: &str = "deployctl.resource";
/// The label with the record's address at the time of making. For people to read.
pub(crate) const ADDRESS: &str = "deployctl.address";

/// How our labels begin; configurations cannot set any that begin so.
const PREFIX: &str = "deployctl.";

/// Labels as the engine has them.
pub(crate) type Labels = HashMap<String, String>;

/// The configured labels with the mark among them.
pub(crate) fn marked(labels: impl IntoIterator<Item = (String, String)>, mark: &Ownership) -> Labels {
    let mut labels: Labels = labels.into_iter().collect();
    labels.insert(LINEAGE.to_owned(), mark.lineage.to_string());
    labels.insert(RESOURCE.to_owned(), mark.id.to_string());
    labels.insert(ADDRESS.to_owned(), mark.address.to_string());
    labels
}

/// The mark that labels hold, if they hold one.
pub(crate) fn of(labels: &Labels) -> Option<Ownership> {
    let id = |name: &str| labels.get(name)?.parse().ok();
    Some(Ownership {
        lineage: Lineage(id(LINEAGE)?),
        id: ResourceId(id(RESOURCE)?),
        address: labels.get(ADDRESS)?.parse::<Address>().ok()?,
    })
}

/// Whether labels hold this mark. The address is never compared.
pub(crate) fn is(labels: &Labels, lineage: Lineage, id: ResourceId) -> bool {
    of(labels).is_some_and(|mark| mark.lineage == lineage && mark.id == id)
}

/// Labels without the mark: those that somebody configured.
pub(crate) fn without(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().filter(|(name, _)| !name.starts_with(PREFIX)).map(|(name, value)| (name.as_str(), value.as_str()))
}

/// The filter that has the engine list only what bears a lineage's mark.
pub(crate) fn filter(place: &Place) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{LINEAGE}={}", place.lineage)])])
}

/// The filter that has the engine list only what bears this very mark.
pub(crate) fn filter_of(mark: &Ownership) -> HashMap<String, Vec<String>> {
    let labels = vec![format!("{LINEAGE}={}", mark.lineage), format!("{RESOURCE}={}", mark.id)];
    HashMap::from([("label".to_owned(), labels)])
}

/// Complains about configured labels that are ours.
pub(crate) fn check_labels(config: &Value, problems: &mut Vec<ProviderError>) {
    let Some(labels) = config.get("labels").and_then(Value::as_map) else { return };
    for name in labels.keys().filter(|name| name.starts_with(PREFIX)) {
        let message = format!("labels that begin with `{PREFIX}` are deployctl's own");
        problems.push(ProviderError::invalid(AttrPath::of("labels").key(name.clone()), message));
    }
}

/// Notes in a record that its object was imported and bears no mark.
pub(crate) fn imported(private: &Value) -> Value {
    with(private, vec![("imported", Value::Bool(true))])
}

/// Whether a record's object was imported, so that it is known by its id and not by a mark.
pub(crate) fn is_imported(recorded: &Object) -> bool {
    recorded.private.get("imported").and_then(Value::as_bool) == Some(true)
}

/// The refusal to touch what stands in the way: `kind` and `name` as the engine has them.
pub(crate) fn not_ours(kind: &str, name: &str, labels: Option<&Labels>, address: &Address) -> ProviderError {
    let whose = match labels.and_then(of) {
        Some(other) => format!("it bears the mark of `{}` in another state or record", other.address),
        None => "it is not deployctl's".to_owned(),
    };
    let command = format!("deployctl import {} {name}", quoted(address));
    ProviderError::new(ErrorKind::NotOurs, format!("there is a {kind} called `{name}` already, and {whose}"))
        .with_hint(format!("`{command}` takes it over; or give this one another name"))
}

/// The refusal to import what belongs to another state.
pub(crate) fn check_importable(
    place: &Place,
    kind: &str,
    name: &str,
    labels: Option<&Labels>,
) -> Result<(), ProviderError> {
    match labels.and_then(of) {
        Some(other) if other.lineage != place.lineage => {
            let message = format!("the {kind} `{name}` belongs to another state, as `{}`", other.address);
            Err(ProviderError::new(ErrorKind::NotOurs, message).with_hint(
                "take it out of that state with `deployctl state rm` where it is managed, and remove it there",
            ))
        }
        _ => Ok(()),
    }
}

/// An address as a shell takes it.
fn quoted(address: &Address) -> String {
    let address = address.to_string();
    if address.contains(['"', '[']) { format!("'{address}'") } else { address }
}
