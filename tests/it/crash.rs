//! The real program, killed at many points of a real apply, change and destroy, and run again: everything still holds, and no
//! process is left behind.
//!
//! The points are counted, not timed: every write of the journal and the state and every call of a provider has one before
//! and one after it. A short run takes some of them; with `DEPLOYCTL_TEST_LONG=1` all are taken, and they are more than 200.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::path::Path;

use crate::context::{Answer, Context};

/// How many points of each command a short run takes.
const SHORT: usize = 6;

/// More points than any of these runs has.
const MANY: usize = 400;

/// Where the first of two runs that are killed dies: in the middle, with services started.
const RECOVERED_FROM: usize = 40;

const CRASH_AT: &str = "DEPLOYCTL_TEST_CRASH_AT";

const MARK: &str = "DEPLOYED_BY_TEST";

/// Three services and what they read, of which one depends on the other.
fn configuration(version: u32) -> String {
    let service = |name: &str, needs: &str| {
        format!(
            r#"
resource "local_process" "{name}" {{
  command       = "sleep"
  args          = ["1000{version}"]
  start_seconds = 0.05
  env = {{
    NEEDS = "{needs}"
  }}
  stop {{
    grace = "1s"
  }}
}}
resource "local_file" "{name}" {{
  path    = "{name}.txt"
  content = "{name} {version} ${{local_process.{name}.status}}"
}}
"#
        )
    };
    let second = service("second", "${local_file.first.path}");
    let third = service("third", "${local_file.second.path}");
    format!("{}{second}{third}", service("first", "nothing"))
}

#[test]
fn a_run_killed_anywhere_can_be_done_again() {
    let killed: usize = [an_apply(), a_change(), a_replacement(), a_rollback(), a_destroy(), a_recovery()].iter().sum();
    println!("killed at {killed} points");
    let least = if is_long() { 200 } else { 6 * SHORT };
    assert!(killed >= least, "killed at only {killed} points");
}

fn an_apply() -> usize {
    let prepare = |context: &Context| context.write("main.hcl", &configuration(1));
    each_point(prepare, "apply --auto-approve", |context| settled(context, 1))
}

fn a_change() -> usize {
    let prepare = |context: &Context| {
        context.write("main.hcl", &configuration(1));
        done(&context.run("apply --auto-approve"));
        context.write("main.hcl", &configuration(2));
    };
    each_point(prepare, "apply --auto-approve", |context| settled(context, 2))
}

/// Everything anew, the new one beside the old one, with what depends on it moved over before the old one goes.
fn a_replacement() -> usize {
    let prepare = |context: &Context| {
        context.write("main.hcl", &configuration(1));
        done(&context.run("apply --auto-approve"));
    };
    each_point(prepare, "apply --auto-approve --replace local_process.first --replace local_file.third", |context| {
        settled(context, 1);
    })
}

fn a_rollback() -> usize {
    let prepare = |context: &Context| {
        for version in [1, 2] {
            context.write("main.hcl", &configuration(version));
            done(&context.run("apply --auto-approve"));
        }
    };
    // The revision is named: the run that was killed may have left one itself.
    each_point(prepare, "rollback --to 1 --auto-approve", |context| {
        context.write("main.hcl", &configuration(1));
        settled(context, 1);
    })
}

fn a_destroy() -> usize {
    let prepare = |context: &Context| {
        context.write("main.hcl", &configuration(1));
        done(&context.run("apply --auto-approve"));
    };
    each_point(prepare, "destroy --auto-approve", nothing_left)
}

/// The run that completes the record of one that was killed is killed itself.
fn a_recovery() -> usize {
    let prepare = |context: &Context| {
        context.write("main.hcl", &configuration(1));
        let killed =
            context.command().args(["apply", "--auto-approve"]).env(CRASH_AT, RECOVERED_FROM.to_string()).output();
        assert_eq!(killed.unwrap().status.code(), None, "the first run was not killed");
    };
    each_point(prepare, "apply --auto-approve", |context| settled(context, 1))
}

/// Kills a command at one point after the other, each time from a fresh start, runs it again, and looks. At how many points
/// it was killed.
fn each_point(prepare: impl Fn(&Context), command: &str, look: impl Fn(&Context)) -> usize {
    let total = count(&prepare, command);
    let step = if is_long() { 1 } else { (total / SHORT).max(1) };
    let mut killed = 0;
    for point in (0..total).step_by(step) {
        let mut context = fresh();
        prepare(&context);
        context.set(CRASH_AT, &point.to_string());
        let answer = context.run(command);
        assert_eq!(answer.code, -1, "not killed at point {point} of {total}: {answer}");
        context.set(CRASH_AT, "");
        done(&context.run(command));
        look(&context);
        done(&context.run("destroy --auto-approve"));
        nothing_left(&context);
        killed += 1;
    }
    killed
}

fn is_long() -> bool {
    std::env::var_os("DEPLOYCTL_TEST_LONG").is_some()
}

/// How many points a command has, found by halving: a run that is not killed has fewer.
fn count(prepare: &impl Fn(&Context), command: &str) -> usize {
    let (mut dies, mut lives) = (0, MANY);
    while lives - dies > 1 {
        let middle = dies.midpoint(lives);
        let mut context = fresh();
        prepare(&context);
        context.set(CRASH_AT, &middle.to_string());
        if context.run(command).code == -1 {
            dies = middle;
        } else {
            lives = middle;
        }
        context.set(CRASH_AT, "");
        done(&context.run("destroy --auto-approve"));
    }
    lives
}

fn fresh() -> Context {
    let mut context = Context::new();
    let mark = context.path().display().to_string();
    context.set(MARK, &mark);
    context
}

fn done(answer: &Answer) {
    assert_eq!(answer.code, 0, "{answer}");
}

/// Everything is there, once, and there is nothing left to do.
fn settled(context: &Context, version: u32) {
    let plan = context.run("plan --detailed-exitcode");
    assert_eq!(plan.code, 0, "there is still something to do: {plan}");
    for name in ["first", "second", "third"] {
        assert_eq!(context.read(&format!("{name}.txt")), format!("{name} {version} running"));
    }
    let sleeping: Vec<String> =
        processes(context.path()).into_values().filter(|line| line.starts_with("sleep ")).collect();
    assert_eq!(sleeping, vec![format!("sleep 1000{version}"); 3], "not exactly the three services run");
}

/// No file of the configuration's and no process is left.
fn nothing_left(context: &Context) {
    for name in ["first", "second", "third"] {
        assert!(!context.file(&format!("{name}.txt")).exists(), "{name}.txt is left");
    }
    // A supervisor that was told to end may take a moment to be gone.
    for _ in 0..50 {
        if processes(context.path()).is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("processes are left: {:?}", processes(context.path()));
}

/// The processes that were started, at whatever remove, by a run in that folder: their numbers and command lines.
fn processes(folder: &Path) -> BTreeMap<u32, String> {
    let mark = format!("{MARK}={}", folder.display());
    let mut found = BTreeMap::new();
    for path in deployctl_sdk::fs::read_dir(Path::new("/proc")).unwrap_or_default() {
        let Some(pid) = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()) else { continue };
        // A process may be gone between the look at the folder and the look at its files.
        let Ok(environment) = deployctl_sdk::fs::read(&path.join("environ")) else { continue };
        let Ok(line) = deployctl_sdk::fs::read(&path.join("cmdline")) else { continue };
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            found.insert(pid, line.trim_end().to_owned());
        }
    }
    found
}
