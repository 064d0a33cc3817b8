//! Manifests of the shapes that people deploy, and random edits of single fields: what a plan says is what happens, no more
//! and no less, and then there is nothing left to do.

use std::path::{Path, PathBuf};

use deployctl_sdk::conformance::Dice;
use deployctl_sdk::{Action, Child, ErrorKind, PlannedChange, Value};
use serde_json::{Map, Value as Json, json};

use crate::desk::{Desk, shown, told};

/// How many edits must have been carried out.
const EDITS: usize = 40;

/// Fields that say which object it is, and those that only another object could have.
const IDENTITY: [&str; 6] = ["apiVersion", "kind", "name", "namespace", "group", "generateName"];

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kubernetes");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 25, "the corpus has {} files", files.len());
    files
}

/// The objects of a file, by another reader than the provider's own.
fn objects(file: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(file).unwrap();
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents: Vec<Json> = serde_saphyr::from_multiple_with_options(&text, options).unwrap();
    let taken_apart = |document: Json| match document.get("items").and_then(Json::as_array) {
        Some(items) => items.clone(),
        None => vec![document],
    };
    documents.into_iter().filter(|document| !document.is_null()).flat_map(taken_apart).collect()
}

fn config(desk: &Desk, objects: &[Json]) -> Value {
    let texts: Vec<Value> = objects.iter().map(|object| Value::from(object.to_string())).collect();
    desk.config(&[("documents", Value::from(texts)), ("wait", Value::from(false)), ("timeout", Value::from("120s"))])
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_random_edits_of_the_corpus_come_out_as_predicted() {
    let seed = std::env::var("EDITS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(6);
    println!("EDITS_SEED={seed}");
    let mut dice = Dice::new(seed);
    let mut files = files();
    dice.shuffle(&mut files);
    let each = EDITS.div_ceil(files.len());
    let (mut done, mut refused) = (0, 0);
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let mut desk = Desk::new("edits").await;
        let mut objects = objects(file);
        clear(&desk, file);
        let plan = desk.apply(&config(&desk, &objects)).await;
        assert_eq!(plan.action, Action::Create, "{name}");
        let mut left = each.min(EDITS.saturating_sub(done)).max(1);
        for _ in 0..30 {
            if left == 0 {
                break;
            }
            let edited = edit(&objects, &mut dice);
            match one(&mut desk, &objects, &edited, &name).await {
                Some(()) => {
                    println!("{name}: {}", edited.path);
                    objects = edited.objects;
                    (left, done) = (left - 1, done + 1);
                }
                None => refused += 1,
            }
        }
        let applied = desk.delete().await;
        assert!(applied.error.is_none(), "{name}: {}", told(&applied.error.unwrap()));
    }
    println!("{done} edits were carried out, {refused} were refused at planning time");
    assert!(done >= EDITS, "only {done} edits could be carried out (EDITS_SEED={seed})");
}

/// Removes what a run that was killed left: what is in no namespace has the same name in every run.
fn clear(desk: &Desk, file: &Path) {
    // It complains of kinds that are not there yet, and removes the others all the same.
    let _ = desk.try_kubectl(&["delete", "--ignore-not-found", "-f", file.to_str().unwrap()], "");
}

struct Edited {
    objects: Vec<Json>,
    /// Which of them.
    index: usize,
    /// Where, for messages.
    path: String,
}

/// Carries out an edit and looks at what became of it. `None` if the server does not allow it, which it must say when it is
/// planned.
async fn one(desk: &mut Desk, before: &[Json], edited: &Edited, name: &str) -> Option<()> {
    let about = format!("{name}: {}", edited.path);
    let wanted = config(desk, &edited.objects);
    let plan = match desk.plan(&wanted).await {
        Ok(plan) => plan,
        Err(error) => {
            assert!(matches!(error.kind, ErrorKind::Invalid | ErrorKind::Refused), "{about}: {}", told(&error));
            return None;
        }
    };
    if plan.action == Action::NoOp {
        // The server means the same by both: `1000m` and `1`.
        return None;
    }
    let was: Vec<Json> = before.iter().map(|object| live(desk, object)).collect();
    let plan = match desk.try_apply(&wanted).await {
        Ok(again) => {
            assert_eq!(shown(&plan), shown(&again), "{about}: two plans of the same differ");
            again
        }
        Err(error) => panic!("{about}: what was planned failed: {}\n{}", told(&error), shown(&plan)),
    };
    desk.unchanged(&wanted).await;
    for (index, object) in edited.objects.iter().enumerate() {
        let is = live(desk, object);
        let changed = index == edited.index;
        let child = child_of(&plan, object);
        match child.map(|child| child.action) {
            Some(Action::Update) if changed => {
                predicted(child.unwrap(), &before[index], object, &was[index], &is, &about);
            }
            Some(Action::Replace(_)) if changed => {
                assert_ne!(was[index]["metadata"]["uid"], is["metadata"]["uid"], "{about}: it was not replaced");
            }
            Some(Action::NoOp) | None if !changed => {
                assert_eq!(restricted(&was[index], object), restricted(&is, object), "{about}: another object changed");
                assert_eq!(
                    was[index]["metadata"]["uid"], is["metadata"]["uid"],
                    "{about}: another object was replaced"
                );
            }
            other => panic!("{about}: {other:?} is planned for {}\n{}", object["metadata"]["name"], shown(&plan)),
        }
    }
    Some(())
}

/// What the plan says of one object is what happened to the fields of its manifest.
fn predicted(child: &Child, before: &Json, after: &Json, was: &Json, is: &Json, about: &str) {
    assert_eq!(was["metadata"]["uid"], is["metadata"]["uid"], "{about}: it was replaced, and not updated");
    assert!(!child.diffs.is_empty(), "{about}: it is updated, and nothing is shown of it");
    if child.kind == "Secret" {
        return;
    }
    let mut manifest = before.clone();
    merge(&mut manifest, after);
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    leaves("", &restricted(was, &manifest), &mut gone);
    leaves("", &restricted(is, &manifest), &mut come);
    cancel(&mut gone, &mut come);
    let (mut said_gone, mut said_come) = (Vec::new(), Vec::new());
    for diff in &child.diffs {
        let path = diff.path.to_string();
        let last = path.rsplit(['.', '[']).next().unwrap_or_default().trim_matches(['"', ']']).to_owned();
        diff.before.iter().for_each(|value| leaves(&last, &plain(value), &mut said_gone));
        diff.after.iter().for_each(|value| leaves(&last, &plain(value), &mut said_come));
    }
    cancel(&mut said_gone, &mut said_come);
    // What a field is called inside a list depends on who writes the path; what it holds does not.
    let values = |mut leaves: Vec<(String, String)>| {
        leaves.sort();
        leaves.into_iter().map(|(_, value)| value).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(
        values(said_gone),
        values(gone),
        "{about}: what was there (left: planned, right: real)\n{:#?}",
        child.diffs
    );
    assert_eq!(
        values(said_come),
        values(come),
        "{about}: what is there now (left: planned, right: real)\n{:#?}",
        child.diffs
    );
}

/// Every plain value with the name of its field.
fn leaves(name: &str, value: &Json, found: &mut Vec<(String, String)>) {
    match value {
        Json::Object(members) => members.iter().for_each(|(key, member)| leaves(key, member, found)),
        Json::Array(items) => items.iter().for_each(|item| leaves(name, item, found)),
        plain => found.push((name.to_owned(), plain.to_string())),
    }
}

fn cancel(one: &mut Vec<(String, String)>, other: &mut Vec<(String, String)>) {
    one.retain(|leaf| match other.iter().position(|found| found == leaf) {
        Some(at) => {
            other.remove(at);
            false
        }
        None => true,
    });
}

fn plain(value: &Value) -> Json {
    match value.unmark().0 {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::String(text) => json!(&**text),
        Value::Number(number) => serde_json::from_str(&number.to_string()).unwrap(),
        Value::List(items) => items.iter().map(plain).collect(),
        Value::Map(members) => {
            members.iter().map(|(key, member)| (key.to_string(), plain(member))).collect::<Map<_, _>>().into()
        }
        other => panic!("{other:?}"),
    }
}

/// What an object has in the fields that a manifest names.
fn restricted(object: &Json, manifest: &Json) -> Json {
    match (object, manifest) {
        (Json::Object(members), Json::Object(named)) => {
            let kept =
                named.iter().filter_map(|(key, inner)| Some((key.clone(), restricted(members.get(key)?, inner))));
            Json::Object(kept.collect())
        }
        (Json::Array(items), Json::Array(named)) if items.len() == named.len() => {
            items.iter().zip(named).map(|(item, inner)| restricted(item, inner)).collect()
        }
        (object, _) => object.clone(),
    }
}

/// Adds what only the other names.
fn merge(one: &mut Json, other: &Json) {
    match (one, other) {
        (Json::Object(one), Json::Object(other)) => {
            for (key, value) in other {
                merge(one.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        (Json::Array(one), Json::Array(other)) => one.iter_mut().zip(other).for_each(|(one, other)| merge(one, other)),
        (one, other) if one.is_null() => *one = other.clone(),
        _ => {}
    }
}

fn child_of<'p>(plan: &'p PlannedChange, object: &Json) -> Option<&'p Child> {
    let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
    plan.children.iter().find(|child| child.kind == kind && child.name.rsplit('/').next() == Some(name))
}

fn live(desk: &Desk, object: &Json) -> Json {
    let version = object["apiVersion"].as_str().unwrap();
    let kind = object["kind"].as_str().unwrap();
    let named = match version.split_once('/') {
        Some((group, version)) => format!("{kind}.{version}.{group}"),
        None => format!("{kind}.{version}."),
    };
    let name = object["metadata"]["name"].as_str().unwrap();
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or(&desk.namespace);
    serde_json::from_str(&desk.kubectl(&["-n", namespace, "get", &named, name, "-o", "json"])).unwrap()
}

/// Changes one field somewhere: another value, none at all, or one that was not there.
fn edit(objects: &[Json], dice: &mut Dice) -> Edited {
    let mut objects = objects.to_vec();
    let index = dice.below(objects.len());
    let object = &mut objects[index];
    if dice.chance(150) {
        let field = if dice.chance(500) { "labels" } else { "annotations" };
        let metadata = object["metadata"].as_object_mut().unwrap();
        let members = metadata.entry(field).or_insert_with(|| json!({})).as_object_mut().unwrap();
        members.insert(format!("example.com/edit-{}", dice.below(1000)), json!(format!("v{}", dice.below(1000))));
        return Edited { objects, index, path: format!("a new one of {field}") };
    }
    let mut paths = Vec::new();
    pointers("", object, &mut paths);
    let path = dice.pick(&paths).unwrap().clone();
    let unset = dice.chance(150);
    if unset {
        let (above, last) = path.rsplit_once('/').unwrap();
        let last = last.replace("~1", "/").replace("~0", "~");
        if let Some(members) = object.pointer_mut(above).and_then(Json::as_object_mut) {
            members.remove(&last);
            return Edited { objects, index, path: format!("without {path}") };
        }
    }
    let field = object.pointer_mut(&path).unwrap();
    let number = dice.below(9) as i64 + 1;
    *field = match &*field {
        Json::Bool(value) => json!(!value),
        Json::Number(value) => json!(value.as_i64().unwrap_or(0) + number),
        Json::String(text) => Json::from(other_text(text, number)),
        other => other.clone(),
    };
    Edited { objects, index, path }
}

/// A text of the same sort: another number where it holds one, for quantities, images and schedules; else some more.
fn other_text(text: &str, number: i64) -> String {
    let Some(start) = text.find(|c: char| c.is_ascii_digit()) else { return format!("{text}{number}") };
    let end = text[start..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |length| start + length);
    match text[start..end].parse::<i64>() {
        Ok(found) => format!("{}{}{}", &text[..start], found + number, &text[end..]),
        Err(_) => format!("{text}{number}"),
    }
}

/// The places of all plain values that do not say which object it is.
fn pointers(path: &str, value: &Json, found: &mut Vec<String>) {
    match value {
        Json::Object(members) => {
            for (key, member) in members.iter().filter(|(key, _)| !IDENTITY.contains(&key.as_str())) {
                pointers(&format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), member, found);
            }
        }
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| pointers(&format!("{path}/{index}"), item, found));
        }
        Json::Null => {}
        _ => found.push(path.to_owned()),
    }
}
