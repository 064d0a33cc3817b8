//! Runs with somebody at the terminal, runs that are interrupted, and runs beside one another.
#![cfg(unix)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cli_plan::SITE;
use crate::context::Context;
use crate::said::Said;

/// The program on a terminal, with these lines typed into it. Answers the exit code and what the terminal showed.
fn on_terminal(context: &Context, line: &str, typed: &str) -> (Option<i32>, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let controller: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let open = || File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut command = program(context, line);
    let mut child = command.stdin(open()).stdout(open()).stderr(open()).spawn().unwrap();
    drop(command);
    let mut controller = File::from(controller);
    controller.write_all(typed.as_bytes()).unwrap();
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    // The terminal answers with an error once nobody has it open any more.
    while let Ok(count) = controller.read(&mut buffer) {
        if count == 0 {
            break;
        }
        shown.extend_from_slice(&buffer[..count]);
    }
    let code = child.wait().unwrap().code();
    (code, String::from_utf8_lossy(&shown).into_owned())
}

fn program(context: &Context, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployctl"));
    command.args(line.split_whitespace()).current_dir(context.path()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TERM", "xterm").env("HOME", context.path());
    command
}

fn background(context: &Context, line: &str) -> Child {
    program(context, line).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

fn finish(child: Child) -> (ExitStatus, String) {
    let output = child.wait_with_output().unwrap();
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A command that says that it runs, and goes on until a file is there, or for a minute; and one that needs it.
const SLOW: &str = r#"
resource "local_command" "slow" {
  create = ["sh", "-c", "touch started; for i in $(seq 600); do test -e go && exit 0; sleep 0.1; done; exit 1"]
}

resource "value" "after" {
  input      = 1
  depends_on = [local_command.slow]
}
"#;

#[test]
fn a_yes_on_the_terminal_is_needed() {
    let context = Context::with(SITE);
    let (code, shown) = on_terminal(&context, "apply", "y\n");
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("Apply this plan?") && shown.contains("that was not a yes"), "{shown}");
    assert!(!context.file("out").exists());

    let (code, shown) = on_terminal(&context, "apply", "yes\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("\u{1b}[32m+\u{1b}[0m"), "there is colour on a terminal: {shown:?}");
    assert!(shown.contains("2 created"), "{shown}");
    assert!(context.file("out/page.txt").exists());

    let (code, shown) = on_terminal(&context, "--color never destroy", "yes\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Remove all of this?") && !shown.contains("\u{1b}[3"), "{shown:?}");
    assert!(!context.file("out/page.txt").exists());
}

#[test]
fn one_interrupt_lets_what_runs_end() {
    let context = Context::with(SLOW);
    let child = background(&context, "apply -auto-approve");
    wait_for("the start", || context.file("started").exists());
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    context.write("go", "");
    let (status, said) = finish(child);
    assert_eq!(status.code(), Some(5), "{said}");
    insta::assert_snapshot!(context.filtered(&said));
    assert_eq!(context.run("state list").stdout, "local_command.slow\n");
    assert_eq!(context.run("apply -auto-approve").code, 0);
}

#[test]
fn two_interrupts_end_what_runs() {
    let context = Context::with(SLOW);
    let child = background(&context, "apply -auto-approve");
    wait_for("the start", || context.file("started").exists());
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::INT);
    let start = Instant::now();
    let (status, said) = finish(child);
    assert_eq!(status.code(), Some(5), "{said}");
    assert!(start.elapsed() < Duration::from_secs(15));
    context.write("go", "");
    let answer = context.run("apply -auto-approve");
    assert_eq!(answer.code, 0, "{answer}");
}

#[test]
fn one_run_at_a_time_and_plans_beside_it() {
    let context = Context::with(SLOW);
    let child = background(&context, "apply -auto-approve");
    wait_for("the start", || context.file("started").exists());
    let locked = context.run("apply -auto-approve");
    assert_eq!(locked.code, 4, "{locked}");
    assert!(locked.stderr.contains("the state is locked by"), "{locked}");
    assert!(context.run("state locks").stdout.contains("apply"));
    assert_eq!(context.run("plan").code, 0);
    let mut waiting = background(&context, "apply -auto-approve --lock-timeout 30s");
    let said_waiting = Said::by(&mut waiting);
    said_waiting.wait_for("waiting for the lock");
    context.write("go", "");
    let (status, said) = finish(child);
    assert_eq!(status.code(), Some(0), "{said}");
    let status = waiting.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{}", said_waiting.whole());
}

#[test]
fn a_broken_lock_stops_its_holder() {
    let context = Context::with(SLOW);
    let child = background(&context, "apply -auto-approve");
    wait_for("the start", || context.file("started").exists());
    let locks: serde_json::Value = serde_json::from_str(&context.run("state locks --json").stdout).unwrap();
    let raw = context.command().args(["state", "locks", "--json"]).output().unwrap().stdout;
    let raw: serde_json::Value = serde_json::from_slice(&raw).unwrap();
    assert_eq!(locks["locks"].as_array().map(Vec::len), Some(1));
    let id = raw["locks"][0]["id"].as_str().unwrap();
    let broken = context.run(&format!("state unlock {id} --force"));
    assert_eq!(broken.code, 0, "{broken}");
    context.write("go", "");
    let (status, said) = finish(child);
    assert_eq!(status.code(), Some(4), "{said}");
}
