//! Questions about what runs: health, logs, status, and taking over what others made.

use std::sync::Mutex;

use deployctl_sdk::{Action, ErrorKind, HealthReport, LogRequest, RiskKind, Value};

use crate::bench::{Bench, TYPE, docker, shown};

const PROJECT: &str = r#"
services:
  web:
    image: deployctl-test/busybox:1
    command: ["sh", "-c", "echo hello from web; exec sleep 1000"]
    stop_signal: SIGKILL
    healthcheck: { test: ["CMD", "test", "!", "-e", "/sick"], interval: 300ms, retries: 1 }
    volumes: ["./page.txt:/page.txt:ro"]
  job:
    image: deployctl-test/busybox:1
    command: ["sh", "-c", "echo hello from job; exec sleep 1000"]
    stop_signal: SIGKILL
"#;

fn write(bench: &Bench) {
    bench.write("shop/compose.yaml", PROJECT);
    bench.write("shop/page.txt", "page");
}

const GIVEN: [&str; 1] = ["shop"];

fn given() -> Vec<(&'static str, Value)> {
    vec![("path", Value::from(GIVEN[0]))]
}

#[tokio::test]
async fn health_logs_and_status_are_those_of_the_services() {
    let bench = Bench::new("live").await;
    write(&bench);
    let (object, _) = bench.apply(None, &given()).await;
    let children: Vec<(&str, &str)> =
        object.children.iter().map(|child| (child.name.as_str(), child.state.as_str())).collect();
    assert_eq!(children, [("job", "running"), ("web", "running")]);
    assert_eq!(bench.connection.health(TYPE, &object).await, HealthReport::Healthy);

    let lines = Mutex::new(Vec::new());
    let sink = |line: deployctl_sdk::LogLine| lines.lock().unwrap().push(format!("{}: {}", line.source, line.text));
    let request = LogRequest {
        type_name: TYPE,
        object: &object,
        tail: Some(5),
        follow: false,
        previous: false,
        cancel: bench.cancel.clone(),
        sink: &sink,
    };
    bench.connection.logs(request).await.unwrap();
    let mut lines = lines.into_inner().unwrap();
    lines.sort();
    assert_eq!(lines, ["job-1: hello from job", "web-1: hello from web"]);

    docker(&["exec", &bench.container("web-1"), "touch", "/sick"]);
    let mut report = HealthReport::Healthy;
    for _ in 0..100 {
        report = bench.connection.health(TYPE, &object).await;
        if matches!(report, HealthReport::Unhealthy { .. }) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let detail = format!("{} is unhealthy", bench.container("web-1"));
    assert_eq!(report, HealthReport::Unhealthy { detail });
    bench.destroy(&object).await;
}

#[tokio::test]
async fn logs_go_on_until_they_are_cancelled() {
    let bench = Bench::new("follow").await;
    bench.write(
        "compose.yaml",
        "services:\n  tick:\n    image: deployctl-test/busybox:1\n    stop_signal: SIGKILL\n    command: [sh, -c, 'while true; do echo tick; sleep 0.2; done']\n",
    );
    let (object, _) = bench.apply(None, &[]).await;
    let count = Mutex::new(0);
    let cancel = bench.cancel.child_token();
    let sink = |_: deployctl_sdk::LogLine| {
        let mut count = count.lock().unwrap();
        *count += 1;
        if *count == 5 {
            cancel.cancel();
        }
    };
    let request = LogRequest {
        type_name: TYPE,
        object: &object,
        tail: Some(1),
        follow: true,
        previous: false,
        cancel: cancel.clone(),
        sink: &sink,
    };
    bench.connection.logs(request).await.unwrap();
    assert!(*count.lock().unwrap() >= 5);
    bench.destroy(&object).await;
}

#[tokio::test]
async fn a_running_project_is_taken_over_and_then_there_is_nothing_to_do() {
    let bench = Bench::new("import").await;
    write(&bench);
    let folder = bench.path("shop").display().to_string();
    docker(&["compose", "-p", &bench.name, "--project-directory", &folder, "up", "-d", "--wait"]);
    let refused = bench.try_plan(None, &bench.prepare(&given())).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotOurs);
    assert!(refused.hint.unwrap().contains(&format!("deployctl import 'compose_project.it' {}", bench.name)));

    let object = bench.connection.import(TYPE, &bench.name, &bench.mark).await.unwrap();
    let plan = bench.plan(Some(&object), &given()).await;
    assert_eq!(plan.action, Action::NoOp, "{:?}\n{}", plan.reason, shown(&plan));

    // From here on it is a project like any other; what changes is made anew from captured files.
    bench.write("shop/page.txt", "another page");
    bench.write("shop/compose.yaml", &PROJECT.replace("hello from web", "hello again"));
    let (object, plan) = bench.apply(Some(&object), &given()).await;
    let changed: Vec<&str> =
        plan.children.iter().filter(|child| child.action != Action::NoOp).map(|child| child.name.as_str()).collect();
    assert_eq!(changed, ["web"], "{}", shown(&plan));
    assert_eq!(docker(&["exec", &bench.container("web-1"), "cat", "/page.txt"]), "another page");
    bench.destroy(&object).await;
}

#[tokio::test]
async fn what_is_not_there_cannot_be_taken_over() {
    let bench = Bench::new("import-none").await;
    let error = bench.connection.import(TYPE, &bench.name, &bench.mark).await.unwrap_err();
    assert_eq!(error.message, format!("there is no project `{}` with containers", bench.name));
}

#[tokio::test]
async fn volumes_stay_unless_they_are_asked_to_go() {
    let bench = Bench::new("data").await;
    bench.write(
        "compose.yaml",
        "services:\n  db:\n    image: deployctl-test/busybox:1\n    stop_signal: SIGKILL\n    command: [sleep, '1000']\n    volumes: ['data:/data']\nvolumes: { data: }\n",
    );
    let (object, _) = bench.apply(None, &[]).await;
    docker(&["exec", &bench.container("db-1"), "sh", "-c", "echo kept > /data/file"]);
    assert!(bench.delete(&object).await.error.is_none());
    assert_eq!(bench.leftovers(true), [format!("volume {}_data", bench.name)]);
    let given = [("remove_volumes", Value::from(true))];
    let (object, _) = bench.apply(None, &given).await;
    assert_eq!(docker(&["exec", &bench.container("db-1"), "cat", "/data/file"]), "kept");
    let removal = bench.provider.removal(TYPE, &object);
    assert_eq!(removal.risks.first().map(|risk| risk.kind), Some(RiskKind::DataLoss));
    bench.destroy(&object).await;
}
