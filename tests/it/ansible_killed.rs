//! Playbooks when deployctl is killed: at everything that they say, and at writes of our own. The playbook ends with the run,
//! the next run waits until it has, and does it again.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::ansible::with_ansible;
use crate::context::Context;
use crate::kill_points::{self, Point, Stage, at_its_own, prepared};
use crate::search::files_below;

/// How many tasks a playbook has. Each says when it begins and when it ended, after the play that says that it begins.
const TASKS: usize = 8;

/// Each task is a shell of its own and nothing of Ansible's modules, so that a run takes little more than Ansible's own start.
fn playbook(what: impl Fn(usize) -> String) -> String {
    let tasks: String = (0..TASKS)
        .map(|task| format!("    - {{name: T{task}, raw: \"{}\", changed_when: true}}\n", what(task)))
        .collect();
    format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
}

fn world() -> Context {
    let context = with_ansible(Context::with(
        r#"
resource "ansible_playbook" "site" {
  playbook         = "play/site.yml"
  destroy_playbook = "play/undo.yml"
  plan             = "digest"
  extra_vars       = { out = abspath("out") }
  inventory        = { all = { hosts = ["one"], vars = { ansible_connection = "local" } } }
}
"#,
    ));
    context.write("out/.keep", "");
    context.write("play/undo.yml", &playbook(|task| format!("rm -f {{{{ out }}}}/T{task}")));
    context
}

fn configured(context: &Context, version: u32) {
    context.write("play/site.yml", &playbook(|task| format!("echo {version} > {{{{ out }}}}/T{task}")));
}

fn made(context: &Context) -> Vec<String> {
    let files = files_below(&context.file("out"));
    let kept = files.iter().filter(|path| !path.ends_with(".keep"));
    kept.map(|path| deployctl_sdk::fs::read_to_string(path).unwrap().trim().to_owned()).collect()
}

fn whole(context: &Context, version: &str, point: Point) {
    assert_eq!(made(context), vec![version; TASKS], "after {point:?}");
    let plan = context.run("plan --detailed-exitcode");
    assert_eq!(plan.code, 0, "there is still something to do after {point:?}: {plan}");
    let private = files_below(&context.file(".deployctl/default/ansible/runs"));
    assert_eq!(private, Vec::<PathBuf>::new(), "something private is left after {point:?}");
}

fn nothing(context: &Context, point: Point) {
    assert_eq!(made(context), Vec::<String>::new(), "after {point:?}");
    let private = files_below(&context.file(".deployctl/default/ansible"));
    assert_eq!(private, Vec::<PathBuf>::new(), "something private is left after {point:?}");
}

fn kill(context: &Context, command: &str, point: Point) -> bool {
    match point {
        Point::Engine(at) => killed_when_said(context, command, at),
        Point::Own(at) | Point::Call(at) => at_its_own(context, command, at),
    }
}

/// Kills a run when it has said so many things about its playbook. Whether it was still there to be killed.
fn killed_when_said(context: &Context, command: &str, point: usize) -> bool {
    let mut run =
        prepared(context, command).arg("--json").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(run.stdout.take().unwrap()).lines().map_while(Result::ok);
    if lines.filter(|line| line.contains("\"step_progress\"")).nth(point).is_some() {
        kill_process(Pid::from_child(&run), Signal::KILL).unwrap();
    }
    run.wait().unwrap().code().is_none()
}

/// Everything that is said, but for the last, after which the run may be over; and some points of our own.
fn points(own: &[usize]) -> Vec<Point> {
    (0..2 * TASKS).map(Point::Engine).chain(own.iter().copied().map(Point::Own)).collect()
}

#[test]
fn a_playbook_killed_at_any_of_fifty_points_ends_and_can_be_done_again() {
    let apply = "apply --auto-approve";
    let stages = [
        Stage {
            turn: &|context| configured(context, 1),
            command: apply,
            points: points(&[3, 8]),
            holds: &|context, point| whole(context, "1", point),
        },
        Stage {
            turn: &|context| configured(context, 2),
            command: apply,
            points: points(&[5, 9]),
            holds: &|context, point| whole(context, "2", point),
        },
        Stage { turn: &|_| {}, command: "destroy --auto-approve", points: points(&[5, 9]), holds: &nothing },
    ];
    kill_points::all(&world, &stages, &kill);
}
