//! A network that drops, delays, cuts off and duplicates: what was said to be done is done, and nothing else.

use std::time::Duration;

use super::locks::lock_id;
use super::place::{ALL, Kind, Place, address};
use super::proxy::{Proxy, Trouble};
use super::team::ok;
use crate::context::{Answer, Context};

const SITE: &str = r#"
variable "who" {}
resource "value" "many" {
  count = 5
  input = "${var.who} ${count.index}"
}
resource "value" "last" {
  input      = var.who
  depends_on = [value.many]
}
output "who" {
  value = value.last.output
}
"#;

/// How the server is reached through the proxy.
fn through(place: &Place, proxy: &Proxy) -> String {
    place.server.replace(&address(&place.server), &proxy.address)
}

fn proxy(place: &Place, seed: u64) -> Proxy {
    Proxy::new(&address(&place.server), place.kind != Kind::Postgres, seed)
}

/// An apply whose connection is lost while its command runs, which says so with the file `cut` and goes on with `go`.
fn cut_off_in_the_middle(machine: &Context, proxy: &Proxy) -> Answer {
    std::thread::scope(|scope| {
        let run = scope.spawn(|| machine.run("apply --auto-approve"));
        super::locks::wait_for(&machine.file("cut"));
        proxy.die_after(0);
        machine.write("go", "");
        run.join().unwrap()
    })
}

#[test]
fn what_a_bad_network_lets_through_is_whole_and_what_it_does_not_is_told() {
    for kind in ALL {
        let seed = deployctl_sdk::source::uuid().as_u128() as u64;
        println!("{kind:?}: seed {seed}");
        let place = Place::new(kind);
        let proxy = proxy(&place, seed);
        let machine = place.machine_at(&through(&place, &proxy), SITE);
        let judge = place.machine(SITE);
        ok(judge.run("apply --auto-approve --var who=nobody"));
        let twice = if kind == Kind::Postgres { 0 } else { 80 };
        proxy.trouble(Trouble {
            request_lost: 40,
            answer_lost: 60,
            cut_off: 40,
            twice,
            late: 20,
            ..Trouble::default()
        });
        let (mut last, mut done, runs) = ("nobody".to_owned(), 0, 12);
        for run in 0..runs {
            let who = format!("r{run}");
            let answer = machine.run(&format!("apply --auto-approve --var who={who}"));
            let seen = ok(judge.run("output who")).trim().to_owned();
            match answer.code {
                0 => {
                    assert_eq!(seen, who, "{kind:?}: {answer}");
                    done += 1;
                    last = who;
                }
                // Either nothing of it is recorded, or as much as to go on from.
                1 | 4 => {
                    assert!(seen == last || seen == who, "{kind:?}: {seen} after {last}: {answer}");
                    tidy(&judge, &machine);
                    ok(judge.run(&format!("apply --auto-approve --var who={who}")));
                    last = who;
                }
                code => panic!("{kind:?}: {code}: {answer}"),
            }
        }
        println!("{kind:?}: {done} of {runs} came through");
        let serials = serials(&judge);
        assert_eq!(serials, (1..=serials.len() as u64).collect::<Vec<_>>(), "{kind:?}");
        assert_eq!(judge.run(&format!("plan --detailed-exitcode --var who={last}")).code, 0, "{kind:?}");
    }
}

/// What a person does after a run that ended badly: push what it kept, and free its lock.
fn tidy(judge: &Context, machine: &Context) {
    if let Ok(kept) = std::fs::read_dir(machine.file(".deployctl/default/unpushed")) {
        for file in kept {
            let path = file.unwrap().path();
            let answer = judge.run_args(&["state", "push", &path.display().to_string()]);
            assert!(matches!(answer.code, 0 | 3), "{answer}");
            let _ = std::fs::remove_file(path);
        }
    }
    if let Some(id) = lock_id(judge) {
        ok(judge.run_args(&["state", "unlock", "--force", &id]));
    }
}

fn serials(context: &Context) -> Vec<u64> {
    let output = context.command().args(["history", "--json", "--limit", "100000"]).output().unwrap();
    let history: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut serials: Vec<u64> =
        history["runs"].as_array().unwrap().iter().map(|run| run["serial"].as_u64().unwrap()).collect();
    serials.sort_unstable();
    serials
}

/// Two commands that leave traces; the second one cuts the connection and waits until it is noticed.
#[test]
fn what_was_done_after_the_connection_was_lost_is_kept_here_and_pushed_later() {
    for kind in ALL {
        let place = Place::new(kind);
        let proxy = proxy(&place, 1);
        let main = r#"
resource "value" "first" {
  input = "1"
}
resource "local_command" "second" {
  create     = ["sh", "-c", "touch cut; until [ -e go ]; do sleep 0.02; done; echo 2 >> second"]
  depends_on = [value.first]
}
resource "value" "third" {
  input      = "3"
  depends_on = [local_command.second]
}
"#;
        let machine = place.machine_at(&through(&place, &proxy), main);
        let judge = place.machine(main);
        let ended = cut_off_in_the_middle(&machine, &proxy);
        assert_eq!(ended.code, 1, "{kind:?}: {ended}");
        assert!(ended.stderr.contains("deployctl state push"), "{kind:?}: {ended}");
        let folder = machine.file(".deployctl/default/unpushed");
        let kept = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        // A line that this machine could not write to its end is none, and is not pushed.
        let whole = std::fs::read(&kept).unwrap();
        std::fs::write(&kept, [whole.as_slice(), b"{\"sum\":\"0123"].concat()).unwrap();
        proxy.revive();
        // The lock is still the dead run's, whatever else the next command wants.
        assert_eq!(judge.run("apply --auto-approve").code, 4, "{kind:?}");
        ok(judge.run_args(&["state", "unlock", "--force", &lock_id(&judge).unwrap()]));
        let answer = machine.run("apply --auto-approve");
        assert_eq!(answer.code, 1, "{kind:?}: {answer}");
        assert!(answer.stderr.contains("state push"), "{kind:?}: {answer}");
        let answer = machine.run_args(&["state", "push", &kept.display().to_string()]);
        assert_eq!(answer.code, 0, "{kind:?}: {answer}");
        assert!(!kept.exists(), "{kind:?}");
        let list = ok(judge.run("state list"));
        assert_eq!(list, "local_command.second\nvalue.first\n", "{kind:?}: what was done is on record");
        ok(machine.run("apply --auto-approve"));
        assert_eq!(machine.read("second"), "2\n", "{kind:?}: it was done once");
        assert_eq!(judge.run("plan --detailed-exitcode").code, 0, "{kind:?}");
    }
}

#[test]
fn what_somebody_else_completed_meanwhile_is_not_pushed_over() {
    let place = Place::new(Kind::Minio);
    let proxy = proxy(&place, 1);
    let main = r#"
resource "local_command" "only" {
  create = ["sh", "-c", "touch cut; until [ -e go ]; do sleep 0.02; done"]
}
"#;
    let machine = place.machine_at(&through(&place, &proxy), main);
    let judge = place.machine(main);
    judge.write("go", "");
    let ended = cut_off_in_the_middle(&machine, &proxy);
    assert_eq!(ended.code, 1, "{ended}");
    proxy.revive();
    ok(judge.run_args(&["state", "unlock", "--force", &lock_id(&judge).unwrap()]));
    ok(judge.run("apply --auto-approve"));
    let state = ok(judge.run("state pull"));
    let kept = std::fs::read_dir(machine.file(".deployctl/default/unpushed")).unwrap().next().unwrap().unwrap().path();
    let answer = machine.run_args(&["state", "push", &kept.display().to_string()]);
    assert_eq!(answer.code, 3, "{answer}");
    assert_eq!(ok(judge.run("state pull")), state);
}

#[test]
fn a_slow_network_is_only_slow() {
    for kind in ALL {
        let place = Place::new(kind);
        let proxy = proxy(&place, 1);
        proxy.trouble(Trouble { latency: Duration::from_millis(30), ..Trouble::default() });
        let machine = place.machine_at(&through(&place, &proxy), SITE);
        ok(machine.run("apply --auto-approve --var who=ana"));
        assert_eq!(ok(machine.run("output who")), "ana\n", "{kind:?}");
    }
}
