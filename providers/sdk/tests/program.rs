//! Programs are run with care: real ones, on this machine.
#![cfg(unix)]
#![allow(clippy::disallowed_methods)] // What stands in /proc is not a file of the project.

use std::time::{Duration, Instant};

use deployctl_sdk::program::{Ask, Invocation, Keep, Stopped, Stream, find};
use tokio_util::sync::CancellationToken;

fn shell(script: &str) -> Invocation {
    Invocation::new("sh").args(["-c", script])
}

fn is_running(pid: &str) -> bool {
    std::path::Path::new("/proc").join(pid).join("cmdline").exists()
        && !std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default().is_empty()
}

#[tokio::test]
async fn lines_are_handed_on_and_outputs_kept() {
    let mut lines = Vec::new();
    let invocation = shell("echo one; echo two >&2; printf three; cat").stdin("four");
    let ended =
        invocation.stream(&CancellationToken::new(), |stream, line| lines.push((stream, line.to_owned()))).await;
    let ended = ended.unwrap();
    assert!(ended.success());
    assert_eq!(ended.stdout_text(), "one\nthreefour");
    assert_eq!(ended.stderr_text(), "two\n");
    lines.sort_by_key(|(stream, _)| *stream == Stream::Stderr);
    let texts: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(texts, ["one", "threefour", "two"]);
}

#[tokio::test]
async fn only_the_end_is_kept_where_only_the_end_is_wanted() {
    let ended = shell("seq 1 100000").keep_stdout(Keep::End(20)).run(&CancellationToken::new()).await.unwrap();
    assert_eq!(ended.stdout_text(), "… (earlier output left out)\n99998\n99999\n100000\n");
}

#[tokio::test]
async fn what_cannot_be_started_says_which_program() {
    let error = Invocation::new("/nowhere/engine").run(&CancellationToken::new()).await.err().unwrap();
    assert!(error.is_not_found());
    assert!(error.to_string().starts_with("cannot run /nowhere/engine: "), "{error}");
    assert_eq!(find("no-such-engine", std::path::Path::new("/")), None);
    assert!(find("sh", std::path::Path::new("/")).is_some_and(|path| path.is_absolute()));
}

#[tokio::test]
async fn a_cancelled_program_may_end_in_its_own_time_and_is_heard_out() {
    let cancel = CancellationToken::new();
    let invocation = shell("trap 'sleep 0.2; echo saved; exit 3' INT; echo ready; while :; do sleep 0.05; done");
    let asked = cancel.clone();
    let ended = invocation.stream(&cancel, move |_, line| {
        if line == "ready" {
            asked.cancel();
        }
    });
    let ended = ended.await.unwrap();
    assert_eq!(ended.stopped, Some(Stopped::Cancelled));
    assert_eq!(ended.status.code(), Some(3));
    assert_eq!(ended.stdout_text(), "ready\nsaved\n");
}

#[tokio::test]
async fn a_program_that_does_not_listen_is_ended_with_all_that_it_started() {
    let script = "trap '' INT TERM; sleep 600 & echo $!; wait";
    let invocation = shell(script).patience(Ask::Interrupt, Some(Duration::from_millis(50)));
    let ended = invocation.limit(Some(Duration::from_millis(300))).run(&CancellationToken::new()).await.unwrap();
    assert_eq!(ended.stopped, Some(Stopped::TimedOut));
    gone(ended.stdout_text().trim());
}

#[tokio::test]
async fn nothing_is_left_of_a_program_that_is_dropped() {
    let (sender, mut pids) = tokio::sync::mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    let invocation = shell("sleep 600 & echo $!; wait");
    let running = invocation.stream(&cancel, move |_, line| _ = sender.send(line.to_owned()));
    let pid = tokio::select! {
        _ = running => panic!("it ended"),
        pid = pids.recv() => pid.unwrap(),
    };
    gone(&pid);
}

#[tokio::test]
async fn what_is_left_running_does_not_hold_up_the_end() {
    let started = Instant::now();
    let ended = shell("sleep 600 & echo $!").run(&CancellationToken::new()).await.unwrap();
    assert!(ended.success());
    assert!(started.elapsed() < Duration::from_secs(300), "it was waited for");
    let pid = ended.stdout_text().trim().to_owned();
    assert!(is_running(&pid), "what a program leaves running on purpose goes on");
    assert!(Invocation::new("kill").arg(&*pid).run(&CancellationToken::new()).await.unwrap().success());
}

fn gone(pid: &str) {
    let waited = Instant::now();
    while is_running(pid) {
        assert!(waited.elapsed() < Duration::from_secs(30), "{pid} is still running");
        std::thread::sleep(Duration::from_millis(10));
    }
}
