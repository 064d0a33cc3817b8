//! Programs are run with care: real ones, on this machine.
#![cfg(unix)]
#![allow(clippy::disallowed_methods)] // What stands in /proc is not a file of the project.

use std::time::{Duration, Instant};

use deployctl_sdk::program::{Ask, Invocation, Keep, Stopped, Stream, find, wait_for_orphans};
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

#[tokio::test]
async fn a_program_that_outlives_us_is_heard_through_files_that_go_with_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let listed = || deployctl_sdk::fs::read_dir(folder.path()).unwrap();
    let mut lines = Vec::new();
    let script = "echo one; echo two >&2; cat; seq 1 20000; printf end";
    let invocation = shell(script).stdin("three\n").outlives_us(folder.path());
    let cancel = CancellationToken::new();
    let ended = invocation.stream(&cancel, |stream, line| {
        for file in listed() {
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        lines.push((stream, line.to_owned()));
    });
    let ended = ended.await.unwrap();
    assert!(ended.success());
    assert!(ended.stdout_text().starts_with("one\nthree\n1\n") && ended.stdout_text().ends_with("20000\nend"));
    assert_eq!(ended.stderr_text(), "two\n");
    assert_eq!(lines.len(), 20_004);
    assert_eq!(listed(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn only_a_program_that_nobody_watches_any_more_is_an_orphan() {
    let folder = tempfile::tempdir().unwrap();
    let watched = shell("echo ready; exec sleep 600").outlives_us(folder.path());
    let cancel = CancellationToken::new();
    let patience = Duration::from_millis(100);
    let (sender, mut ready) = tokio::sync::mpsc::unbounded_channel();
    tokio::select! {
        _ = watched.stream(&cancel, move |_, _| _ = sender.send(())) => panic!("it ended"),
        _ = ready.recv() => {}
    }
    assert!(wait_for_orphans(folder.path(), patience).await);

    // What a killed deployctl leaves: a program that has the lock of its output, and nobody who has the other.
    let output = deployctl_sdk::fs::create_new(&folder.path().join("left.stdout"), 0o600).unwrap();
    deployctl_sdk::fs::create_new(&folder.path().join("left.stderr"), 0o600).unwrap();
    output.lock().unwrap();
    let mut left = std::process::Command::new("sh")
        .args(["-c", "read line"])
        .stdin(std::process::Stdio::piped())
        .stdout(output)
        .spawn()
        .unwrap();
    assert!(!wait_for_orphans(folder.path(), patience).await);
    drop(left.stdin.take());
    assert!(wait_for_orphans(folder.path(), Duration::from_secs(300)).await);
    left.wait().unwrap();
}

fn gone(pid: &str) {
    let waited = Instant::now();
    while is_running(pid) {
        assert!(waited.elapsed() < Duration::from_secs(30), "{pid} is still running");
        std::thread::sleep(Duration::from_millis(10));
    }
}
