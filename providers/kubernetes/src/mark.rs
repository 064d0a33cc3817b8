//! The mark on what we create: two labels, by which the API server finds it, and an annotation for people to read.

use deployctl_sdk::{Lineage, Ownership, ResourceId};

use crate::json::{Json, text};

/// The label with the state's lineage.
pub(crate) const LINEAGE: &str = "deployctl.dev/lineage";
/// The label with the record's id.
pub(crate) const RESOURCE: &str = "deployctl.dev/resource";
/// The annotation with the record's address at the time of making. Never compared.
pub(crate) const ADDRESS: &str = "deployctl.dev/address";

/// Whether a label or annotation is part of the mark.
pub(crate) fn is_ours(name: &str) -> bool {
    matches!(name, LINEAGE | RESOURCE | ADDRESS)
}

/// Whose an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// It bears this mark.
    Ours,
    /// It bears the mark of another resource of the same state.
    Sibling,
    /// It bears another state's mark.
    AnotherStates,
    /// It bears none.
    Nobodys,
}

/// Whose an object is, to a resource of a state.
pub(crate) fn whose(object: &Json, lineage: Lineage, id: Option<ResourceId>) -> Whose {
    let label = |name: &str| label(object, name);
    match (label(LINEAGE), label(RESOURCE)) {
        ("", _) => Whose::Nobodys,
        (other, _) if other != lineage.to_string() => Whose::AnotherStates,
        (_, resource) if id.is_some_and(|id| id.to_string() == resource) => Whose::Ours,
        _ => Whose::Sibling,
    }
}

/// The mark on an object, if there is one.
pub(crate) fn of(object: &Json) -> Option<Ownership> {
    let address = object.pointer("/metadata/annotations")?.get(ADDRESS)?.as_str()?;
    Some(Ownership {
        lineage: Lineage(label(object, LINEAGE).parse().ok()?),
        id: ResourceId(label(object, RESOURCE).parse().ok()?),
        address: address.parse().ok()?,
    })
}

fn label<'o>(object: &'o Json, name: &str) -> &'o str {
    let labels = object.pointer("/metadata/labels").and_then(|labels| labels.get(name));
    labels.and_then(Json::as_str).unwrap_or_default()
}

/// Puts the mark on an object.
pub(crate) fn put(object: &mut Json, lineage: &str, id: &str, address: &str) {
    set(object, "labels", LINEAGE, lineage);
    set(object, "labels", RESOURCE, id);
    set(object, "annotations", ADDRESS, address);
}

/// Sets a label or an annotation.
pub(crate) fn set(object: &mut Json, map: &str, name: &str, value: &str) {
    let Some(object) = object.as_object_mut() else { return };
    let metadata = object.entry("metadata").or_insert_with(|| Json::Object(serde_json::Map::new()));
    let Some(metadata) = metadata.as_object_mut() else { return };
    let members = metadata.entry(map).or_insert_with(|| Json::Object(serde_json::Map::new()));
    if members.is_null() {
        *members = Json::Object(serde_json::Map::new());
    }
    if let Some(members) = members.as_object_mut() {
        members.insert(name.to_owned(), Json::from(value));
    }
}

/// The selector that finds what bears a resource's mark.
pub(crate) fn selector(id: ResourceId) -> String {
    format!("{RESOURCE}={id}")
}

/// What an object says it was made by, for messages.
pub(crate) fn maker(object: &Json) -> Option<&str> {
    Some(text(object.pointer("/metadata/annotations")?.get(ADDRESS)?, "")).filter(|text| !text.is_empty())
}
