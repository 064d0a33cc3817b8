//! What containers write: when it is asked for, as it comes, and as the reason why something does not become ready.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deployctl_sdk::{ErrorKind, LogLine, LogRequest, Value};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::desk::{Desk, TYPE, says, texts, told};
use crate::kubelet::Logs;

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchExpressions: [{key: app, operator: In, values: [web]}]}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: registry.example.com/app:1}
      - {name: proxy, image: registry.example.com/proxy:1}
";

/// Asks for the log of what a desk holds; the lines come into the last argument.
async fn asked(
    desk: &Desk,
    tail: Option<usize>,
    follow: Option<CancellationToken>,
    lines: Arc<Mutex<Vec<LogLine>>>,
) -> Result<(), deployctl_sdk::ProviderError> {
    let object = desk.held.object.clone().expect("it was applied");
    let sink = move |line: LogLine| lines.lock().unwrap().push(line);
    let request = LogRequest {
        type_name: TYPE,
        object: &object,
        tail,
        follow: follow.is_some(),
        previous: false,
        cancel: follow.unwrap_or_default(),
        sink: &sink,
    };
    desk.hand.connection.logs(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_all_containers_are_shown_with_where_they_come_from() {
    let mut desk = Desk::new("logs").await;
    let logs = Logs::of(&desk, &["app", "proxy"]);
    for number in 1..=3 {
        logs.write("app", false, &format!("served {number}"));
    }
    logs.write("proxy", false, "listening, token planted-hunter");
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {token: planted-hunter}\n";
    let documents = Value::list([Value::from(WEB), Value::from(secret).into_sensitive()]);
    let config = desk.config(&[("documents", documents)]);
    desk.apply(&config).await;
    let lines = Arc::<Mutex<Vec<LogLine>>>::default();
    asked(&desk, None, None, lines.clone()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let all = std::mem::take(&mut *lines.lock().unwrap());
    // Two pods, each with two containers.
    let of = |container: &str| all.iter().filter(|line| line.source.ends_with(container)).count();
    assert_eq!((of("/app"), of("/proxy")), (6, 2), "{all:?}");
    assert!(all.iter().all(|line| line.source.starts_with("web-")), "{all:?}");
    let sources: BTreeSet<&str> = all.iter().map(|line| line.source.as_str()).collect();
    assert_eq!(sources.len(), 4, "{sources:?}");

    asked(&desk, Some(1), None, lines.clone()).await.unwrap();
    let all = std::mem::take(&mut *lines.lock().unwrap());
    let told: Vec<&str> =
        all.iter().filter(|line| line.source.ends_with("/app")).map(|line| line.text.as_str()).collect();
    assert_eq!(told, ["served 3", "served 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_shown_as_they_come_until_nobody_listens_any_more() {
    let mut desk = Desk::new("follow").await;
    let logs = Logs::of(&desk, &["app"]);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: alone}\nspec:\n  containers: [{name: app, image: i}]\n";
    let config = desk.manifests(pod);
    desk.apply(&config).await;
    logs.write("app", false, "started");
    let (lines, cancel) = (Arc::<Mutex<Vec<LogLine>>>::default(), CancellationToken::new());
    let seen = lines.clone();
    let watched = async {
        until(&seen, 1).await;
        logs.write("app", false, "went on");
        until(&seen, 2).await;
        cancel.cancel();
    };
    let (answer, ()) = tokio::join!(asked(&desk, None, Some(cancel.clone()), lines.clone()), watched);
    answer.unwrap_or_else(|error| panic!("{}", told(&error)));
    let told: Vec<LogLine> = lines.lock().unwrap().clone();
    let line = |text: &str| LogLine { source: "alone".to_owned(), text: text.to_owned() };
    assert_eq!(told, [line("started"), line("went on")]);
}

/// Waits until so many lines were seen.
async fn until(seen: &Mutex<Vec<LogLine>>, count: usize) {
    let begun = Instant::now();
    while seen.lock().unwrap().len() < count {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", seen.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_come_later_are_followed_as_well() {
    let mut desk = Desk::new("later").await;
    let logs = Logs::of(&desk, &["prepare", "app", "proxy"]);
    let web = WEB.replace("replicas: 2", "replicas: 1").replace(
        "      containers:",
        "      initContainers:\n      - {name: prepare, image: registry.example.com/prepare:1}\n      containers:",
    );
    let config = desk.manifests(&web);
    desk.apply(&config).await;
    logs.write("app", false, "started");
    logs.write("prepare", false, "migrated");
    let (lines, cancel) = (Arc::<Mutex<Vec<LogLine>>>::default(), CancellationToken::new());
    let seen = lines.clone();
    let watched = async {
        until(&seen, 2).await;
        desk.kubectl(&["scale", "deployment/web", "--replicas=2"]);
        until(&seen, 4).await;
        cancel.cancel();
    };
    let (answer, ()) = tokio::join!(asked(&desk, None, Some(cancel.clone()), lines.clone()), watched);
    answer.unwrap_or_else(|error| panic!("{}", told(&error)));
    let told: Vec<LogLine> = lines.lock().unwrap().clone();
    let sources = |text: &str| {
        told.iter().filter(|line| line.text == text).map(|line| line.source.clone()).collect::<BTreeSet<_>>()
    };
    assert_eq!((sources("started").len(), sources("migrated").len(), told.len()), (2, 2, 4), "{told:?}");
    assert!(sources("migrated").iter().all(|source| source.ends_with("/prepare")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_before_the_last_restart_is_shown_when_asked_for() {
    let mut desk = Desk::new("before").await;
    let logs = Logs::of(&desk, &["app"]);
    logs.write("app", true, "panic: no database");
    logs.write("app", false, "starting anew");
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: alone}\nspec:\n  containers: [{name: app, image: i}]\n";
    let config = desk.manifests(pod);
    desk.apply(&config).await;
    let object = desk.held.object.clone().expect("it was applied");
    let lines = Mutex::new(Vec::new());
    let request = LogRequest {
        type_name: TYPE,
        object: &object,
        tail: None,
        follow: false,
        previous: true,
        cancel: CancellationToken::new(),
        sink: &|line| lines.lock().unwrap().push(line.text),
    };
    desk.hand.connection.logs(request).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(*lines.lock().unwrap(), ["panic: no database"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_pods_has_no_logs_and_says_so() {
    let mut desk = Desk::new("nologs").await;
    let config = desk.manifests("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    desk.apply(&config).await;
    let error = asked(&desk, None, None, Arc::default()).await.unwrap_err();
    says(&error, ErrorKind::Refused, &["none of its objects has pods"]);
}

/// The status of a pod whose container was started so often, and is not ready.
fn unready(restarts: i64) -> serde_json::Value {
    let waits = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}});
    let runs = json!({"running": {"startedAt": "2026-01-02T03:04:05Z"}});
    let ended = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
    json!({"phase": "Running", "containerStatuses": [{
        "name": "app", "image": "i", "imageID": "i", "ready": false, "started": false, "restartCount": restarts,
        "state": if restarts > 0 { waits } else { runs },
        "lastState": if restarts > 0 { ended } else { json!({}) },
    }]})
}

fn pod(node: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: alone}}\nspec:\n  nodeName: {node}\n  containers: [{{name: app, image: i}}]\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_is_told_with_what_the_container_wrote_before_it_ended() {
    let mut desk = Desk::new("lastwords").await;
    let logs = Logs::of(&desk, &["app"]);
    for number in 0..20 {
        logs.write("app", true, &format!("step {number}"));
    }
    logs.write("app", true, "panic: no database at db:5432, password planted-hunter");
    logs.write("app", false, "starting anew");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: planted-hunter}\n";
    let kubelet = desk.write_status_soon("pod", "alone", &unready(4));
    let config =
        desk.config(&[("documents", texts(&[&pod(&logs.node(&desk)), secret])), ("timeout", Value::from("60s"))]);
    let error = desk.refused(&config).await;
    kubelet.join().unwrap();
    let last = "  panic: no database at db:5432, password (sensitive value)";
    says(
        &error,
        error.kind,
        &["Pod", "CrashLoopBackOff", "last lines of container app of pod alone", "  step 19", last],
    );
    assert!(!told(&error).contains("step 10") && !told(&error).contains("starting anew"), "{}", told(&error));
    assert!(!told(&error).contains("planted-hunter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_not_ready_in_time_is_told_with_what_its_container_wrote_last() {
    let mut desk = Desk::new("slow").await;
    let logs = Logs::of(&desk, &["app"]);
    logs.write("app", false, "waiting for the migration of the database");
    let kubelet = desk.write_status_soon("pod", "alone", &unready(0));
    let config = desk.config(&[("documents", texts(&[&pod(&logs.node(&desk))])), ("timeout", Value::from("6s"))]);
    let error = desk.refused(&config).await;
    kubelet.join().unwrap();
    says(&error, error.kind, &["not ready within 6 s", "  waiting for the migration of the database"]);
}
