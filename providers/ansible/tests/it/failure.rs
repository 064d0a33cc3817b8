//! Runs that go wrong: on some hosts, in the middle, on request, and by a kill.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use deployctl_sdk::{Action, Applied, ErrorKind, Found, Lost, Object, Operation, Reason, Value};

use crate::bench::{Bench, done, eventually, local, python, text};

/// Writes a file, and then fails on the host `bad` unless it is mended.
const SITE: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: First, copy: {content: first, dest: \"{{ out }}/{{ inventory_hostname }}\"}}
    - {name: Second, command: \"test -e {{ out }}/mended\", changed_when: false, when: inventory_hostname == 'bad'}
    - {name: Third, copy: {content: third, dest: \"{{ out }}/{{ inventory_hostname }}.3\"}}
";

fn given(bench: &Bench, hosts: Value) -> Vec<(&'static str, Value)> {
    deployctl_sdk::fs::create_dir_all(&bench.path("out")).unwrap();
    let vars = Value::map([("out", Value::from(bench.path("out").display().to_string()))]);
    vec![("playbook", "play/site.yml".into()), ("inventory", hosts), ("extra_vars", vars)]
}

fn result<'o>(object: &'o Object, host: &str) -> Option<&'o str> {
    object.attributes.get("hosts")?.get(host)?.get("result")?.as_str()
}

#[tokio::test]
async fn a_partial_failure_is_recorded_by_host_and_the_next_apply_goes_on() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    let given = given(&bench, local(&["good", "bad"]));
    let applied = bench.apply(None, &given).await;
    let error = applied.error.unwrap();
    assert_eq!(error.message, "the playbook failed on 1 of 2 hosts");
    assert!(error.detail[0].starts_with("bad: Second: "), "{:?}", error.detail);
    assert!(applied.resumes && !applied.tainted, "a playbook is not made anew because it failed");
    let object = applied.object.unwrap();
    assert_eq!((result(&object, "good"), result(&object, "bad")), (Some("ok"), Some("failed")));
    assert!(bench.path("out/good.3").exists() && !bench.path("out/bad.3").exists());

    let plan = bench.plan(Some(&object), &given).await;
    let text = "the last run did not come to its end on bad".to_owned();
    assert_eq!((plan.action, plan.reason), (Action::Update, Reason::Other { text }));
    bench.write("out/mended", "");
    let object = done(bench.apply(Some(&object), &given).await);
    assert_eq!(result(&object, "bad"), Some("ok"));
    assert!(bench.path("out/bad.3").exists());
}

/// An inventory with a host that nobody can reach.
fn with_a_dead_host() -> Value {
    let dead = Value::map([
        ("ansible_connection", Value::from("ssh")),
        ("ansible_host", Value::from("127.0.0.1")),
        ("ansible_port", Value::from(1)),
    ]);
    let alive = Value::map([
        ("ansible_connection", Value::from("local")),
        ("ansible_python_interpreter", Value::from(python())),
    ]);
    Value::map([("all", Value::map([("hosts", Value::map([("alive", alive), ("dead", dead)]))]))])
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_said_and_tried_again() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    let mut given = given(&bench, with_a_dead_host());
    let plan = bench.plan(None, &given).await;
    let note = &plan.notes[0].0;
    assert!(note.contains("cannot be reached") && note.contains("dead"), "{note}");
    assert!(plan.children.iter().any(|child| child.name == "dead: First" && child.action == Action::Update));

    given.push(("unreachable_retries", Value::from(1)));
    let applied = bench.apply(None, &given).await;
    let error = applied.error.unwrap();
    assert_eq!(error.message, "1 of 2 hosts cannot be reached");
    assert!(error.detail[0].contains("Connection refused"), "{:?}", error.detail);
    let tries = bench.said().iter().filter(|text| text.starts_with("dead: First: cannot be reached")).count();
    assert_eq!(tries, 2, "{:?}", bench.said());
    let alive = bench.said().iter().filter(|text| text.starts_with("alive: First: ")).count();
    assert_eq!(alive, 1, "a host that was reached is left alone");
    let object = applied.object.unwrap();
    assert_eq!((result(&object, "alive"), result(&object, "dead")), (Some("ok"), Some("unreachable")));
}

#[tokio::test]
async fn a_playbook_of_which_no_host_answers_any_more_cannot_be_read() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    bench.write("hosts.ini", &format!("one ansible_connection=local ansible_python_interpreter={}\n", python()));
    let mut given = given(&bench, "hosts.ini".into());
    let object = bench.create(&given).await;
    // The inventory's text is the same; what it stands for went away.
    given[1].1 = "hosts.ini".into();
    bench.write("hosts.ini", "one ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1\n");
    let plan = bench.plan(Some(&object), &given).await;
    assert_eq!(plan.action, Action::Update, "another inventory is a change");
    let recorded = Object { attributes: plan_as_recorded(&object, &plan.planned), ..object.clone() };
    let error = bench.try_plan(Some(&recorded), &given).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.starts_with("no host of it can be reached: one: "), "{}", error.message);
}

/// As if the inventory had been applied like that.
fn plan_as_recorded(object: &Object, planned: &Value) -> Value {
    let mut members = object.attributes.as_map().unwrap().clone();
    members.insert("source_digest".into(), planned.get("source_digest").unwrap().clone());
    Value::from(members)
}

const SLOW: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: First, copy: {content: first, dest: \"{{ out }}/first\"}}
    - {name: Slow, command: sleep 600}
    - {name: Third, copy: {content: third, dest: \"{{ out }}/third\"}}
";

/// Whether a `sleep` of the test runs: 600 seconds, in a folder of its own is not to be had, so its parent is looked for.
fn runs_below(bench: &Bench) -> bool {
    let all = deployctl_sdk::fs::read_dir("/proc".as_ref()).unwrap_or_default();
    all.iter().any(|path| {
        let environment = deployctl_sdk::fs::read(&path.join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&bench.place.data.display().to_string())
    })
}

#[tokio::test]
async fn a_cancelled_playbook_ends_with_all_that_it_started_and_says_what_it_did() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SLOW);
    let given = given(&bench, local(&["one"]));
    let (cancel, said) = (bench.cancel.clone(), bench.said.clone());
    let watcher = tokio::spawn(async move {
        eventually("the slow task begins", || said.lock().unwrap().iter().any(|text| text == "Slow")).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        cancel.cancel();
    });
    let started = Instant::now();
    let Applied { object, error, resumes, .. } = bench.apply(None, &given).await;
    watcher.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(300), "the slow task was waited for");
    assert_eq!(error.unwrap().kind, ErrorKind::Cancelled);
    let object = object.unwrap();
    assert!(resumes);
    assert_eq!(text(&bench.path("out/first")), "first");
    assert!(!runs_below(&bench), "something still runs");
    assert_eq!(bench.left_beside_the_state(), Vec::<PathBuf>::new());
    assert_eq!(bench.plan(Some(&object), &given).await.action, Action::Update);
}

#[tokio::test]
async fn a_playbook_that_is_dropped_leaves_nothing_running_and_nothing_private() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SLOW);
    let given = given(&bench, local(&["one"]));
    {
        let slow = bench.apply(None, &given);
        let begun = eventually("the slow task begins", || bench.said().iter().any(|text| text == "Slow"));
        tokio::select! {
            _ = slow => panic!("it ended by itself"),
            () = begun => {}
        }
    }
    eventually("all of it ends", || !runs_below(&bench)).await;
    assert_eq!(bench.left_beside_the_state(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn an_interrupted_run_is_run_again_and_an_interrupted_update_keeps_its_record() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    let given = given(&bench, local(&["good"]));
    let object = bench.create(&given).await;
    let lost = |operation, prior| Lost {
        mark: bench.mark.clone(),
        type_name: "ansible_playbook".into(),
        operation,
        identity: None,
        prior,
        config: None,
    };
    let lost = [
        lost(Operation::Create, None),
        lost(Operation::Update, Some(object.clone())),
        lost(Operation::Delete, Some(object)),
    ];
    let mut found = bench.connection.find(&lost).await.unwrap();
    assert!(matches!(found[0], Found::CannotTell) && matches!(found[2], Found::CannotTell));
    let Found::Present { object, complete: true } = found.remove(1) else { panic!("the record is lost") };
    let plan = bench.plan(Some(&object), &given).await;
    assert_eq!(plan.action, Action::Update, "what may be half done is done again");
}

#[tokio::test]
async fn what_a_killed_run_left_is_removed_by_the_next() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    let left = bench.place.data.join("ansible/runs/6b0bd3a2.private/extra_vars.json");
    crate::bench::write(&left, "{\"password\": \"hunter2\"}");
    bench.plan(None, &given(&bench, local(&["good"]))).await;
    assert!(!left.exists());
}

#[tokio::test]
async fn what_a_failed_run_did_not_replace_is_still_secret() {
    let bench = Bench::new().await;
    bench.write(
        "play/site.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: Fail, fail: {msg: no}, when: fail_now | bool}\n    \
         - {name: Write, copy: {content: \"{{ password }}\", dest: \"{{ out }}/file\"}}\n",
    );
    let given = |password: &str, fail: bool| {
        let mut given = given(&bench, local(&["one"]));
        let out = bench.path("out").display().to_string();
        let vars =
            [("out", out.into()), ("fail_now", fail.into()), ("password", Value::from(password).into_sensitive())];
        given[2].1 = Value::map(vars);
        given
    };
    let object = bench.create(&given("first-secret", false)).await;
    let object = bench.apply(Some(&object), &given("second-secret", true)).await.object.unwrap();
    let plan = bench.plan(Some(&object), &given("third-secret", false)).await;
    assert!(plan.children.iter().any(|child| child.name == "one: Write" && !child.diffs.is_empty()), "{plan:?}");
    for secret in ["first-secret", "second-secret", "third-secret"] {
        assert!(!format!("{plan:?} {object:?}").contains(secret), "{secret} is shown");
    }
}
