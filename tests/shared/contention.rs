//! Many processes at once that want the same state, some of them killed at random; afterwards the recorded history has to be
//! true: nobody held the lock beside another, nothing was lost, nothing was torn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use deployctl_sdk::conformance::Dice;

use super::locks::{lock_id, start};
use super::place::{ALL, Kind, Place};
use super::team::ok;
use crate::context::Context;

const PROCESSES: usize = 50;

/// Each run adds its own name to what is there, and leaves its begin and end in a file that all share.
fn site(trace: &str) -> String {
    format!(
        r#"
variable "who" {{}}
resource "value" "who" {{
  input = var.who
}}
resource "local_command" "trace" {{
  create   = ["sh", "-c", "echo begin ${{var.who}} >> {trace}; sleep 0.02; echo end ${{var.who}} >> {trace}"]
  triggers = {{ who = value.who.output }}
}}
output "who" {{
  value = value.who.output
}}
"#
    )
}

#[test]
fn fifty_processes_and_kills_at_random_lose_and_tear_nothing() {
    for kind in ALL {
        contend(kind);
    }
}

fn contend(kind: Kind) {
    let seed = deployctl_sdk::source::uuid().as_u128() as u64;
    println!("{kind:?}: seed {seed}");
    let place = Place::new(kind);
    let traces = Context::new();
    let trace = traces.file("trace").display().to_string();
    let janitor = place.machine(&site(&trace));
    ok(janitor.run("apply --auto-approve --var who=nobody"));
    let machines: Vec<Context> = (0..PROCESSES).map(|_| place.machine(&site(&trace))).collect();
    let ended: Mutex<BTreeMap<String, Option<i32>>> = Mutex::default();
    std::thread::scope(|scope| {
        for (index, machine) in machines.iter().enumerate() {
            let ended = &ended;
            scope.spawn(move || {
                let mut dice = Dice::new(seed.wrapping_add(index as u64));
                let who = format!("p{index}");
                let variable = format!("who={who}");
                let mut run = start(machine, &["apply", "--auto-approve", "--lock-timeout", "10m", "--var", &variable]);
                // One in four dies at some moment.
                let dies = (dice.below(4) == 0).then(|| Duration::from_millis(dice.below(20_000) as u64));
                let begun = Instant::now();
                let code = loop {
                    if let Some(status) = run.try_wait().unwrap() {
                        break status.code();
                    }
                    if dies.is_some_and(|after| begun.elapsed() > after) {
                        let _ = run.kill();
                    }
                    std::thread::sleep(Duration::from_millis(20));
                };
                ended.lock().unwrap().insert(who, code);
            });
        }
        // What a process that was killed holds is taken from it, as somebody would who was asked to.
        let mut last: Option<(String, Instant)> = None;
        while ended.lock().unwrap().len() < PROCESSES {
            std::thread::sleep(Duration::from_millis(200));
            let holder = lock_of(&janitor);
            let gone = holder.filter(|(_, pid)| !std::path::Path::new(&format!("/proc/{pid}")).exists());
            last = match (gone, last) {
                (Some((id, _)), Some((known, since))) if id == known => {
                    if since.elapsed() > Duration::from_millis(300) {
                        let _ = janitor.run_args(&["state", "unlock", "--force", &id]);
                    }
                    Some((known, since))
                }
                (Some((id, _)), _) => Some((id, Instant::now())),
                (None, _) => None,
            };
        }
    });
    if let Some(id) = lock_id(&janitor) {
        ok(janitor.run_args(&["state", "unlock", "--force", &id]));
    }
    ok(janitor.run("apply --auto-approve --var who=last"));
    examine(kind, &janitor, &ended.into_inner().unwrap(), &traces.read("trace"));
}

fn lock_of(context: &Context) -> Option<(String, u64)> {
    let output = context.command().args(["state", "locks", "--json"]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let lock = &answer["locks"][0];
    Some((lock["id"].as_str()?.to_owned(), lock["pid"].as_u64()?))
}

fn examine(kind: Kind, janitor: &Context, ended: &BTreeMap<String, Option<i32>>, trace: &str) {
    let output = janitor.command().args(["history", "--json", "--limit", "100000"]).output().unwrap();
    let history: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let entries = history["runs"].as_array().cloned().unwrap();
    let mut serials: Vec<u64> = entries.iter().filter_map(|entry| entry["serial"].as_u64()).collect();
    serials.sort_unstable();
    let expected: Vec<u64> = (1..=serials.len() as u64).collect();
    assert_eq!(serials, expected, "{kind:?}: one entry for each serial: {history:#}");
    let runs: BTreeSet<&str> = entries.iter().filter_map(|entry| entry["run"].as_str()).collect();
    assert_eq!(runs.len(), entries.len(), "{kind:?}: no run counts twice");
    let well = ended.iter().filter(|(_, code)| **code == Some(0)).count();
    let killed = ended.iter().filter(|(_, code)| code.is_none()).count();
    println!("{kind:?}: {well} done, {killed} killed, {} runs in the history", entries.len());
    for (who, code) in ended {
        assert!(matches!(code, Some(0) | None), "{kind:?}: {who} ended with {code:?}");
    }
    // Every run that said that it was done is in the record as such; the first and the last are the janitor's.
    let good = entries.iter().filter(|entry| entry["result"] == "ok").count();
    assert!(good >= well + 2, "{kind:?}: {well} runs said that they were done, {good} are recorded: {history:#}");
    alone(kind, ended, trace);
    assert_eq!(ok(janitor.run("output who")), "last\n", "{kind:?}");
    assert_eq!(janitor.run("plan --detailed-exitcode --var who=last").code, 0, "{kind:?}");
}

/// Nobody's begin or end stands between the begin and the end of a run that came to its end.
fn alone(kind: Kind, ended: &BTreeMap<String, Option<i32>>, trace: &str) {
    let lines: Vec<(&str, &str)> = trace.lines().filter_map(|line| line.split_once(' ')).collect();
    let lives = |who: &str| ended.get(who).is_none_or(|code| *code == Some(0));
    let mut inside: Option<&str> = None;
    for (what, who) in lines.into_iter().filter(|(_, who)| lives(who)) {
        match (what, inside) {
            ("begin", None) => inside = Some(who),
            ("end", Some(other)) if other == who => inside = None,
            _ => panic!("{kind:?}: {what} {who} while {inside:?} held the lock:\n{trace}"),
        }
    }
    for who in ended.iter().filter(|(_, code)| **code == Some(0)).map(|(who, _)| who) {
        assert!(trace.contains(&format!("end {who}\n")), "{kind:?}: {who} said that it was done and was not");
    }
}
