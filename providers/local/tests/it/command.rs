//! `local_command`.

use std::time::{Duration, Instant};

use deployctl_sdk::{Action, ErrorKind, Found, Operation, Value};

use crate::bench::{Bench, done, strings, text};

const TYPE: &str = "local_command";

fn sh(script: &str) -> Value {
    strings(&["sh", "-c", script])
}

#[tokio::test]
async fn commands_are_run_when_their_time_comes() {
    let bench = Bench::new(TYPE).await;
    let config = |trigger: &str| {
        [
            ("create", sh("echo create >> log; echo said; echo warned >&2")),
            ("update", sh("echo update >> log")),
            ("destroy", sh("echo destroy >> log")),
            ("triggers", Value::map([("version", Value::from(trigger))])),
        ]
    };
    let object = bench.create(&config("1")).await;
    assert_eq!(object.attributes.get("stdout"), Some(&Value::from("said\n")));
    assert_eq!(object.attributes.get("stderr"), Some(&Value::from("warned\n")));
    assert_eq!(object.attributes.get("exit_code"), Some(&Value::from(0)));
    let object = done(bench.apply(Some(&object), &config("2")).await);
    assert!(bench.delete(&object).await.error.is_none());
    assert_eq!(text(&bench.path("log")), "create\nupdate\ndestroy\n");
}

#[tokio::test]
async fn without_an_update_command_a_change_replaces_with_the_old_destroy() {
    let bench = Bench::new(TYPE).await;
    let config = |name: &str| {
        [
            ("create", sh("echo create $NAME >> log")),
            ("destroy", sh("echo destroy $NAME >> log")),
            ("env", Value::map([("NAME", Value::from(name))])),
        ]
    };
    let object = bench.create(&config("a")).await;
    let plan = bench.plan(Some(&object), &config("b")).await;
    assert!(matches!(plan.action, Action::Replace(_)), "{:?}", plan.action);
    assert!(plan.diffs.iter().any(|diff| diff.forces_replacement && diff.path.attribute() == Some("env")));
    done(bench.apply(Some(&object), &config("b")).await);
    assert_eq!(text(&bench.path("log")), "create a\ndestroy a\ncreate b\n");
}

#[tokio::test]
async fn a_change_of_what_is_not_run_now_is_only_recorded() {
    let bench = Bench::new(TYPE).await;
    let create = ("create", sh("echo run >> log; echo said"));
    let object = bench.create(std::slice::from_ref(&create)).await;
    let config = [create, ("destroy", sh("true")), ("timeout", Value::from("5s"))];
    let plan = bench.plan(Some(&object), &config).await;
    assert_eq!(plan.action, Action::Update);
    assert_eq!(plan.planned.get("stdout"), Some(&Value::from("said\n")));
    done(bench.apply(Some(&object), &config).await);
    assert_eq!(text(&bench.path("log")), "run\n");
}

#[tokio::test]
async fn arguments_reach_the_program_as_they_are() {
    let bench = Bench::new(TYPE).await;
    let object = bench.create(&[("create", strings(&["printf", "%s|", "$HOME `id` *", "a b"]))]).await;
    assert_eq!(object.attributes.get("stdout"), Some(&Value::from("$HOME `id` *|a b|")));
}

#[tokio::test]
async fn input_folder_and_own_variables() {
    let bench = Bench::new(TYPE).await;
    deployctl_sdk::fs::create_dir_all(&bench.path("sub")).unwrap();
    let object = bench
        .create(&[
            ("create", sh("cat; basename \"$PWD\"; env | grep -c '^DEPLOYCTL_' || true")),
            ("stdin", "given\n".into()),
            ("working_dir", "sub".into()),
        ])
        .await;
    assert_eq!(object.attributes.get("stdout"), Some(&Value::from("given\nsub\n0\n")));
}

#[tokio::test]
async fn a_failure_shows_the_last_lines_without_secrets() {
    let bench = Bench::new(TYPE).await;
    let env = Value::map([("TOKEN", Value::from("hunter2hunter2").into_sensitive())]);
    let applied =
        bench.apply(None, &[("create", sh("seq 100 >&2; echo \"bad token $TOKEN\" >&2; exit 3")), ("env", env)]).await;
    assert!(applied.object.is_none() && !applied.tainted);
    let error = applied.error.unwrap();
    assert_eq!(error.message, "the `create` command ended with exit code 3");
    assert_eq!(error.detail.len(), 20);
    assert_eq!(error.detail.last().unwrap(), "bad token (sensitive value)");
}

#[tokio::test]
async fn a_failed_creation_that_can_be_undone_is_recorded_as_half_made() {
    let bench = Bench::new(TYPE).await;
    let config = [("create", sh("touch made; false")), ("destroy", sh("rm made"))];
    let applied = bench.apply(None, &config).await;
    assert!(applied.tainted && applied.error.is_some());
    assert!(bench.delete(&applied.object.unwrap()).await.error.is_none());
    assert!(!bench.path("made").exists());
}

#[tokio::test]
async fn the_output_of_a_command_with_secrets_is_sensitive() {
    let bench = Bench::new(TYPE).await;
    let env = || ("env", Value::map([("TOKEN", Value::from("hunter2").into_sensitive())]));
    let object = bench.create(&[("create", sh("echo $TOKEN")), env()]).await;
    assert_eq!(object.attributes.get("stdout"), Some(&Value::from("hunter2\n").into_sensitive()));
    let other = bench.sibling().await;
    let object =
        other.create(&[("create", sh("echo t=$TOKEN")), env(), ("capture_sensitive", Value::from(false))]).await;
    assert_eq!(object.attributes.get("stdout"), Some(&Value::from("t=(sensitive value)\n")));
}

#[tokio::test]
async fn a_secret_in_the_arguments_is_refused() {
    let bench = Bench::new(TYPE).await;
    let create = Value::list([Value::from("echo"), Value::from("hunter2").into_sensitive()]);
    let problems = bench.prepare(&[("create", create), ("timeout", "soon".into())]).unwrap_err();
    assert_eq!(problems[0].hint.as_deref(), Some("pass it in `env` instead"));
    assert_eq!(problems[1].message, "`timeout` is not a length of time");
    assert!(!format!("{problems:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_time_out_ends_the_command_with_all_that_it_started() {
    let bench = Bench::new(TYPE).await;
    let script = "sleep 60 & echo $! > child; wait";
    let started = Instant::now();
    let applied = bench.apply(None, &[("create", sh(script)), ("timeout", "300ms".into())]).await;
    assert_eq!(applied.error.unwrap().kind, ErrorKind::Transient);
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(ends(&text(&bench.path("child"))), "the child is left behind");
}

#[tokio::test]
async fn a_cancelled_command_that_will_not_end_is_killed() {
    let bench = Bench::new(TYPE).await;
    let cancel = bench.cancel.clone();
    let started = bench.path("child");
    let watcher = tokio::spawn(async move {
        while !started.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    });
    let script = "trap '' TERM; sleep 60 & echo $! > new; mv new child; while :; do sleep 1; done";
    let applied = bench.apply(None, &[("create", sh(script))]).await;
    watcher.await.unwrap();
    assert_eq!(applied.error.unwrap().kind, ErrorKind::Cancelled);
    assert!(ends(&text(&bench.path("child"))), "the child is left behind");
}

#[tokio::test]
async fn a_command_that_leaves_something_running_is_not_waited_for() {
    let bench = Bench::new(TYPE).await;
    let started = Instant::now();
    let object = bench.create(&[("create", sh("sleep 20 & echo $!"))]).await;
    assert!(started.elapsed() < Duration::from_secs(10));
    let pid = object.attributes.get("stdout").and_then(Value::as_str).unwrap().trim().to_owned();
    std::process::Command::new("kill").arg(pid).status().unwrap();
}

#[tokio::test]
async fn an_interrupted_command_cannot_be_found_again() {
    let bench = Bench::new(TYPE).await;
    let found = bench.find(Operation::Create, &[("create", sh("true"))], None).await;
    assert!(matches!(found, Found::CannotTell));
}

/// Whether a process ends within a moment.
fn ends(pid: &str) -> bool {
    let stat = format!("/proc/{}/stat", pid.trim());
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        match deployctl_sdk::fs::read_to_string(stat.as_ref()) {
            Ok(text) if !text.contains(") Z ") => std::thread::sleep(Duration::from_millis(10)),
            _ => return true,
        }
    }
    false
}
