//! Playbooks with the real program: values that flow both ways, runs that are killed and interrupted, and secrets that are
//! searched for in everything that is left.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::context::{Answer, Context};
use crate::search::{files_below, holds};

/// The folder with Ansible's programs.
pub fn programs() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|cache| cache.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let folder = cache.or_else(home).unwrap_or_default().join("deployctl/engines/ansible-2.19.14/bin");
    let there = folder.join("ansible-playbook").is_file();
    assert!(there, "there is no ansible-playbook in {}; run `cargo xtask engines ansible`", folder.display());
    folder
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

const SECRETS: [&str; 4] = ["VARIABLE-c0ffee42", "VAULTED-9f2c41d7", "HIDDEN-5ca1ab1e", "HOSTVAR-0ddba115"];

#[test]
fn no_secret_is_found_in_anything_that_is_left_or_said() {
    let context = with_ansible(Context::with(
        r#"
variable "password" {
  type      = string
  default   = "VARIABLE-c0ffee42"
  sensitive = true
}
variable "of_a_host" {
  type      = string
  sensitive = true
}
resource "ansible_playbook" "site" {
  playbook            = "play/site.yml"
  vault_password_file = "password"
  extra_vars          = { password = var.password, out = abspath(".") }
  inventory = {
    all = {
      hosts = { one = { secret = var.of_a_host } }
      vars  = { ansible_connection = "local", ansible_python_interpreter = "{{ ansible_playbook_python }}" }
    }
  }
}
output "token" {
  value     = ansible_playbook.site.facts.token
  sensitive = true
}
"#,
    ));
    context.write("main.hcl", &context.read("main.hcl").replace("VARIABLE-c0ffee42", ""));
    context.write("values.auto.vars.hcl", "of_a_host = \"HOSTVAR-0ddba115\"\npassword = \"VARIABLE-c0ffee42\"\n");
    context.write("password", "a password of vaults\n");
    context.write("play/hidden", "HIDDEN-5ca1ab1e");
    context.write("play/group_vars/all.yml", "vaulted: VAULTED-9f2c41d7\n");
    let sealed = Command::new(programs().join("ansible-vault"))
        .args(["encrypt", "--vault-password-file", "password", "play/group_vars/all.yml"])
        .current_dir(context.path())
        .output()
        .unwrap();
    assert!(sealed.status.success(), "{sealed:?}");
    context.write(
        "play/site.yml",
        "
- hosts: all
  gather_facts: false
  vars: {hidden: \"{{ lookup('file', 'hidden') }}\"}
  tasks:
    - {name: \"Write {{ password }}\", copy: {content: \"{{ password }} {{ vaulted }} {{ secret }} {{ vaulted | b64encode }}\", dest: \"{{ out }}/out\"}}
    - {name: Quiet, copy: {content: \"{{ hidden }}\", dest: \"{{ out }}/quiet\"}, no_log: true}
    - {name: Tell, set_stats: {data: {token: \"{{ hidden }}\", more: \"{{ vaulted }}\"}}, no_log: true}
    - {name: Fail, fail: {msg: \"{{ password }} {{ vaulted }}\"}, when: \"lookup('env', 'FAIL_NOW') == 'yes'\"}
",
    );
    let mut said = Vec::new();
    let mut run = |line: &str, code: i32| {
        let answer = context.run(line);
        assert_eq!(answer.code, code, "{line}: {answer}");
        said.push((line.to_owned(), format!("{}{}", answer.stdout, answer.stderr)));
    };
    run("plan --out plan.bin", 0);
    run("show plan.bin", 0);
    run("show --json plan.bin", 0);
    run("plan --markdown", 0);
    run("apply plan.bin", 0);
    for line in ["show", "show --json", "status", "history", "state pull", "output", "state show ansible_playbook.site"]
    {
        run(line, 0);
    }
    run("plan --json", 0);
    let mut failing = with_ansible(Context::new());
    failing.set("FAIL_NOW", "yes");
    let answer = failing
        .command()
        .current_dir(context.path())
        .args(["apply", "--auto-approve", "--replace", "ansible_playbook.site", "--log-level", "debug"])
        .output()
        .unwrap();
    assert_eq!(answer.status.code(), Some(1), "{}", String::from_utf8_lossy(&answer.stderr));
    said.push(("a failing apply".to_owned(), format!("{answer:?}")));
    assert!(
        context.read("out").contains("VAULTED-9f2c41d7") && context.read("quiet").contains("HIDDEN"),
        "nothing was planted"
    );

    for (line, text) in &said {
        assert_eq!(found_in(text.as_bytes()), Vec::<&str>::new(), "in what `{line}` said");
    }
    let ours = files_below(&context.file(".deployctl"));
    assert!(ours.len() > 5, "{ours:?}");
    for file in ours.iter().chain([&context.file("plan.bin")]) {
        let bytes = deployctl_sdk::fs::read(file).unwrap();
        assert_eq!(found_in(&bytes), Vec::<&str>::new(), "in {}", file.display());
    }
}

/// The secrets in something, as they are, encoded or packed.
fn found_in(bytes: &[u8]) -> Vec<&'static str> {
    SECRETS.into_iter().filter(|secret| holds(bytes, &[secret])).collect()
}
