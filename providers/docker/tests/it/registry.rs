//! Images that come from a registry, or go there.

use deployctl_sdk::{Action, ErrorKind, Reason, Value};

use crate::bench::{BUSYBOX, Bench, REGISTRY, docker, map, with};

const TYPE: &str = "docker_image";

/// Pushes an image with that label under a name.
fn publish(bench: &Bench, name: &str, label: &str) {
    let folder = bench.place.root.join("published");
    bench.write("published/Dockerfile", &format!("FROM {BUSYBOX}\nLABEL v={label}\n"));
    docker(&["build", "--quiet", "--tag", name, &folder.display().to_string()]);
    docker(&["push", "--quiet", name]);
    docker(&["image", "rm", name]);
}

fn digest(held: &deployctl_sdk::conformance::Held) -> String {
    held.object.as_ref().unwrap().attributes.get("digest").and_then(Value::as_str).unwrap().to_owned()
}

#[tokio::test]
async fn a_tag_that_was_moved_at_the_registry_is_drift_and_is_pulled_again() {
    let bench = Bench::new(TYPE).await;
    let remote = format!("{REGISTRY}/{}:1", bench.name("moved"));
    publish(&bench, &remote, "one");
    let config = map(&[("name", remote.clone().into()), ("pull", remote.clone().into())]);
    let mut held = bench.make(&config).await;
    let first = digest(&held);
    publish(&bench, &remote, "two");
    // The name was taken away here as well, and that is another story.
    docker(&["pull", "--quiet", &format!("{}@{first}", remote.trim_end_matches(":1"))]);
    docker(&["tag", held.object.as_ref().unwrap().attributes.get("id").unwrap().as_str().unwrap(), &remote]);
    let planned = bench.apply(&mut held, &config).await;
    assert_eq!(planned.reason, Reason::Other { text: "the tag was moved at the registry".into() });
    assert_ne!(digest(&held), first);

    // By digest nothing moves.
    let pinned = with(&config, &[("pull", format!("{}@{first}", remote.trim_end_matches(":1")).into())]);
    assert_eq!(bench.apply(&mut held, &pinned).await.action, Action::Update);
    assert_eq!(digest(&held), first);
    bench.delete(held).await;
}

#[tokio::test]
async fn an_image_that_does_not_exist_is_named_with_what_to_check() {
    let bench = Bench::new(TYPE).await;
    let remote = format!("{REGISTRY}/{}:1", bench.name("nowhere"));
    let config = map(&[("name", remote.clone().into()), ("pull", remote.clone().into())]);
    let error = bench.try_apply(&mut bench.nothing(), &config).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.message.contains(&remote), "{error}");
    assert!(error.hint.as_ref().unwrap().contains("check the name"), "{error:?}");
}

#[tokio::test]
async fn a_built_image_is_pushed_and_pushed_again_when_it_changes() {
    let bench = Bench::new(TYPE).await;
    let remote = format!("{REGISTRY}/{}:1", bench.name("pushed"));
    bench.write("app/Dockerfile", &format!("FROM {BUSYBOX}\nLABEL v=1\n"));
    let build = map(&[("context", "app".into())]);
    let config = map(&[("name", remote.clone().into()), ("build", build), ("push", true.into())]);
    let mut held = bench.make(&config).await;
    let first = digest(&held);
    bench.write("app/Dockerfile", &format!("FROM {BUSYBOX}\nLABEL v=2\n"));
    bench.apply(&mut held, &config).await;
    assert_ne!(digest(&held), first);
    docker(&["image", "rm", &remote]);
    docker(&["pull", "--quiet", &remote]);
    let id = docker(&["image", "inspect", "--format", "{{.Id}}", &remote]);
    assert_eq!(held.object.as_ref().unwrap().attributes.get("id").and_then(Value::as_str), Some(id.as_str()));
    bench.delete(held).await;
}

#[tokio::test]
async fn a_push_that_fails_is_tried_again() {
    let bench = Bench::new(TYPE).await;
    bench.write("app/Dockerfile", "FROM scratch\nLABEL v=1\n");
    let build = map(&[("context", "app".into())]);
    // Nobody listens there.
    let nowhere = format!("127.0.0.1:9/{}:1", bench.name("lost"));
    let config = map(&[("name", nowhere.into()), ("build", build), ("push", true.into())]);
    let mut held = bench.nothing();
    let error = bench.try_apply(&mut held, &config).await.unwrap_err();
    assert!(error.message.starts_with("pushing the image"), "{error}");
    assert!(held.object.is_some(), "the image is there");
    let planned = bench.plan(&held, &config).await;
    assert_eq!(planned.reason, Reason::Other { text: "it is not at the registry".into() });
    bench.delete(held).await;
}

#[tokio::test]
async fn an_image_that_is_there_can_be_imported() {
    let bench = Bench::new(TYPE).await;
    let remote = format!("{REGISTRY}/{}:1", bench.name("imported"));
    publish(&bench, &remote, "imported");
    docker(&["pull", "--quiet", &remote]);
    let mut held = bench.nothing();
    held.object = Some(bench.connection.import(TYPE, &remote, &held.mark).await.unwrap());
    let config = map(&[("name", remote.clone().into()), ("pull", remote.clone().into())]);
    assert_eq!(bench.plan(&held, &config).await.action, Action::NoOp);
    bench.connection.import(TYPE, &bench.name("nothing"), &held.mark).await.unwrap_err();
    bench.delete(held).await;
}
