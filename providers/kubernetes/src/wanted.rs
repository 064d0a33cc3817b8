//! The objects that a configuration wants, as they are sent to a cluster with these kinds.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use deployctl_sdk::{Digest, ErrorKind, Mask, ProviderError, Value};

use crate::cluster::{Kind, Kinds};
use crate::id::Id;
use crate::json::{Json, text};
use crate::manifest::Document;
use crate::mark;
use crate::options::Options;
use crate::wave;

/// What a server writes on objects, and what is therefore not sent where a manifest was copied from one.
const SERVERS: [&str; 7] =
    ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink", "deletionTimestamp"];

/// One object that is wanted.
pub(crate) struct Wanted {
    /// Which.
    pub id: Id,
    /// Its kind on this cluster.
    pub kind: Kind,
    /// The object, without our mark.
    pub object: Json,
    /// The digest of it.
    pub manifest: String,
    /// When it is applied.
    pub wave: u8,
    /// Where it stands in the configuration.
    pub place: String,
    /// What makes its kind, where that is not there yet.
    pub kind_made_by: Option<String>,
}

/// What other resources of the same plan make: kinds and namespaces, each with what makes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upcoming {
    /// Kinds by API version and name.
    pub kinds: BTreeMap<(String, String), (Kind, String)>,
    /// Namespaces by name.
    pub namespaces: BTreeMap<String, String>,
}

impl Upcoming {
    /// Adds what these documents make. `who` is said of it.
    pub(crate) fn add(&mut self, documents: &[Document], who: &str) {
        for document in documents {
            match (document.group(), document.kind()) {
                ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                    for kind in Kind::defined_by(&document.object) {
                        let key = (kind.resource.api_version.clone(), kind.resource.kind.clone());
                        self.kinds.insert(key, (kind, format!("its kind is defined by {who}")));
                    }
                }
                ("", "Namespace") => {
                    self.namespaces.insert(document.name().to_owned(), format!("its namespace is made by {who}"));
                }
                _ => {}
            }
        }
    }
}

/// Settles documents on a cluster: kinds looked up, namespaces, labels and annotations filled in.
///
/// # Errors
/// When a kind is not there and nothing makes it, or two documents turn out to be of one object.
pub(crate) fn settle(
    documents: Vec<Document>,
    kinds: &Kinds,
    upcoming: &Upcoming,
    options: &Options,
    namespace: &str,
) -> Result<Vec<Wanted>, ProviderError> {
    let mut places: HashMap<Id, String> = HashMap::with_capacity(documents.len());
    let mut all = Vec::with_capacity(documents.len());
    for document in documents {
        let key = (document.api_version().to_owned(), document.kind().to_owned());
        let (kind, kind_made_by) = match (kinds.get(&key.0, &key.1), upcoming.kinds.get(&key)) {
            (Some(kind), _) => (kind.clone(), None),
            (None, Some((kind, who))) => (kind.clone(), Some(who.clone())),
            (None, None) => return Err(unknown_kind(&document, kinds)),
        };
        let place = document.place();
        let mut object = document.object;
        dress(&mut object, &kind, options, namespace);
        let id = Id::of(&object);
        if let Some(first) = places.insert(id.clone(), place.clone()) {
            let error = ProviderError::new(ErrorKind::Invalid, format!("{place}: {id} stands at {first} too"));
            return Err(error.with_hint("an object can only be as one of them says: take one of them away"));
        }
        let manifest = Digest::of(object.to_string().as_bytes()).to_string();
        let wave = wave::of(&id.group, &id.kind);
        all.push(Wanted { id, kind, object, manifest, wave, place, kind_made_by });
    }
    all.sort_by(|a, b| (a.wave, &a.id).cmp(&(b.wave, &b.id)));
    Ok(all)
}

/// Makes of a document what is sent.
fn dress(object: &mut Json, kind: &Kind, options: &Options, namespace: &str) {
    let named = text(object, "/metadata/namespace").to_owned();
    if let Some(members) = object.as_object_mut() {
        members.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        SERVERS.iter().for_each(|name| _ = metadata.remove(*name));
        metadata.remove("namespace");
        if kind.namespaced {
            let default = options.namespace.as_deref().unwrap_or(namespace);
            let namespace = if named.is_empty() { default } else { &named };
            metadata.insert("namespace".to_owned(), Json::from(namespace));
        }
    }
    for (map, members) in [("labels", &options.labels), ("annotations", &options.annotations)] {
        for (name, value) in members {
            let given = object.pointer(&format!("/metadata/{map}")).and_then(|members| members.get(name));
            if given.is_none() {
                mark::set(object, map, name, value);
            }
        }
    }
    if kind.resource.kind == "Secret" && kind.resource.group.is_empty() {
        encode(object);
    }
}

/// Puts the texts of `stringData` into `data`. The server does so too, but then owns fields by a name that no object has.
fn encode(object: &mut Json) {
    let Some(members) = object.as_object_mut() else { return };
    let Some(Json::Object(texts)) = members.remove("stringData") else { return };
    let data = members.entry("data").or_insert_with(|| Json::Object(serde_json::Map::new()));
    if data.is_null() {
        *data = Json::Object(serde_json::Map::new());
    }
    if let Some(data) = data.as_object_mut() {
        for (name, value) in texts {
            let plain = value.as_str().unwrap_or_default();
            data.insert(name, Json::from(base64::prelude::BASE64_STANDARD.encode(plain)));
        }
    }
}

fn unknown_kind(document: &Document, kinds: &Kinds) -> ProviderError {
    let (kind, version) = (document.kind(), document.api_version());
    let message = format!("{}: the cluster has no kind `{kind}` in `{version}`", document.place());
    let error = ProviderError::new(ErrorKind::Invalid, message);
    let elsewhere = kinds.versions_of(kind);
    error.with_hint(match (elsewhere.as_slice(), kinds.like(kind)) {
        ([_, ..], _) => format!("it has `{kind}` in {}", elsewhere.join(", ")),
        ([], Some(like)) if kinds.has_group(version) => format!("did you mean `{like}`?"),
        _ => "if something in this configuration defines it, name that in `depends_on`; `kubectl api-resources` lists \
              what there is"
            .to_owned(),
    })
}

/// A mask for all that is secret in a resource: what its configuration marks, and what its Secrets hold.
pub(crate) fn mask<'o>(config: &Value, objects: impl Iterator<Item = &'o Json>) -> Mask {
    let mut secrets: Vec<Value> = vec![config.clone()];
    for object in objects.filter(|object| text(object, "/kind") == "Secret") {
        let data = object.get("data").and_then(Json::as_object);
        for value in data.into_iter().flat_map(|data| data.values()).filter_map(Json::as_str) {
            secrets.push(Value::from(value).into_sensitive());
            let plain = base64::prelude::BASE64_STANDARD.decode(value).ok();
            if let Some(plain) = plain.and_then(|bytes| String::from_utf8(bytes).ok()) {
                secrets.push(Value::from(plain).into_sensitive());
            }
        }
    }
    Mask::of(&secrets)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kinds() -> Kinds {
        let mut kinds = Kinds::default();
        for (plural, kind, namespaced) in
            [("configmaps", "ConfigMap", true), ("secrets", "Secret", true), ("namespaces", "Namespace", false)]
        {
            let resource = kube::discovery::ApiResource {
                group: String::new(),
                version: "v1".to_owned(),
                api_version: "v1".to_owned(),
                kind: kind.to_owned(),
                plural: plural.to_owned(),
            };
            kinds.add(Kind { resource, namespaced, listable: true });
        }
        kinds
    }

    fn settled(objects: Vec<Json>, config: &Value) -> Result<Vec<Wanted>, ProviderError> {
        let documents: Vec<Document> = objects
            .into_iter()
            .enumerate()
            .map(|(index, object)| Document { object, file: "all.yaml".to_owned(), line: index + 1 })
            .collect();
        let mut upcoming = Upcoming::default();
        upcoming.add(&documents, "the test");
        settle(documents, &kinds(), &upcoming, &Options::of(config).unwrap(), "default")
    }

    #[test]
    fn namespaces_labels_and_the_order_are_filled_in() {
        let config = Value::map([
            ("namespace", Value::from("shop")),
            ("labels", Value::map([("team", Value::from("a")), ("app", Value::from("b"))])),
        ]);
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "status": {},
            "metadata": {"name": "x", "labels": {"app": "own"}, "uid": "1", "managedFields": []}});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
        let all = settled(vec![map, namespace], &config).unwrap();
        let names: Vec<String> = all.iter().map(|wanted| wanted.id.to_string()).collect();
        assert_eq!(names, ["Namespace shop", "ConfigMap shop/x"]);
        let expected = json!({"name": "x", "namespace": "shop", "labels": {"app": "own", "team": "a"}});
        assert_eq!(all[1].object.get("metadata"), Some(&expected));
    }

    #[test]
    fn one_object_in_two_documents_is_refused_with_both_places() {
        let map = |namespace: Json| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": namespace}});
        let error = settled(vec![map(Json::Null), map(Json::from("default"))], &Value::map::<&str>([])).err().unwrap();
        assert_eq!(error.message, "all.yaml:2: ConfigMap default/x stands at all.yaml:1 too");
    }

    #[test]
    fn a_kind_that_is_not_there_is_refused_unless_it_is_made_here() {
        let config = Value::map::<&str>([]);
        let basket = json!({"apiVersion": "shop.example/v1", "kind": "Basket", "metadata": {"name": "x"}});
        let error = settled(vec![basket.clone()], &config).err().unwrap();
        assert!(error.message.contains("no kind `Basket` in `shop.example/v1`"), "{error}");
        let slip = json!({"apiVersion": "v1", "kind": "ConfigMpa", "metadata": {"name": "x"}});
        assert_eq!(settled(vec![slip], &config).err().unwrap().hint.unwrap(), "did you mean `ConfigMap`?");
        let mut upcoming = Upcoming::default();
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "baskets.shop.example"}, "spec": {"group": "shop.example", "scope": "Namespaced",
            "names": {"kind": "Basket", "plural": "baskets"}, "versions": [{"name": "v1", "served": true}]}});
        upcoming.add(&[Document { object: definition, file: "a".to_owned(), line: 1 }], "this");
        let document = Document { object: basket, file: "b".to_owned(), line: 1 };
        let all = settle(vec![document], &kinds(), &upcoming, &Options::of(&config).unwrap(), "default").unwrap();
        assert_eq!(all[0].kind_made_by.as_deref(), Some("its kind is defined by this"));
    }

    #[test]
    fn what_a_secret_holds_is_masked_in_both_forms() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"},
            "stringData": {"password": "hunter22"}});
        let all = settled(vec![secret], &Value::map::<&str>([])).unwrap();
        let encoded = text(&all[0].object, "/data/password").to_owned();
        let mask = mask(&Value::Null, all.iter().map(|wanted| &wanted.object));
        assert_eq!(mask.apply(&format!("{encoded} hunter22")), "(sensitive value) (sensitive value)");
    }
}
