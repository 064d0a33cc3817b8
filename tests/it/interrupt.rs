//! Runs that are cut short from outside: one Ctrl-C, two, SIGTERM, a closed terminal, a disk that is full, a folder that cannot
//! be written to. Whatever happens, the next run goes on from the truth.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::context::Context;

/// A slow first step, and one after it. Each says that it was there.
const TWO_STEPS: &str = r#"
resource "local_command" "slow" {
  create = ["sh", "-c", "echo began > began; sleep 2; echo slow >> done"]
}
resource "local_command" "after" {
  create     = ["sh", "-c", "echo after >> done"]
  depends_on = [local_command.slow]
}
"#;

fn start(context: &Context) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployctl"));
    command.args(["apply", "--auto-approve"]).current_dir(context.path()).env("HOME", context.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn wait_for(path: &Path) {
    let begun = Instant::now();
    while !path.exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} did not come", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends signals to a run in the middle of its first step; how it ended, and after how long.
fn signalled(context: &Context, signals: &[Signal]) -> (Option<i32>, Duration) {
    let mut run = start(context);
    wait_for(&context.file("began"));
    let begun = Instant::now();
    for signal in signals {
        kill_process(Pid::from_child(&run), *signal).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    let status = run.wait().unwrap();
    (status.code(), begun.elapsed())
}

fn goes_on(context: &Context, done: &str) {
    let again = context.run("apply --auto-approve");
    assert_eq!(again.code, 0, "{again}");
    assert_eq!(context.read("done"), done);
    let plan = context.run("plan --detailed-exitcode");
    assert_eq!(plan.code, 0, "{plan}");
}

#[test]
fn one_interrupt_finishes_what_runs_and_starts_nothing_more() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let context = Context::with(TWO_STEPS);
        let (code, _) = signalled(&context, &[signal]);
        assert_eq!(code, Some(5), "{signal:?}");
        assert_eq!(
            context.read("done"),
            "slow\n",
            "{signal:?}: what ran was to be finished, and nothing after it started"
        );
        goes_on(&context, "slow\nafter\n");
    }
}

/// The window is closed: the kernel hangs up on everybody in it, and there is nowhere left to write to.
#[test]
fn a_closed_terminal_finishes_what_runs_and_starts_nothing_more() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let context = Context::with(TWO_STEPS);
    // Closed in the child, or the terminal would stay open for as long as that lives.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let controller = openpt(flags).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let open = || std::fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    // A session of its own, with that terminal as its own.
    let mut command = Command::new("setsid");
    command.args(["--ctty", env!("CARGO_BIN_EXE_deployctl"), "apply", "--auto-approve"]).current_dir(context.path());
    command.env("HOME", context.path()).stdin(open()).stdout(open()).stderr(open());
    let mut run = command.spawn().unwrap();
    drop(command);
    wait_for(&context.file("began"));
    drop(controller);
    let status = run.wait().unwrap();
    assert_eq!(status.code(), Some(5), "it did not end by itself: {status:?}");
    assert_eq!(context.read("done"), "slow\n", "what ran was to be finished, and nothing after it started");
    goes_on(&context, "slow\nafter\n");
}

#[test]
fn two_interrupts_cancel_what_runs() {
    let context = Context::with(TWO_STEPS);
    let (code, took) = signalled(&context, &[Signal::INT, Signal::INT]);
    assert_eq!(code, Some(5));
    assert!(took < Duration::from_millis(1900), "it was not cancelled: {took:?}");
    assert!(!context.file("done").exists(), "what was cancelled went on");
    goes_on(&context, "slow\nafter\n");
}

#[test]
pub fn a_disk_that_fills_up_loses_nothing() {
    let files: String = (0..8)
        .map(|index| {
            format!("resource \"local_file\" \"f{index}\" {{\n  path = \"f{index}\"\n  content = \"{index}\"\n}}\n")
        })
        .collect();
    let mut refused = 0;
    // No file may grow past so many blocks of 512 bytes: each limit fails at another write.
    for blocks in 0..24 {
        let context = Context::with(&files);
        let limited =
            format!("trap '' XFSZ; ulimit -f {blocks}; exec {} apply --auto-approve", env!("CARGO_BIN_EXE_deployctl"));
        let output = Command::new("sh").args(["-c", &limited]).current_dir(context.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => {}
            Some(1) => {
                refused += 1;
                assert!(said.contains("cannot"), "blocks {blocks}: it does not say what failed: {said}");
            }
            code => panic!("blocks {blocks}: exit {code:?}: {said}"),
        }
        assert!(!said.contains("panicked"), "blocks {blocks}: {said}");
        let again = context.run("apply --auto-approve");
        assert_eq!(again.code, 0, "blocks {blocks}: {again}");
        for index in 0..8 {
            assert_eq!(context.read(&format!("f{index}")), index.to_string());
        }
        assert_eq!(context.run("plan --detailed-exitcode").code, 0);
    }
    assert!(refused > 2, "the disk was never full");
}

#[test]
fn a_state_that_cannot_be_written_is_said_before_anything_is_done() {
    let context = Context::with("resource \"local_file\" \"f\" {\n  path = \"f\"\n  content = \"x\"\n}\n");
    // A file where the folder would be: this stops even those whom permissions do not.
    context.write(".deployctl", "in the way");
    let answer = context.run("apply --auto-approve");
    assert_eq!(answer.code, 1, "{answer}");
    assert!(answer.stderr.contains(".deployctl"), "{answer}");
    assert!(!context.file("f").exists(), "something was done without a state");
}
