//! Playbooks with the real program: values that flow both ways, runs that are interrupted, and the way back.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::context::{Answer, Context};

/// The folder with Ansible's programs.
pub fn programs() -> PathBuf {
    let found = deployctl_sdk::program::find("ansible-playbook", std::path::Path::new("/"));
    let found = found.expect("there is no ansible-playbook in PATH: eval \"$(cargo xtask engines ansible)\"");
    found.with_file_name("")
}

/// A folder with a configuration, in which Ansible is found.
pub fn with_ansible(mut context: Context) -> Context {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(programs()).chain(std::env::split_paths(&path));
    context.set("PATH", &std::env::join_paths(folders).unwrap().to_string_lossy());
    context
}

const INVENTORY: &str = r#"
    all = {
      hosts = ["one", "two"]
      vars  = { ansible_connection = "local", ansible_python_interpreter = "{{ ansible_playbook_python }}" }
    }"#;

#[track_caller]
fn done(answer: Answer) -> String {
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

#[test]
fn an_inventory_made_of_another_resources_output_is_deferred_planned_and_applied() {
    let context = with_ansible(Context::with(
        r#"
resource "local_command" "machines" {
  create = ["printf", "alpha,beta"]
}
resource "ansible_playbook" "site" {
  playbook   = "play/site.yml"
  extra_vars = { out = abspath(".") }
  inventory = {
    all = {
      hosts = split(",", local_command.machines.stdout)
      vars  = { ansible_connection = "local", ansible_python_interpreter = "{{ ansible_playbook_python }}" }
    }
  }
}
resource "local_file" "told" {
  path    = "told"
  content = "${ansible_playbook.site.facts.answer} ${join(" ", keys(ansible_playbook.site.hosts))}"
}
"#,
    ));
    context.write(
        "play/site.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: Restart, command: date}\n    - {name: Write, copy: {content: hi, dest: \"{{ out }}/{{ inventory_hostname }}.txt\"}}\n    - {name: Tell, set_stats: {data: {answer: 42}, aggregate: false}}\n",
    );
    let plan = done(context.run("plan"));
    assert!(
        plan.contains("? ansible_playbook.site") && plan.contains("its `inventory` is known only after apply"),
        "{plan}"
    );
    done(context.run("apply --auto-approve"));
    assert_eq!(context.read("told"), "42 alpha beta");
    assert_eq!(context.read("beta.txt"), "hi");
    let plan = done(context.run("plan --detailed-exitcode"));
    assert!(plan.contains("No changes") && plan.contains("2 tasks unpredictable"), "{plan}");
    std::fs::remove_file(context.file("alpha.txt")).unwrap();
    let plan = context.run("plan --detailed-exitcode");
    assert_eq!(plan.code, 2, "{plan}");
    assert!(plan.stdout.contains("Changed outside deployctl") && plan.stdout.contains("alpha: Write"), "{plan}");
    let destroyed = done(context.run("plan --destroy"));
    assert!(destroyed.contains("1 to forget") && destroyed.contains("it is forgotten"), "{destroyed}");
    done(context.run("destroy --auto-approve"));
    assert_eq!(context.read("beta.txt"), "hi", "nothing was to be undone");
    assert!(done(context.run("plan")).contains("to create"));
}

/// Two hosts on this machine, and a playbook.
fn two_hosts(site: &str) -> Context {
    let context = with_ansible(Context::with(&format!(
        "resource \"ansible_playbook\" \"site\" {{\n  playbook = \"play/site.yml\"\n  plan = \"digest\"\n  extra_vars = {{ out = abspath(\".\") }}\n  inventory = {{{INVENTORY}\n  }}\n}}\n"
    )));
    context.write("play/site.yml", site);
    context
}

fn started(context: &Context, stdout: Stdio) -> Child {
    let path = std::env::join_paths(
        std::iter::once(programs()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployctl"));
    command.args(["apply", "--auto-approve", "--json"]).current_dir(context.path());
    command.env("HOME", context.path()).env("PATH", path.unwrap());
    command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Whether something of the test still runs.
fn still_runs(context: &Context) -> bool {
    let folder = context.path().to_string_lossy().into_owned();
    let all = deployctl_sdk::fs::read_dir("/proc".as_ref()).unwrap_or_default();
    all.iter().any(|path| {
        let environment = deployctl_sdk::fs::read(&path.join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&folder)
    })
}

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(300), "it never came about that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const SLOW: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: Begin, copy: {content: b, dest: \"{{ out }}/began\"}, run_once: true}\n    - {name: Slow, command: sleep 3, run_once: true}\n    - {name: End, copy: {content: e, dest: \"{{ out }}/ended\"}, run_once: true}\n";

fn interrupted(signals: usize) -> Context {
    let context = two_hosts(SLOW);
    let mut run = started(&context, Stdio::null());
    eventually("it begins", || context.file("began").exists());
    for _ in 0..signals {
        kill_process(Pid::from_child(&run), Signal::INT).unwrap();
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(run.wait().unwrap().code(), Some(5));
    eventually("nothing runs any more", || !still_runs(&context));
    context
}

#[test]
fn one_interrupt_lets_the_playbook_finish_and_two_end_it() {
    let context = interrupted(1);
    assert!(context.file("ended").exists(), "what ran was to be finished");
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
    let context = interrupted(2);
    assert!(!context.file("ended").exists(), "what was cancelled went on");
    done(context.run("apply --auto-approve"));
    assert!(context.file("ended").exists());
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
}

#[test]
fn a_rollback_runs_the_playbook_as_it_was_and_says_what_stays() {
    let context = with_ansible(Context::with(&format!(
        "resource \"ansible_playbook\" \"site\" {{\n  playbook = \"play/site.yml\"\n  extra_vars = {{ out = abspath(\".\") }}\n  inventory = {{{INVENTORY}\n  }}\n}}\n"
    )));
    let site = |what: &str| {
        format!(
            "- hosts: one\n  gather_facts: false\n  tasks:\n    - {{name: Write, copy: {{content: {what}, dest: \"{{{{ out }}}}/page\"}}}}\n"
        )
    };
    context.write("play/site.yml", &site("first"));
    done(context.run("apply --auto-approve"));
    context.write("play/site.yml", &site("second"));
    done(context.run("apply --auto-approve"));
    assert_eq!(context.read("page"), "second");
    let answer = context.run("rollback --auto-approve");
    assert_eq!(answer.code, 0, "{answer}");
    assert_eq!(context.read("page"), "first");
    assert!(
        answer.stdout.contains("does not mention any more stays")
            || answer.stderr.contains("does not mention any more stays"),
        "{answer}"
    );
}
