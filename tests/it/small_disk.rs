//! Real file systems that are full or read-only: a small one in memory is mounted where the state or the plan goes.
//!
//! Mounting takes root. Anybody else is stopped by a folder's permissions, and by `ulimit -f` in
//! `interrupt::a_disk_that_fills_up_loses_nothing`, so that none of this is left out anywhere.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use deployctl_sdk::conformance::Dice;

use crate::context::{Answer, Context};

/// A file system in memory, for as long as this lives.
struct Mounted(PathBuf);

impl Mounted {
    fn new(folder: &Path, options: &str) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        mount(&["-t", "tmpfs", "-o", options, "tmpfs"], folder);
        Self(folder.to_owned())
    }

    fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], &self.0);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], folder: &Path) {
    let output = Command::new("mount").args(arguments).arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "root cannot mount here: {said}\nrun the tests in a container with CAP_SYS_ADMIN, or as another user"
    );
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Files with contents of some size, one of them sensitive, so that there are blobs, plain and sealed.
fn files(version: u32) -> String {
    let file = |name: u32| {
        format!(
            "resource \"local_file\" \"f{name}\" {{\n  path = \"f{name}\"\n  content = \"{version} {}\"\n}}\n",
            "x".repeat(1500)
        )
    };
    let secret = "variable \"secret\" {\n  default   = \"hush\"\n  sensitive = true\n}\n\
                  resource \"value\" \"s\" {\n  input = var.secret\n}\n";
    (0..3).map(file).chain([secret.to_owned()]).collect()
}

fn is_settled(context: &Context, version: u32) {
    for name in 0..3 {
        assert!(context.read(&format!("f{name}")).starts_with(&format!("{version} x")));
    }
    let plan = context.run("plan --detailed-exitcode");
    assert_eq!(plan.code, 0, "{plan}");
    let history = context.run("history");
    assert_eq!(history.code, 0, "{history}");
}

/// What could not be written, as the answer names it: the first part of the path below the state's folder.
fn refused(answer: &Answer) -> Option<String> {
    let (_, rest) = answer.stderr.split_once(".deployctl/default/")?;
    let name: String = rest.chars().take_while(|sign| sign.is_ascii_alphanumeric() || "._-".contains(*sign)).collect();
    // A file is written beside its place, under its name with a dot before it.
    Some(name.trim_start_matches('.').split('.').next().unwrap_or_default().to_owned())
}

fn checked(answer: &Answer, what: &str) -> bool {
    assert!(!answer.stderr.contains("panicked"), "{what}: {answer}");
    if answer.code != 0 {
        assert_eq!(answer.code, 1, "{what}: {answer}");
        assert!(answer.stderr.contains("No space left") || answer.stderr.contains("os error 28"), "{what}: {answer}");
    }
    answer.code == 0
}

#[test]
fn a_full_disk_stops_a_run_at_any_file_and_loses_nothing() {
    if !is_root() {
        // The same with a limit on the size of files is in `interrupt`.
        return crate::interrupt::a_disk_that_fills_up_loses_nothing();
    }
    let mut stopped = BTreeSet::new();
    // So many files fit, and then so many pages; the first run is made on it, and a later one.
    let limits = (2..60).map(|inodes| format!("nr_inodes={inodes},size=16m"));
    let limits = limits.chain((1..40).map(|pages| format!("size={}k", pages * 4)));
    for (number, limit) in limits.enumerate() {
        let context = Context::with(&files(1));
        let disk = Mounted::new(&context.file(".deployctl"), "size=16m");
        // Every other time the disk is full in a run that is not the first.
        let version = 1 + u32::try_from(number % 2).unwrap();
        if version == 2 {
            assert_eq!(context.run("apply --auto-approve").code, 0);
            context.write("main.hcl", &files(2));
        }
        let held = used(&context.file(".deployctl"));
        let tightened = Command::new("mount")
            .args(["-o", &format!("remount,{}", more(&limit, held))])
            .arg(&disk.0)
            .output()
            .unwrap();
        assert!(tightened.status.success(), "{limit}: {}", String::from_utf8_lossy(&tightened.stderr));
        let answer = context.run("apply --auto-approve");
        if !checked(&answer, &limit) {
            stopped.extend(refused(&answer));
        }
        disk.remount("size=16m,nr_inodes=10k");
        let again = context.run("apply --auto-approve");
        assert_eq!(again.code, 0, "{limit}: {again}");
        is_settled(&context, version);
    }
    let expected = ["blobs", "history", "journal", "key", "lock", "revisions", "state"].map(str::to_owned);
    let missed: Vec<&String> = expected.iter().filter(|name| !stopped.contains(*name)).collect();
    assert!(missed.is_empty(), "the disk was never full at {missed:?}, only at {stopped:?}");
}

#[test]
fn a_full_disk_under_an_encrypted_state_loses_nothing() {
    if !is_root() {
        return crate::interrupt::a_disk_that_fills_up_loses_nothing();
    }
    let mut stopped = 0;
    for pages in (1..40).step_by(3) {
        let mut context = Context::with(&files(1));
        context.write("state.hcl", &crate::encryption::aes("env = \"STATE_KEK\""));
        context.set("STATE_KEK", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let disk = Mounted::new(&context.file(".deployctl"), "size=16m");
        assert_eq!(context.run("apply --auto-approve").code, 0);
        // A run and a rotation, each on a disk that becomes full.
        for (line, version) in [("apply --auto-approve", 2), ("state rotate-key", 2)] {
            context.write("main.hcl", &files(version));
            disk.remount(&more(&format!("size={}k", pages * 4), used(&context.file(".deployctl"))));
            stopped += u32::from(!checked(&context.run(line), &format!("{line} on {pages} pages")));
            disk.remount("size=16m,nr_inodes=10k");
            let again = context.run(line);
            assert_eq!(again.code, 0, "{line} after {pages} pages: {again}");
            is_settled(&context, version);
        }
    }
    assert!(stopped > 4, "the disk was full only {stopped} times");
}

/// How many files and how many pages are taken up below a folder.
fn used(folder: &Path) -> (usize, usize) {
    let output = Command::new("df").args(["--output=iused,used", "-k"]).arg(folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.lines().nth(1).unwrap_or_default().split_whitespace().map(|n| n.parse::<usize>().unwrap());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default() / 4)
}

/// The limit on top of what is there already.
fn more(limit: &str, (files, pages): (usize, usize)) -> String {
    match limit.strip_prefix("nr_inodes=").and_then(|rest| rest.split_once(',')) {
        Some((count, rest)) => format!("nr_inodes={},{rest}", count.parse::<usize>().unwrap() + files),
        None => {
            let kilobytes: usize = limit.trim_start_matches("size=").trim_end_matches('k').parse().unwrap();
            format!("size={}k,nr_inodes=10k", kilobytes + 4 * pages)
        }
    }
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_run_loses_nothing() {
    if !is_root() {
        return crate::interrupt::a_disk_that_fills_up_loses_nothing();
    }
    let fill = "cat /dev/zero > .deployctl/filler; true";
    let context = Context::with(&format!(
        "resource \"local_file\" \"first\" {{\n  path = \"first\"\n  content = \"1\"\n}}\n\
         resource \"local_command\" \"fill\" {{\n  create = [\"sh\", \"-c\", \"test -e filled || {fill}; touch filled\"]\n  \
         depends_on = [local_file.first]\n}}\n\
         resource \"local_file\" \"last\" {{\n  path = \"last\"\n  content = \"2\"\n  \
         depends_on = [local_command.fill]\n}}\n"
    ));
    let _disk = Mounted::new(&context.file(".deployctl"), "size=512k");
    let answer = context.run("apply --auto-approve");
    assert!(!checked(&answer, "filled by a command"), "the disk was not full: {answer}");
    assert!(!context.file("last").exists(), "something was started that could not be recorded");
    std::fs::remove_file(context.file(".deployctl/filler")).unwrap();
    let again = context.run("apply --auto-approve");
    assert_eq!(again.code, 0, "{again}");
    assert_eq!((context.read("first"), context.read("last")), ("1".to_owned(), "2".to_owned()));
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
}

#[test]
fn a_plan_that_cannot_be_saved_says_so_and_leaves_no_half_of_itself() {
    if !is_root() {
        let context = Context::with(&files(1));
        let limited = format!("trap '' XFSZ; ulimit -f 1; exec {} plan -o plan.bin", env!("CARGO_BIN_EXE_deployctl"));
        let output = Command::new("sh").args(["-c", &limited]).current_dir(context.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(!context.file("plan.bin").exists());
        return;
    }
    // What is hard to compress, so that the plan does not fit on a few pages.
    let mut dice = Dice::new(1);
    let noise: String = (0..600).map(|_| format!("{:016x}", dice.throw())).collect();
    let context = Context::with(&format!("resource \"value\" \"v\" {{\n  input = \"{noise}\"\n}}\n"));
    let mut failed = 0;
    for pages in [1, 2, 3, 50] {
        let folder = context.file("plans");
        let _disk = Mounted::new(&folder, &format!("size={}k", pages * 4));
        let answer = context.run("plan -o plans/plan.bin");
        if checked(&answer, &format!("{pages} pages")) {
            assert!(context.file("plans/plan.bin").exists());
            let shown = context.run("show plans/plan.bin");
            assert_eq!(shown.code, 0, "{shown}");
        } else {
            failed += 1;
            let left = deployctl_sdk::fs::read_dir(&folder).unwrap();
            assert!(left.is_empty(), "half a plan is left: {left:?}");
        }
    }
    assert!(failed > 0 && failed < 4, "the plan fitted {} times", 4 - failed);
}

/// A folder that is read-only for as long as this lives.
struct ReadOnly(PathBuf);

impl ReadOnly {
    fn new(folder: &Path) -> Self {
        if is_root() {
            mount(&["--bind", &folder.to_string_lossy()], folder);
            mount(&["-o", "remount,bind,ro"], folder);
        } else {
            let status = Command::new("chmod").args(["-R", "a-w"]).arg(folder).status().unwrap();
            assert!(status.success());
        }
        Self(folder.to_owned())
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let mut back = if is_root() { Command::new("umount") } else { Command::new("chmod") };
        if !is_root() {
            back.args(["-R", "u+w"]);
        }
        let _ = back.arg(&self.0).status();
    }
}

#[test]
fn what_is_read_only_can_be_planned_and_not_applied() {
    let context = Context::with(&files(1));
    assert_eq!(context.run("apply --auto-approve").code, 0);
    context.write("main.hcl", &files(2));
    {
        let _guard = ReadOnly::new(&context.file(".deployctl"));
        let plan = context.run("plan --detailed-exitcode");
        assert_eq!(plan.code, 2, "a plan writes nothing: {plan}");
        for command in ["show", "history", "state list", "output"] {
            assert_eq!(context.run(command).code, 0, "{command}");
        }
        for command in ["apply --auto-approve", "destroy --auto-approve", "state rm value.s"] {
            let answer = context.run(command);
            assert_eq!(answer.code, 1, "{command}: {answer}");
            assert!(answer.stderr.contains(".deployctl"), "{command} does not say where: {answer}");
            assert!(answer.stderr.contains("writable"), "{command} does not say what to do: {answer}");
        }
        assert!(context.read("f0").starts_with("1 x"), "something was done without a record");
    }
    let again = context.run("apply --auto-approve");
    assert_eq!(again.code, 0, "{again}");
    is_settled(&context, 2);
}

#[test]
fn a_read_only_checkout_can_be_planned_without_a_state() {
    let context = Context::with(&files(1));
    let guard = ReadOnly::new(context.path());
    let plan = context.run("plan --detailed-exitcode");
    assert_eq!(plan.code, 2, "{plan}");
    let answer = context.run("apply --auto-approve");
    assert_eq!(answer.code, 1, "{answer}");
    assert!(answer.stderr.contains(".deployctl"), "{answer}");
    drop(guard);
    assert!(!context.file("f0").exists());
    assert_eq!(context.run("apply --auto-approve").code, 0);
    is_settled(&context, 1);
}
