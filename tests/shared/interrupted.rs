//! A machine that dies in the middle of an apply, and another that completes it.

use super::locks::lock_id;
use super::place::{ALL, Place};
use super::team::ok;
use crate::context::Context;

/// Where the program is killed: before and after each write and each action.
pub const CRASH_AT: &str = "DEPLOYCTL_TEST_CRASH_AT";

/// How many points there may be.
const MANY: usize = 60;

/// Values, and two commands whose traces both machines see.
pub fn site(traces: &Context) -> String {
    let folder = traces.path().display();
    format!(
        r#"
resource "value" "first" {{
  input = "1"
}}
resource "local_command" "second" {{
  create = ["sh", "-c", "echo ${{value.first.output}} >> {folder}/second"]
}}
resource "value" "third" {{
  input      = "3"
  depends_on = [local_command.second]
}}
resource "local_command" "fourth" {{
  create     = ["sh", "-c", "echo 4 >> {folder}/fourth"]
  depends_on = [value.third]
}}
output "all" {{
  value = "${{value.first.output}} ${{value.third.output}}"
}}
"#
    )
}

#[test]
fn another_machine_completes_what_a_killed_one_began() {
    for kind in ALL {
        let (mut killed, mut at) = (0, 1);
        while at < MANY {
            let traces = Context::new();
            let place = Place::new(kind);
            // Every second time the state is encrypted, and with it the journal.
            let encrypted = killed % 2 == 1;
            // Each machine has a folder, a home and so a memory of its own.
            let [ana, ben] = [(); 2].map(|()| match encrypted {
                true => super::encrypted::machine(&place, &site(&traces)),
                false => place.machine(&site(&traces)),
            });
            let case = format!("{kind:?}, point {at}{}", if encrypted { ", encrypted" } else { "" });
            let run = ana.command().args(["apply", "--auto-approve"]).env(CRASH_AT, at.to_string()).output().unwrap();
            if run.status.success() {
                break;
            }
            killed += 1;
            if let Some(id) = lock_id(&ben) {
                let answer = ben.run("apply --auto-approve");
                assert_eq!(answer.code, 4, "{case}: taken over only when asked: {answer}");
                ok(ben.run_args(&["state", "unlock", "--force", &id]));
            }
            let answer = ben.run("apply --auto-approve");
            assert_eq!(answer.code, 0, "{case}: {answer}");
            assert_eq!(ok(ben.run("output all")), "1 3\n", "{case}");
            assert_eq!(ok(ben.run("state list")).lines().count(), 4, "{case}");
            assert_eq!(ben.run("plan --detailed-exitcode").code, 0, "{case}");
            assert_eq!(ana.run("plan --detailed-exitcode").code, 0, "{case}: the first machine sees it too");
            let history = ok(ben.run("history --json"));
            let runs = history.matches("\"run\"").count();
            assert!((1..=2).contains(&runs), "{case}: {history}");
            for (name, line) in [("second", "1\n"), ("fourth", "4\n")] {
                let trace = traces.read(name);
                // What cannot be found again is done again, at most once.
                assert!(trace == line || trace == line.repeat(2), "{case}: {name}: {trace}");
            }
            at += step();
        }
        println!("{kind:?}: killed at {killed} points");
        assert!(killed >= 5, "{kind:?}: killed at only {killed} points");
    }
}

/// A short run takes some of the points, a long one all.
fn step() -> usize {
    if std::env::var_os("DEPLOYCTL_TEST_LONG").is_some() { 1 } else { 5 }
}
