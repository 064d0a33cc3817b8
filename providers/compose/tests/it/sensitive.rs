//! What is sensitive is shown nowhere: not in plans, errors, progress or arguments, nor on the disk in clear.

use std::path::Path;

use deployctl_sdk::value::{Clear, Tagged};
use deployctl_sdk::{Action, Value};

use crate::bench::{Bench, docker, shown};

const SECRET: &str = "planted-pa$$word";

const PROJECT: &str = r#"
services:
  app:
    image: deployctl-test/busybox:1
    command: ["sh", "-c", "echo SHELL; exec sleep 1000"]
    stop_signal: SIGKILL
    environment:
      DATABASE_URL: "db://app:${PASSWORD}@db/shop"
      PLAIN: ${PLAIN}
    labels: { note: "x-${PASSWORD}" }
    secrets: [password]
secrets:
  password: { environment: PASSWORD }
"#;

fn env(secret: &str, plain: &str) -> Vec<(&'static str, Value)> {
    let members = [("PASSWORD", Value::from(secret).into_sensitive()), ("PLAIN", Value::from(plain))];
    vec![("env", Value::map(members))]
}

fn all_text_below(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &all_text_below(&path);
        } else {
            text += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
        }
    }
    text
}

#[tokio::test]
async fn a_sensitive_variable_reaches_the_container_and_nothing_else() {
    let bench = Bench::new("sensitive").await;
    bench.write("compose.yaml", PROJECT);
    let (object, plan) = bench.apply(None, &env(SECRET, "one")).await;
    let mut seen = format!("{plan:?}{}", shown(&plan));
    let inside =
        docker(&["exec", &bench.container("app-1"), "sh", "-c", "echo $DATABASE_URL; cat /run/secrets/password"]);
    assert_eq!(inside, format!("db://app:{SECRET}@db/shop\n{SECRET}"));
    assert!(!all_text_below(&bench.place.data).contains("planted"), "a secret lies on the disk in clear");

    let (object, plan) = bench.apply(Some(&object), &env("planted-other", "two")).await;
    assert_eq!(plan.action, Action::Update);
    let app = plan.children.iter().find(|child| child.name == "app").unwrap();
    let paths: Vec<String> = app.diffs.iter().map(|diff| diff.path.to_string()).collect();
    assert_eq!(paths, ["environment.DATABASE_URL", "environment.PLAIN", "labels.note"]);
    seen += &format!("{plan:?}{}{object:?}", shown(&plan));
    seen += &bench.said.lock().unwrap().join("\n");
    seen += &serde_json::to_string(&object.private).unwrap();
    assert!(!seen.contains("planted"), "a secret is shown: {seen}");
    // What rests is sealed at its marks, so a secret must lie under one.
    let unsealed = serde_json::to_string(&Tagged::new(&object.private, &Clear)).unwrap();
    assert!(unsealed.contains("planted-other"), "the record does not know what it was made from");
    bench.destroy(&object).await;
}

#[tokio::test]
async fn a_failure_does_not_show_a_sensitive_variable() {
    let bench = Bench::new("sensitive-fails").await;
    bench.write(
        "compose.yaml",
        &PROJECT.replace("echo SHELL; exec sleep 1000", "echo the password is ${PASSWORD}; exit 3"),
    );
    let given = env("planted-secret", "one");
    let prepared = bench.prepare(&given);
    let plan = bench.plan(None, &given).await;
    let applied = bench.carry_out(None, &prepared, &plan).await;
    let error = applied.error.unwrap();
    let text = format!("{error:?}");
    assert!(text.contains("the password is (sensitive value)"), "{text}");
    assert!(!text.contains("planted"), "{text}");
    bench.delete(&applied.object.unwrap()).await;
}

#[tokio::test]
async fn a_project_that_compose_refuses_does_not_show_a_sensitive_variable() {
    let bench = Bench::new("sensitive-refused").await;
    bench.write("compose.yaml", &PROJECT.replace("stop_signal: SIGKILL", "stop_grace_period: \"${PASSWORD}\""));
    let given = env("planted-secret", "one");
    let error = bench.try_plan(None, &bench.prepare(&given)).await.unwrap_err();
    assert!(!format!("{error:?}").contains("planted"), "{error:?}");
}
