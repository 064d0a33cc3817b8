//! Secrets that a playbook is given and makes, searched for in everything that is said and left, and in what processes are
//! started with.
#![cfg(target_os = "linux")]

use std::process::Command;

use crate::ansible::{programs, with_ansible};
use crate::context::Context;
use crate::kill_points::at_its_own;
use crate::search::{files_below, holds, watching_processes};

/// All of them begin like this, so that one look at the machine's processes is enough.
const PLANTED: &str = "hushed-";

const SECRETS: [&str; 5] = [
    "hushed-variable-c0ffee42",
    "hushed-in-a-vault-9f2c41d7",
    "hushed-by-no-log-5ca1ab1e",
    "hushed-of-a-host-0ddba115",
    "hushed-password-of-vaults",
];

const CAREFUL: &str = r#"
variable "password" {
  type      = string
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
"#;

const CARELESS: &str = r#"
- hosts: all
  gather_facts: false
  vars: {hidden: "{{ lookup('file', 'hidden') }}"}
  tasks:
    - {name: "Write {{ password }}", copy: {content: "{{ password }} {{ vaulted }} {{ secret }} {{ vaulted | b64encode }}", dest: "{{ out }}/out"}}
    - {name: Quiet, copy: {content: "{{ hidden }}", dest: "{{ out }}/quiet"}, no_log: true}
    - {name: Tell, set_stats: {data: {token: "{{ hidden }}", more: "{{ vaulted }}"}}, no_log: true}
    - {name: Fail, fail: {msg: "{{ password }} {{ vaulted }}"}, when: "lookup('env', 'FAIL_NOW') == 'yes'"}
"#;

/// A playbook with a secret in everything that can hold one.
fn planted() -> Context {
    let [variable, vaulted, hidden, of_a_host, password] = SECRETS;
    let context = with_ansible(Context::with(CAREFUL));
    context.write("values.auto.vars.hcl", &format!("of_a_host = \"{of_a_host}\"\npassword = \"{variable}\"\n"));
    context.write("password", &format!("{password}\n"));
    context.write("play/hidden", hidden);
    context.write("play/group_vars/all.yml", &format!("vaulted: {vaulted}\n"));
    context.write("play/site.yml", CARELESS);
    let sealed = Command::new(programs().join("ansible-vault"))
        .args(["encrypt", "--vault-password-file", "password", "play/group_vars/all.yml"])
        .current_dir(context.path())
        .output()
        .unwrap();
    assert!(sealed.status.success(), "{sealed:?}");
    context
}

/// What is said of it by every command that could say something of it.
fn all_that_is_said(context: &mut Context) -> Vec<(&'static str, String)> {
    let lines = [
        "plan --out plan.bin",
        "show plan.bin",
        "show --json plan.bin",
        "plan --markdown",
        "apply plan.bin",
        "show",
        "show --json",
        "status",
        "history",
        "state pull",
        "output",
        "state show ansible_playbook.site",
        "plan --json",
    ];
    let mut said = Vec::new();
    for line in lines {
        let answer = context.run(line);
        assert_eq!(answer.code, 0, "{line}: {answer}");
        said.push((line, answer.to_string()));
    }
    context.set("FAIL_NOW", "yes");
    let line = "apply --auto-approve --replace ansible_playbook.site --log-level debug";
    let failed = context.run(line);
    assert_eq!(failed.code, 1, "{failed}");
    said.push((line, failed.to_string()));
    said
}

#[test]
fn no_secret_is_found_in_anything_that_is_left_or_said() {
    let mut context = planted();
    let (said, processes) = watching_processes(PLANTED.as_bytes(), || all_that_is_said(&mut context));
    let written = (context.read("out"), context.read("quiet"));
    assert!(found_in(written.0.as_bytes()).len() == 3 && written.1 == SECRETS[2], "nothing was planted: {written:?}");
    assert!(processes.is_empty(), "a secret is an argument: {}", String::from_utf8_lossy(&processes));
    for (line, text) in &said {
        assert_eq!(found_in(text.as_bytes()), Vec::<&str>::new(), "in what `{line}` said");
    }
    nothing_is_found_in(&context, &["plan.bin"]);

    // In the middle of a run there is a journal too, and a private folder with what Ansible needs in clear.
    context.set("FAIL_NOW", "no");
    let values = context.read("values.auto.vars.hcl").replace(SECRETS[0], &format!("another-{}", SECRETS[0]));
    context.write("values.auto.vars.hcl", &values);
    assert!(at_its_own(&context, "apply --auto-approve", IN_THE_MIDDLE));
    assert!(!context.read(".deployctl/default/journal").is_empty());
    nothing_is_found_in(&context, &[]);
}

/// A point of an apply of one playbook when it is done and noted, and the run has not ended yet.
const IN_THE_MIDDLE: usize = 12;

/// Nothing of ours, and none of these files, holds a secret.
fn nothing_is_found_in(context: &Context, more: &[&str]) {
    let ours = files_below(&context.file(".deployctl"));
    assert!(ours.len() > 5, "{ours:?}");
    let private = context.file(".deployctl/default/ansible/runs");
    let more = more.iter().map(|name| context.file(name));
    for file in ours.into_iter().filter(|path| !path.starts_with(&private)).chain(more) {
        let bytes = deployctl_sdk::fs::read(&file).unwrap();
        assert_eq!(found_in(&bytes), Vec::<&str>::new(), "in {}", file.display());
    }
}

/// The secrets in something, as they are, encoded or packed.
fn found_in(bytes: &[u8]) -> Vec<&'static str> {
    SECRETS.into_iter().filter(|secret| holds(bytes, &[secret])).collect()
}
