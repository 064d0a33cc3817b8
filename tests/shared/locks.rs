//! Locks that a team sees: who holds one, waiting for it, breaking it, and what becomes of a holder whose lock was broken.
#![cfg(unix)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::place::{ALL, KEY, Kind, Place};
use super::team::ok;
use crate::context::Context;
use crate::said::Said;

/// A first step that waits until it is told to go on, and one after it.
const SLOW: &str = r#"
variable "who" {}
resource "local_command" "slow" {
  create   = ["sh", "-c", "touch began; until [ -e go ]; do sleep 0.05; done; echo slow >> done"]
  triggers = { who = var.who }
}
resource "value" "after" {
  input      = var.who
  depends_on = [local_command.slow]
}
output "who" {
  value = value.after.output
}
"#;

const QUICK: &str = r#"
variable "who" {}
resource "value" "after" {
  input = var.who
}
output "who" {
  value = value.after.output
}
"#;

/// A run in the background.
pub fn start(context: &Context, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployctl"));
    command.args(arguments).current_dir(context.path()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", context.path());
    command.env("USER", "ana").env("CI_JOB_URL", "https://ci.example/jobs/7").env("DEPLOYCTL_STATE_KEY", KEY);
    let given = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    command.env("AWS_ACCESS_KEY_ID", given("AWS_ACCESS_KEY_ID", "deployctl-test"));
    command.env("AWS_SECRET_ACCESS_KEY", given("AWS_SECRET_ACCESS_KEY", "deployctl-test-secret"));
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

pub fn wait_for(path: &Path) {
    let begun = Instant::now();
    while !path.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} did not come", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The id of the lock that is held.
pub fn lock_id(context: &Context) -> Option<String> {
    let output = context.command().args(["state", "locks", "--json"]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["locks"][0]["id"].as_str().map(str::to_owned)
}

#[test]
fn who_holds_the_lock_is_told_and_others_wait_only_as_long_as_they_like() {
    for kind in ALL {
        let place = Place::new(kind);
        let (ana, ben) = (place.machine(SLOW), place.machine(QUICK));
        let mut run = start(&ana, &["apply", "--auto-approve", "--var", "who=ana"]);
        wait_for(&ana.file("began"));
        let answer = ben.run("apply --auto-approve --var who=ben");
        assert_eq!(answer.code, 4, "{kind:?}: {answer}");
        for told in ["the state is locked by ana@", "`apply`", "https://ci.example/jobs/7", "state unlock"] {
            assert!(answer.stderr.contains(told), "{kind:?}: {told}: {answer}");
        }
        let locks = ok(ben.run("state locks"));
        assert!(locks.contains("apply") && locks.contains("https://ci.example/jobs/7"), "{kind:?}: {locks}");
        // Looking takes no lock.
        assert_eq!(ben.run("state list").code, 0, "{kind:?}");
        let mut waiting = start(&ben, &["apply", "--auto-approve", "--lock-timeout", "60s", "--var", "who=ben"]);
        let said = Said::by(&mut waiting);
        said.wait_for("waiting for the lock of `apply` by ana@");
        ana.write("go", "");
        assert_eq!(run.wait().unwrap().code(), Some(0), "{kind:?}");
        let ended = waiting.wait().unwrap();
        assert_eq!(ended.code(), Some(0), "{kind:?}: {}", said.whole());
        assert_eq!(ok(ben.run("output who")), "ben\n", "{kind:?}");
        assert_eq!(lock_id(&ben), None, "{kind:?}");
    }
}

#[test]
fn a_run_that_is_to_terminate_gives_the_lock_back() {
    for kind in ALL {
        let place = Place::new(kind);
        let (ana, ben) = (place.machine(SLOW), place.machine(QUICK));
        let mut run = start(&ana, &["apply", "--auto-approve", "--var", "who=ana"]);
        wait_for(&ana.file("began"));
        kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
        ana.write("go", "");
        assert_eq!(run.wait().unwrap().code(), Some(5), "{kind:?}");
        assert_eq!(lock_id(&ben), None, "{kind:?}");
        ok(ben.run("apply --auto-approve --var who=ben"));
    }
}

#[test]
fn a_run_that_fails_before_it_starts_gives_the_lock_back() {
    for kind in ALL {
        let place = Place::new(kind);
        let ana = place.machine(QUICK);
        ok(ana.run("apply --auto-approve --var who=ana"));
        ok(ana.run("plan -o old.bin --var who=old"));
        ok(ana.run("apply --auto-approve --var who=new"));
        assert_eq!(ana.run("apply old.bin").code, 3, "{kind:?}");
        assert_eq!(lock_id(&ana), None, "{kind:?}");
    }
}

#[test]
fn whoever_lost_the_lock_writes_nothing_more() {
    for kind in ALL {
        let place = Place::new(kind);
        let (ana, ben) = (place.machine(SLOW), place.machine(QUICK));
        ok(ben.run("apply --auto-approve --var who=first"));
        let run = start(&ana, &["apply", "--auto-approve", "--var", "who=ana"]);
        wait_for(&ana.file("began"));
        let id = lock_id(&ben).unwrap();
        let wrong = ben.run("state unlock --force 00000000-0000-4000-8000-000000000000");
        assert_eq!(wrong.code, 1, "{kind:?}: {wrong}");
        let answer = ben.run_args(&["state", "unlock", "--force", &id]);
        assert_eq!(answer.code, 0, "{kind:?}: {answer}");
        ok(ben.run("apply --auto-approve --var who=ben"));
        let (state, history) = (ok(ben.run("state pull")), ok(ben.run("history --json")));
        ana.write("go", "");
        let ended = run.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(4), "{kind:?}: {said}");
        assert!(said.contains("the lock was broken"), "{kind:?}: {said}");
        assert_eq!(ok(ben.run("state pull")), state, "{kind:?}");
        assert_eq!(ok(ben.run("history --json")), history, "{kind:?}");
        assert_eq!(ok(ben.run("output who")), "ben\n", "{kind:?}");
        assert_eq!(lock_id(&ben), None, "{kind:?}");
        ok(ben.run("apply --auto-approve --var who=again"));
    }
}

/// A bucket does not notice that a holder is gone; its heart tells, and somebody has to say that the lock may be taken.
#[test]
fn a_holder_whose_heart_has_stopped_is_recognised_and_its_lock_taken_only_when_asked() {
    for kind in [Kind::Minio, Kind::Moto] {
        let place = Place::new(kind);
        let ana = place.machine(QUICK);
        ok(ana.run("apply --auto-approve --var who=ana"));
        let held_since = |minutes: i64| {
            let beat = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
            let id = "6f0c4f0e-0000-4000-8000-000000000001";
            let lock = serde_json::json!({
                "id": id, "who": "eve", "host": "runner-7", "pid": 1, "command": "apply", "job": "https://ci.example/jobs/6",
                "at": "2026-01-01T00:00:00Z", "heartbeat": beat.to_string()
            });
            place.overwrite("shop/default/lock", lock.to_string().into_bytes());
            id
        };
        held_since(0);
        let answer = ana.run("apply --auto-approve --var who=second");
        assert_eq!(answer.code, 4, "{kind:?}: {answer}");
        assert!(!answer.stderr.contains("probably gone"), "{kind:?}: {answer}");
        let id = held_since(5);
        let answer = ana.run("apply --auto-approve --var who=second");
        assert_eq!(answer.code, 4, "{kind:?}: taken over without being asked: {answer}");
        assert!(answer.stderr.contains("so it is probably gone"), "{kind:?}: {answer}");
        assert!(answer.stderr.contains("https://ci.example/jobs/6"), "{kind:?}: {answer}");
        let locks = ok(ana.run("state locks"));
        assert!(locks.contains("eve"), "{kind:?}: {locks}");
        assert_eq!(ok(ana.run("output who")), "ana\n", "{kind:?}");
        ok(ana.run_args(&["state", "unlock", "--force", id]));
        ok(ana.run("apply --auto-approve --var who=second"));
        assert_eq!(ok(ana.run("output who")), "second\n", "{kind:?}");
    }
}
