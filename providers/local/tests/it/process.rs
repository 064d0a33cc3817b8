//! `local_process`: what runs, and what is left when it should not.

use deployctl_sdk::{Action, ErrorKind, Found, HealthReport, Object, Observed, Operation, Reason, RiskKind, Value};

use crate::bench::{Bench, done, eventually, strings};

const TYPE: &str = "local_process";

fn sh(script: &str) -> [(&'static str, Value); 2] {
    [("command", "sh".into()), ("args", strings(&["-c", script]))]
}

fn with(base: &[(&'static str, Value)], more: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
    base.iter().chain(more).cloned().collect()
}

fn block(members: &[(&str, Value)]) -> Value {
    Value::map(members.iter().cloned())
}

/// A service that lives until it is told to stop, and a short wait for its start.
fn service(more: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
    let quick = ("start_seconds", Value::Number(deployctl_sdk::Number::from_f64(0.05).unwrap()));
    with(&with(&sh("echo started; exec sleep 600"), &[quick]), more)
}

fn pids(object: &Object) -> Vec<i64> {
    object.attributes.get("pids").and_then(Value::as_list).unwrap().iter().filter_map(Value::as_i64).collect()
}

fn pid(object: &Object) -> i64 {
    object.attributes.get("pid").and_then(Value::as_i64).unwrap()
}

pub fn is_alive(pid: i64) -> bool {
    let stat = deployctl_sdk::fs::read_to_string(format!("/proc/{pid}/stat").as_ref());
    stat.is_ok_and(|text| !text.contains(") Z "))
}

fn kill(signal: &str, pid: i64) {
    std::process::Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
}

async fn reread(bench: &Bench, object: &Object) -> Object {
    match bench.read(object).await {
        Observed::AsRecorded => object.clone(),
        Observed::Present(object) => object,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_service_is_started_and_leaves_nothing_behind() {
    let bench = Bench::new(TYPE).await;
    let object = bench.create(&service(&[])).await;
    assert!(is_alive(pid(&object)));
    let command = deployctl_sdk::fs::read(format!("/proc/{}/cmdline", pid(&object)).as_ref()).unwrap();
    assert_eq!(command, b"sleep\x00600\x00", "the process id is the service's own");
    assert_eq!(object.attributes.get("status"), Some(&Value::from("running")));
    assert!(matches!(bench.read(&object).await, Observed::AsRecorded));
    assert_eq!(bench.connection.health(TYPE, &object).await, HealthReport::Healthy);
    let supervisor = bench.supervisor(0);

    assert!(bench.delete(&object).await.error.is_none());
    assert!(!is_alive(pid(&object)) && !is_alive(supervisor));
    assert!(!bench.record().exists(), "no file is left");
    assert!(matches!(bench.read(&object).await, Observed::Absent));
    assert!(bench.delete(&object).await.error.is_none(), "what is gone is gone");
}

#[tokio::test]
async fn a_restart_by_the_supervisor_is_no_drift() {
    let bench = Bench::new(TYPE).await;
    let config = service(&[("restart", block(&[("initial_backoff", "1ms".into())]))]);
    let object = bench.create(&config).await;
    kill("-9", pid(&object));
    let mut now = object.clone();
    while pid(&now) == pid(&object) {
        now = reread(&bench, &object).await;
        if now.attributes.get("pid").is_none() {
            now = object.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(is_alive(pid(&now)));
    let plan = bench.plan(Some(&object), &config).await;
    assert_eq!((plan.action, plan.drift.len()), (Action::NoOp, 0));
    assert_eq!(now.attributes.get("restarts"), Some(&Value::from(1)));
}

#[tokio::test]
async fn a_service_dies_with_its_supervisor_and_is_started_again() {
    let bench = Bench::new(TYPE).await;
    let config = service(&[]);
    let object = bench.create(&config).await;
    kill("-9", bench.supervisor(0));
    eventually("the service dies with its supervisor", || !is_alive(pid(&object))).await;
    let plan = bench.plan(Some(&object), &config).await;
    assert_eq!((plan.action, plan.reason), (Action::Update, Reason::Drifted));
    assert!(plan.drift.iter().any(|diff| diff.path.to_string() == "status"), "{:?}", plan.drift);
    assert!(matches!(bench.connection.health(TYPE, &object).await, HealthReport::Unhealthy { .. }));
    let object = done(bench.apply(Some(&object), &config).await);
    assert!(is_alive(pid(&object)));
}

#[tokio::test]
async fn a_service_that_ends_at_once_fails_the_apply_and_shows_its_log() {
    let bench = Bench::new(TYPE).await;
    let applied = bench.apply(None, &with(&sh("echo one; echo two >&2; exit 7"), &[])).await;
    assert!(applied.object.is_none() && !applied.tainted);
    let error = applied.error.unwrap();
    assert_eq!(error.message, "replica 0 ended with exit code 7 within 0.5 s of its start");
    assert_eq!(error.detail, ["one", "two"]);
    assert!(!bench.record().exists(), "nothing is left of the attempt");

    let applied = bench.apply(None, &[("command", "no-such-program".into())]).await;
    assert_eq!(applied.error.unwrap().message, "there is no program `no-such-program` in `PATH`");
}

#[tokio::test]
async fn another_environment_restarts_and_secrets_are_nowhere() {
    let bench = Bench::new(TYPE).await;
    let config = |secret: &str| {
        let env = Value::map([("TOKEN", Value::from(secret).into_sensitive())]);
        with(&service(&[]), &[("env", env)])
    };
    let object = bench.create(&config("hunter2hunter2")).await;
    let environment = deployctl_sdk::fs::read(format!("/proc/{}/environ", pid(&object)).as_ref()).unwrap();
    assert!(String::from_utf8_lossy(&environment).contains("TOKEN=hunter2hunter2"));
    for file in bench.all_files() {
        let text = String::from_utf8_lossy(&deployctl_sdk::fs::read(&file).unwrap()).into_owned();
        assert!(!text.contains("hunter2"), "{}", file.display());
    }
    let supervisor = format!("/proc/{}/environ", bench.supervisor(0));
    assert!(deployctl_sdk::fs::read(supervisor.as_ref()).unwrap().is_empty());

    let plan = bench.plan(Some(&object), &config("hunter3hunter3")).await;
    assert_eq!(plan.action, Action::Update);
    assert_eq!(plan.risks[0].kind, RiskKind::Interrupts);
    assert_eq!(plan.planned.get("pid"), Some(&Value::Unknown));
    assert!(!format!("{plan:?}").contains("hunter"));
    let changed = done(bench.apply(Some(&object), &config("hunter3hunter3")).await);
    assert_ne!(pid(&changed), pid(&object));
    assert!(!is_alive(pid(&object)));
}

#[tokio::test]
async fn only_the_difference_in_replicas_is_started_or_stopped() {
    let bench = Bench::new(TYPE).await;
    let config = |replicas: i64| service(&[("replicas", Value::from(replicas))]);
    let one = bench.create(&config(1)).await;
    let three = done(bench.apply(Some(&one), &config(3)).await);
    assert_eq!(pids(&three).len(), 3);
    assert_eq!(pids(&three)[0], pid(&one));
    let plan = bench.plan(Some(&three), &config(2)).await;
    assert_eq!(plan.notes[0].0, "1 of 3 replicas are stopped");
    assert!(plan.risks.is_empty());
    let two = done(bench.apply(Some(&three), &config(2)).await);
    assert_eq!(pids(&two), pids(&three)[..2]);
    assert!(!is_alive(pids(&three)[2]));
}

#[tokio::test]
async fn what_does_not_matter_to_the_service_does_not_interrupt_it() {
    let bench = Bench::new(TYPE).await;
    let object = bench.create(&service(&[])).await;
    let more = [
        ("restart", block(&[("policy", "always".into())])),
        ("stop", block(&[("grace", "1s".into())])),
        ("log", block(&[("max_files", Value::from(2))])),
    ];
    let plan = bench.plan(Some(&object), &service(&more)).await;
    assert!(plan.action == Action::Update && plan.risks.is_empty());
    let changed = done(bench.apply(Some(&object), &service(&more)).await);
    assert_eq!(pid(&changed), pid(&object));
}

#[tokio::test]
async fn all_that_a_service_started_is_stopped_with_it() {
    let bench = Bench::new(TYPE).await;
    let script = "trap '' TERM; sleep 601 & echo $! > \"$PWD/group\"; setsid sleep 602 & echo $! > \"$PWD/session\"; \
        touch ready; while :; do sleep 1; done";
    let config = with(&sh(script), &[("stop", block(&[("grace", "200ms".into())]))]);
    let object = bench.create(&config).await;
    let ready = bench.path("ready");
    eventually("the service is ready", || ready.exists()).await;
    let started = ["group", "session"].map(|name| crate::bench::text(&bench.path(name)).trim().parse::<i64>().unwrap());
    assert!(started.iter().all(|pid| is_alive(*pid)));
    assert!(bench.delete(&object).await.error.is_none());
    assert!(!is_alive(pid(&object)) && !started.iter().any(|pid| is_alive(*pid)));
}

#[tokio::test]
async fn restarting_ends_with_the_last_attempt() {
    let bench = Bench::new(TYPE).await;
    let restart = block(&[("initial_backoff", "1ms".into()), ("max_attempts", Value::from(2))]);
    let script = "test -e fail || exec sleep 600; echo run >> runs; exit 1";
    let quick = ("start_seconds", Value::from(0));
    let config = with(&sh(script), &[("restart", restart), quick]);
    let object = bench.create(&config).await;
    crate::bench::write(&bench.path("fail"), "");
    kill("-9", pid(&object));
    let supervisor = bench.supervisor(0);
    eventually("the supervisor gives up", || !is_alive(supervisor)).await;
    assert_eq!(crate::bench::text(&bench.path("runs")), "run\nrun\n");
    let now = reread(&bench, &object).await;
    assert_eq!(now.attributes.get("status"), Some(&Value::from("stopped")));
    match bench.connection.health(TYPE, &object).await {
        HealthReport::Unhealthy { detail } => {
            assert_eq!(detail, "replica 0 ended with exit code 1, after 2 restarts");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_cancelled_start_leaves_nothing() {
    let bench = Bench::new(TYPE).await;
    let config = with(&service(&[]), &[]);
    let config: Vec<_> = config.into_iter().filter(|(name, _)| *name != "start_seconds").collect();
    let config = with(&config, &[("start_seconds", Value::from(60))]);
    let cancel = bench.cancel.clone();
    let status = bench.record().join("0/status.json");
    let watcher = tokio::spawn(async move {
        eventually("it is starting", || status.exists()).await;
        cancel.cancel();
    });
    let applied = bench.apply(None, &config).await;
    watcher.await.unwrap();
    assert_eq!(applied.error.unwrap().kind, ErrorKind::Cancelled);
    assert!(!bench.record().exists());
}

#[tokio::test]
async fn what_an_interrupted_run_started_is_found() {
    let bench = Bench::new(TYPE).await;
    let env = Value::map([("TOKEN", Value::from("hunter2").into_sensitive()), ("PLAIN", Value::from("x"))]);
    let config = with(&service(&[]), &[("env", env)]);
    assert!(matches!(bench.find(Operation::Create, &config, None).await, Found::Absent));
    let object = bench.create(&config).await;
    match bench.find(Operation::Create, &config, None).await {
        Found::Present { object: found, complete } => {
            assert!(complete);
            assert_eq!(found.attributes, object.attributes);
        }
        other => panic!("{other:?}"),
    }
    kill("-9", bench.supervisor(0));
    eventually("the service is gone", || !is_alive(pid(&object))).await;
    match bench.find(Operation::Create, &config, None).await {
        Found::Present { object: found, complete } => {
            assert!(!complete);
            assert!(bench.delete(&found).await.error.is_none());
            assert!(!bench.record().exists());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_reused_process_id_is_never_taken_for_ours() {
    let bench = Bench::new(TYPE).await;
    let config = service(&[]);
    let object = bench.create(&config).await;
    kill("-9", bench.supervisor(0));
    eventually("the service is gone", || !is_alive(pid(&object))).await;
    // Another process gets both process ids: this one, which must survive the rest of the test.
    let path = bench.record().join("0/status.json");
    let mut status: serde_json::Value = serde_json::from_str(&crate::bench::text(&path)).unwrap();
    for who in ["supervisor", "service"] {
        status[who]["pid"] = std::process::id().into();
    }
    crate::bench::write(&path, &status.to_string());
    let now = reread(&bench, &object).await;
    assert_eq!(now.attributes.get("status"), Some(&Value::from("stopped")));
    assert!(bench.delete(&object).await.error.is_none());
}

#[tokio::test]
async fn an_edited_specification_is_drift() {
    let bench = Bench::new(TYPE).await;
    let config = service(&[]);
    let object = bench.create(&config).await;
    let path = bench.record().join("0/spec.json");
    crate::bench::write(&path, &crate::bench::text(&path).replace("sleep 600", "sleep 700"));
    let plan = bench.plan(Some(&object), &config).await;
    assert_eq!((plan.action, plan.reason), (Action::Update, Reason::Drifted));
    done(bench.apply(Some(&object), &config).await);
}

#[tokio::test]
async fn what_bears_the_mark_is_found_for_a_lost_state() {
    let bench = Bench::new(TYPE).await;
    let object = bench.create(&service(&[])).await;
    let found = bench.connection.find_all(&bench.place).await.unwrap();
    assert_eq!(found, [(bench.mark.clone(), object)]);
    let other = deployctl_sdk::Place { lineage: deployctl_sdk::Lineage::random(), ..bench.place.clone() };
    assert!(bench.connection.find_all(&other).await.unwrap().is_empty());
}

#[tokio::test]
async fn if_one_replica_cannot_start_none_stays() {
    let bench = Bench::new(TYPE).await;
    let script = "test \"$1\" = 0 || exit 3; exec sleep 600";
    let config = [
        ("command", "sh".into()),
        ("args", strings(&["-c", script, "sh", "{{replica}}"])),
        ("replicas", Value::from(2)),
    ];
    let applied = bench.apply(None, &config).await;
    assert!(applied.object.is_none());
    assert!(applied.error.unwrap().message.starts_with("replica 1 ended with exit code 3"));
    assert!(!bench.record().exists() && bench.processes().is_empty());
}
