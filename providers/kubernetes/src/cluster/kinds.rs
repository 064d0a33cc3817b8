//! Which kinds of objects a cluster has, and how they are asked for.

use std::collections::BTreeMap;

use deployctl_sdk::ProviderError;
use kube::discovery::{ApiCapabilities, ApiResource, Scope};
use kube::{Client, Discovery};

use crate::id::group_of;
use crate::json::{Json, text};

/// A kind in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    /// How it is asked for.
    pub resource: ApiResource,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// Whether its objects can be listed and deleted.
    pub listable: bool,
}

impl Kind {
    fn of((resource, capabilities): (ApiResource, ApiCapabilities)) -> Self {
        let listable = capabilities.supports_operation("list") && capabilities.supports_operation("delete");
        Self { resource, namespaced: capabilities.scope == Scope::Namespaced, listable }
    }

    /// The kinds that a custom resource definition brings, one for each served version.
    pub(crate) fn defined_by(definition: &Json) -> Vec<Self> {
        let versions = definition.pointer("/spec/versions").and_then(Json::as_array);
        let group = text(definition, "/spec/group").to_owned();
        let served = versions.into_iter().flatten().filter(|version| version.get("served") != Some(&Json::Bool(false)));
        served
            .map(|version| {
                let version = text(version, "/name").to_owned();
                let resource = ApiResource {
                    api_version: format!("{group}/{version}"),
                    group: group.clone(),
                    version,
                    kind: text(definition, "/spec/names/kind").to_owned(),
                    plural: text(definition, "/spec/names/plural").to_owned(),
                };
                Self { resource, namespaced: text(definition, "/spec/scope") == "Namespaced", listable: true }
            })
            .collect()
    }

    /// The path of its objects in a namespace, or of all of them.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let ApiResource { group, api_version, plural, .. } = &self.resource;
        let root = if group.is_empty() { "api" } else { "apis" };
        match namespace.filter(|namespace| self.namespaced && !namespace.is_empty()) {
            Some(namespace) => format!("/{root}/{api_version}/namespaces/{namespace}/{plural}"),
            None => format!("/{root}/{api_version}/{plural}"),
        }
    }
}

/// The kinds of a cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kinds {
    by_version: BTreeMap<(String, String), Kind>,
    preferred: Vec<Kind>,
}

impl Kinds {
    /// Asks a cluster: in one go where it can answer so, and group by group where it is older.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn discover(client: &Client) -> Result<Self, ProviderError> {
        let discovery = match Discovery::new(client.clone()).run_aggregated().await {
            Ok(discovery) if discovery.groups().next().is_some() => Ok(discovery),
            // Servers before 1.26 know only the other way.
            _ => Discovery::new(client.clone()).run().await,
        };
        let discovery = discovery.map_err(|error| super::failure::explained(error, "its kinds cannot be listed"))?;
        let mut kinds = Self::default();
        for group in discovery.groups() {
            for version in group.versions() {
                group.versioned_resources(version).into_iter().map(Kind::of).for_each(|kind| kinds.add(kind));
            }
            let preferred = group.recommended_resources();
            kinds.preferred.extend(preferred.into_iter().map(Kind::of).filter(|kind| kind.listable));
        }
        kinds.preferred.sort_by_key(|kind| kind.path(None));
        Ok(kinds)
    }

    /// Adds one, unless it is there.
    pub(crate) fn add(&mut self, kind: Kind) {
        let key = (kind.resource.api_version.clone(), kind.resource.kind.clone());
        self.by_version.entry(key).or_insert(kind);
    }

    /// The kind of that version and name.
    pub(crate) fn get(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        self.by_version.get(&(api_version.to_owned(), kind.to_owned()))
    }

    /// The kind of that group and name, in whatever version is there.
    pub(crate) fn of_group(&self, group: &str, kind: &str) -> Option<&Kind> {
        let same = |candidate: &&Kind| candidate.resource.group == group && candidate.resource.kind == kind;
        self.preferred.iter().find(same).or_else(|| self.by_version.values().find(same))
    }

    /// One version of each kind that can be listed.
    pub(crate) fn listable(&self) -> impl Iterator<Item = &Kind> {
        self.preferred.iter()
    }

    /// The kind that a person means: `Deployment`, `deployments`, `deployment.apps`.
    pub(crate) fn called(&self, name: &str) -> Option<&Kind> {
        let (name, group) = name.split_once('.').map_or((name, None), |(name, group)| (name, Some(group)));
        let is_meant = |kind: &&Kind| {
            let same = kind.resource.kind.eq_ignore_ascii_case(name) || kind.resource.plural.eq_ignore_ascii_case(name);
            same && group.is_none_or(|group| kind.resource.group == group)
        };
        self.preferred.iter().find(is_meant)
    }

    /// The versions in which a kind of that name is there, for messages.
    pub(crate) fn versions_of(&self, kind: &str) -> Vec<&str> {
        self.by_version.keys().filter(|(_, name)| name == kind).map(|(version, _)| version.as_str()).collect()
    }

    /// Kinds whose names are like that one, for messages.
    pub(crate) fn like(&self, kind: &str) -> Option<&str> {
        let wanted = kind.to_lowercase();
        let alike = |name: &&str| {
            let name = name.to_lowercase();
            name == wanted || name == wanted.trim_end_matches('s') || distance_is_one(&name, &wanted)
        };
        self.by_version.keys().map(|(_, name)| name.as_str()).find(alike)
    }

    /// The version of a group that is there, for a document in one that is not.
    pub(crate) fn has_group(&self, api_version: &str) -> bool {
        let group = group_of(api_version);
        self.by_version.keys().any(|(version, _)| group_of(version) == group)
    }
}

/// Whether two words differ by one letter added, left out or exchanged, or by two neighbours swapped.
fn distance_is_one(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let same_start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same_start..], &b[same_start..]);
    let same_end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - same_end], &b[..b.len() - same_end]);
    matches!((a, b), ([_], [_] | []) | ([], [_])) || matches!((a, b), ([x, y], [z, w]) if x == w && y == z)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_definition_brings_its_served_versions() {
        let definition = json!({"spec": {"group": "shop.example", "scope": "Namespaced",
            "names": {"kind": "Basket", "plural": "baskets"},
            "versions": [{"name": "v1", "served": true}, {"name": "v0", "served": false}]}});
        let kinds = Kind::defined_by(&definition);
        assert_eq!(kinds.len(), 1);
        assert_eq!(kinds[0].path(Some("shop")), "/apis/shop.example/v1/namespaces/shop/baskets");
    }

    #[test]
    fn slips_of_one_letter_are_seen() {
        assert!(distance_is_one("deploymnt", "deployment") && distance_is_one("srevice", "service"));
        assert!(!distance_is_one("service", "service") && !distance_is_one("pod", "node"));
    }
}
