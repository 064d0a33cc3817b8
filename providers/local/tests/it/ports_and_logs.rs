//! `local_process`: its ports and its logs.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use deployctl_sdk::{LogLine, LogRequest, Object, Value};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, done, eventually, strings};

const TYPE: &str = "local_process";

fn service(script: &str, more: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
    let base = [
        ("command", Value::from("sh")),
        ("args", strings(&["-c", script, "sh", "{{port}}", "{{replica}}"])),
        ("start_seconds", Value::from(0)),
    ];
    base.iter().chain(more).cloned().collect()
}

fn port(members: &[(&str, Value)]) -> (&'static str, Value) {
    ("port", Value::list([Value::map(members.iter().cloned())]))
}

fn ports(object: &Object) -> Vec<i64> {
    let ports = object.attributes.get("ports").unwrap();
    ports.get("http").and_then(Value::as_list).unwrap().iter().filter_map(Value::as_i64).collect()
}

/// A port that nobody listens on, high above those that systems give out by themselves.
fn free_range(width: u16) -> (u16, u16) {
    let mut first = 61_000 + u16::try_from(std::process::id() % 3_000).unwrap();
    while (first..first + width).any(|port| TcpListener::bind(("0.0.0.0", port)).is_err()) {
        first += width;
    }
    (first, first + width - 1)
}

#[tokio::test]
async fn each_replica_gets_a_port_of_its_own_and_keeps_it() {
    let bench = Bench::new(TYPE).await;
    let (first, last) = free_range(8);
    let config = |replicas: i64, word: &str| {
        let http =
            port(&[("name", "http".into()), ("range", format!("{first}-{last}").into()), ("env", "PORT".into())]);
        let script = format!("echo {word} $1 $2 $PORT; exec sleep 600");
        service(&script, &[("replicas", Value::from(replicas)), http])
    };
    let object = bench.create(&config(3, "a")).await;
    let given = ports(&object);
    assert_eq!(given.len(), 3);
    assert!(given[0] != given[1] && given[1] != given[2] && given[0] != given[2]);
    for (replica, port) in given.iter().enumerate() {
        let log = bench.record().join(format!("{replica}/output.log"));
        eventually("the service has said its port", || {
            crate::bench::text(&log) == format!("a {port} {replica} {port}\n")
        })
        .await;
    }
    let plan = bench.plan(Some(&object), &config(3, "b")).await;
    assert_eq!(plan.planned.get("ports"), object.attributes.get("ports"), "kept, so known");
    let object = done(bench.apply(Some(&object), &config(3, "b")).await);
    assert_eq!(ports(&object), given);

    let other = bench.sibling().await;
    let theirs = ports(&other.create(&config(2, "c")).await);
    assert!(theirs.iter().all(|port| !given.contains(port)), "{theirs:?} {given:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_refused_with_its_holder() {
    let bench = Bench::new(TYPE).await;
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().port();
    let config =
        service("exec sleep 600", &[port(&[("name", "http".into()), ("number", Value::from(i64::from(taken)))])]);
    let expected = format!("port {taken} is held by pid {} (", std::process::id());
    let plan = bench.plan(None, &config).await;
    assert_eq!(plan.planned.get("ports").unwrap().get("http"), Some(&Value::list([Value::from(i64::from(taken))])));
    assert!(plan.notes[0].0.starts_with(&expected), "{:?}", plan.notes);
    let error = bench.apply(None, &config).await.error.unwrap();
    assert!(error.message.starts_with(&expected), "{}", error.message);
    assert_eq!(error.attribute.unwrap().to_string(), "port[0].number");
    drop(holder);
    let object = bench.create(&config).await;
    assert_eq!(ports(&object), [i64::from(taken)]);
}

#[tokio::test]
async fn a_plan_names_who_took_the_port_of_a_dead_service() {
    let bench = Bench::new(TYPE).await;
    let (first, last) = free_range(20);
    let config =
        service("exec sleep 600", &[port(&[("name", "http".into()), ("range", format!("{first}-{last}").into())])]);
    let object = bench.create(&config).await;
    let supervisor = bench.supervisor(0);
    std::process::Command::new("kill").args(["-9", &supervisor.to_string()]).status().unwrap();
    eventually("the supervisor is gone", || !crate::process::is_alive(supervisor)).await;
    let lost = u16::try_from(ports(&object)[0]).unwrap();
    let _by_hand = TcpListener::bind(("127.0.0.1", lost)).unwrap();
    let plan = bench.plan(Some(&object), &config).await;
    let expected = format!("port {lost} is held by pid {} (", std::process::id());
    assert!(plan.notes.iter().any(|note| note.0.starts_with(&expected)), "{:?}", plan.notes);
    let object = done(bench.apply(Some(&object), &config).await);
    assert_ne!(ports(&object), [i64::from(lost)], "another one of the range is taken");
}

#[tokio::test]
async fn logs_stay_within_their_bounds_and_can_be_read_and_followed() {
    let bench = Bench::new(TYPE).await;
    let log = Value::map([
        ("path", Value::from("logs/{{replica}}.log")),
        ("max_size", Value::from("1KiB")),
        ("max_files", Value::from(2)),
    ]);
    let script = "seq 1 1000; touch ready; while ! test -e go; do sleep 0.02; done; echo last; exec sleep 600";
    let config = service(script, &[("log", log), port(&[("range", "1-65535".into())])]);
    let object = bench.create(&config).await;
    let ready = bench.path("ready");
    eventually("the service has written", || ready.exists()).await;
    assert_eq!(object.attributes.get("log_paths"), Some(&strings(&["logs/0.log"])));

    let lines: Arc<Mutex<Vec<LogLine>>> = Arc::default();
    let cancel = CancellationToken::new();
    let following = {
        let (lines, cancel) = (lines.clone(), cancel.clone());
        let (connection, object) = (bench.connection.clone(), object.clone());
        tokio::spawn(async move {
            let sink = |line: LogLine| lines.lock().unwrap().push(line);
            let request = LogRequest {
                type_name: TYPE,
                object: &object,
                tail: Some(3),
                follow: true,
                previous: false,
                cancel,
                sink: &sink,
            };
            connection.logs(request).await.unwrap();
        })
    };
    eventually("the tail is there", || lines.lock().unwrap().len() >= 3).await;
    crate::bench::write(&bench.path("go"), "");
    eventually("the next line is there", || lines.lock().unwrap().last().is_some_and(|line| line.text == "last")).await;
    cancel.cancel();
    following.await.unwrap();
    let (_, sizes): (Vec<_>, Vec<_>) = ["logs/0.log", "logs/0.log.1"]
        .map(|name| (name, bench.path(name).metadata().unwrap().len()))
        .into_iter()
        .unzip();
    assert!(sizes.iter().all(|size| *size <= 1024), "{sizes:?}");
    assert!(!bench.path("logs/0.log.2").exists());
    assert!(bench.delete(&object).await.error.is_none());
    assert!(!bench.path("logs").exists(), "logs go with the resource");
}

#[tokio::test]
async fn mistakes_are_told_all_at_once() {
    let bench = Bench::new(TYPE).await;
    let secret = Value::from("hunter2").into_sensitive();
    let problems = bench
        .prepare(&[
            ("command", "".into()),
            ("args", Value::list([secret])),
            ("replicas", Value::from(2)),
            ("port", Value::list([Value::map([("number", Value::from(80))]), Value::map::<&str>([])])),
            ("restart", Value::map([("policy", Value::from("sometimes"))])),
            ("stop", Value::map([("signal", Value::from("STOP")), ("grace", Value::from("soon"))])),
            ("log", Value::map([("path", Value::from("x.log")), ("max_size", Value::from("tiny"))])),
        ])
        .unwrap_err();
    let messages: Vec<String> = problems.iter().map(|problem| problem.message.clone()).collect();
    assert_eq!(
        messages,
        [
            "`args` holds a sensitive value, and everybody on this machine can see argument lists",
            "`command` does not name a program",
            "two ports are called `main`",
            "a port needs `number` or `range`",
            "`log.max_size` is not a size of at least 1KiB",
            "there is no restart policy \"sometimes\"",
            "there is no signal \"STOP\" to stop with",
            "`stop.grace` is not a length of time",
            "there are fewer numbers for the port `main` than replicas",
            "several replicas cannot write to one log file",
        ]
    );
}
