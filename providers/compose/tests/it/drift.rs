//! What happens behind our back, one kind after the other: each is seen, shown, and put back exactly as planned.

use deployctl_sdk::{Action, Object, Observed, Reason, Value};

use crate::bench::{Bench, docker, reason, shown};

const PROJECT: &str = r#"
services:
  web:
    image: deployctl-test/busybox:1
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    environment: { MODE: one }
    networks: [front, back]
    scale: 2
  db:
    image: deployctl-test/busybox:1
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    networks: [back]
    volumes: ["data:/data"]
networks: { front: , back: }
volumes: { data: }
"#;

const GIVEN: &[(&str, Value)] = &[];

async fn made(test: &str) -> (Bench, Object) {
    let bench = Bench::new(test).await;
    bench.write("compose.yaml", PROJECT);
    let (object, _) = bench.apply(None, GIVEN).await;
    (bench, object)
}

/// It is seen, planned as drift with this reason, put back as planned, and the project can go.
async fn put_back(bench: &Bench, object: &Object, service: &str, expected: &str) -> Object {
    assert!(matches!(bench.read(object).await, Observed::Present(_)), "the change is not seen");
    let (object, plan) = bench.apply(Some(object), GIVEN).await;
    assert_eq!(plan.action, Action::Update);
    assert_eq!(plan.reason, Reason::Drifted);
    assert!(!plan.drift.is_empty(), "no drift is shown");
    let said = reason(&plan, service);
    assert!(said.contains(expected), "{said:?} does not say {expected:?}\n{}", shown(&plan));
    object
}

#[tokio::test]
async fn a_stopped_service_is_started() {
    let (bench, object) = made("stopped").await;
    docker(&["stop", "-t", "0", &bench.container("db-1")]);
    let object = put_back(&bench, &object, "db", "started: it is exited (137)").await;
    bench.delete(&object).await;
}

#[tokio::test]
async fn a_paused_service_goes_on() {
    let (bench, object) = made("paused").await;
    docker(&["pause", &bench.container("web-1")]);
    let plan = bench.plan(Some(&object), GIVEN).await;
    assert!(reason(&plan, "web").contains("it is paused"), "{}", shown(&plan));
    let prepared = bench.prepare(GIVEN);
    let applied = bench.carry_out(Some(&object), &prepared, &plan).await;
    assert!(applied.error.is_none(), "{:?}", applied.error);
    assert_eq!(bench.plan(applied.object.as_ref(), GIVEN).await.action, Action::NoOp);
    bench.delete(&object).await;
}

#[tokio::test]
async fn a_removed_container_is_made_again() {
    let (bench, object) = made("removed").await;
    docker(&["rm", "-f", &bench.container("web-2")]);
    let object = put_back(&bench, &object, "web", "scaled 1 → 2").await;
    docker(&["rm", "-f", &bench.container("db-1")]);
    let (object, plan) = bench.apply(Some(&object), GIVEN).await;
    let child = plan.children.iter().find(|child| child.name == "db").unwrap();
    assert_eq!(child.action, Action::Create);
    bench.delete(&object).await;
}

#[tokio::test]
async fn a_container_taken_off_its_network_is_made_anew() {
    let (bench, object) = made("network").await;
    docker(&["network", "disconnect", &format!("{}_front", bench.name), &bench.container("web-1")]);
    let plan = bench.plan(Some(&object), GIVEN).await;
    assert!(reason(&plan, "web").contains("1 of 2 recreated: it is not on the network front"), "{}", shown(&plan));
    let (object, _) = bench.apply(Some(&object), GIVEN).await;
    bench.delete(&object).await;
}

#[tokio::test]
async fn containers_made_by_hand_from_another_configuration_are_made_anew() {
    let (bench, object) = made("by-hand").await;
    bench.write("elsewhere/compose.yaml", &PROJECT.replace("MODE: one", "MODE: two"));
    let file = bench.path("elsewhere/compose.yaml").display().to_string();
    docker(&["compose", "-p", &bench.name, "-f", &file, "up", "-d", "--quiet-pull"]);
    let expected = "all 2 recreated: made from another configuration outside deployctl";
    let object = put_back(&bench, &object, "web", expected).await;
    bench.delete(&object).await;
}

#[tokio::test]
async fn an_image_rebuilt_behind_our_back_is_seen() {
    let bench = Bench::new("rebuilt").await;
    let image = format!("{}-base:1", bench.name);
    bench.write("image/Dockerfile", "FROM deployctl-test/busybox:1\nLABEL round=one\n");
    let folder = bench.path("image").display().to_string();
    docker(&["build", "-q", "-t", &image, &folder]);
    bench.write("compose.yaml", &PROJECT.replace("deployctl-test/busybox:1", &image));
    let (object, _) = bench.apply(None, GIVEN).await;
    bench.write("image/Dockerfile", "FROM deployctl-test/busybox:1\nLABEL round=two\n");
    docker(&["build", "-q", "-t", &image, &folder]);
    // Nothing about the containers themselves is different, so reading sees nothing; the plan does.
    let (object, plan) = bench.apply(Some(&object), GIVEN).await;
    assert_eq!(plan.reason, Reason::Drifted);
    assert!(reason(&plan, "web").contains("all 2 recreated: image moved sha256:"), "{}", shown(&plan));
    bench.delete(&object).await;
}

#[tokio::test]
async fn an_image_of_the_project_rebuilt_behind_our_back_is_built_again_from_what_was_reviewed() {
    let bench = Bench::new("rebuilt-own").await;
    bench.write("app/Dockerfile", "FROM deployctl-test/busybox:1\nCOPY page.txt /page.txt\n");
    bench.write("app/page.txt", "reviewed");
    let project = "services:\n  app:\n    build: ./app\n    command: [sleep, '1000']\n    stop_signal: SIGKILL\n";
    bench.write("compose.yaml", project);
    let (object, _) = bench.apply(None, GIVEN).await;
    let other = "FROM deployctl-test/busybox:1\nRUN echo something else > /page.txt\n";
    bench.write("other/Dockerfile", other);
    docker(&["build", "-q", "-t", &format!("{}-app", bench.name), &bench.path("other").display().to_string()]);
    let plan = bench.plan(Some(&object), GIVEN).await;
    assert!(reason(&plan, "app").contains("image built outside deployctl"), "{}", shown(&plan));
    let prepared = bench.prepare(GIVEN);
    let applied = bench.carry_out(Some(&object), &prepared, &plan).await;
    assert!(applied.error.is_none(), "{:?}", applied.error);
    assert_eq!(docker(&["exec", &bench.container("app-1"), "cat", "/page.txt"]), "reviewed");
    assert_eq!(bench.plan(applied.object.as_ref(), GIVEN).await.action, Action::NoOp);
    bench.delete(&applied.object.unwrap()).await;
}

#[tokio::test]
async fn a_container_left_over_is_removed_or_told_of() {
    let (bench, object) = made("orphan").await;
    let project = "services:\n  extra:\n    image: deployctl-test/busybox:1\n    command: [sleep, '1000']\n    stop_signal: SIGKILL\n";
    bench.write("extra/compose.yaml", project);
    let file = bench.path("extra/compose.yaml").display().to_string();
    docker(&["compose", "-p", &bench.name, "-f", &file, "up", "-d"]);
    let kept = [("remove_orphans", Value::from(false))];
    let plan = bench.plan(Some(&object), &kept).await;
    assert!(plan.children.iter().all(|child| child.action == Action::NoOp), "{}", shown(&plan));
    assert!(plan.notes.iter().any(|note| note.0.contains(&bench.container("extra-1"))), "{}", shown(&plan));
    let (object, plan) = bench.apply(Some(&object), GIVEN).await;
    assert_eq!(reason(&plan, &bench.container("extra-1")), "removed: extra is not in the project any more");
    bench.delete(&object).await;
}

#[tokio::test]
async fn a_removed_project_is_made_again() {
    let (bench, object) = made("gone").await;
    docker(&["compose", "-p", &bench.name, "down", "-t", "0"]);
    assert!(matches!(bench.read(&object).await, Observed::Absent));
    let (object, plan) = bench.apply(Some(&object), GIVEN).await;
    assert_eq!((plan.action, plan.reason), (Action::Create, Reason::Missing));
    bench.delete(&object).await;
}
