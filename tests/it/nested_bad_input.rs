//! Terraform and Ansible where something is wrong with what they are given or with themselves: the exact words that a person
//! is told.
#![cfg(target_os = "linux")]

use std::process::Command;

use insta::assert_snapshot;

use crate::ansible::{programs, with_ansible};
use crate::context::Context;
use crate::terraform::engines;

/// What a command says, without what belongs to the machine and the version of an engine.
fn told(context: &Context, command: &str) -> String {
    let answer = context.run(command).to_string();
    let [terraform, _] = engines();
    let text = answer.replace(&terraform, "[TERRAFORM]").replace(&programs().display().to_string(), "[ANSIBLE]");
    let version = regex::Regex::new(r"(Terraform|OpenTofu|ansible-core) v?1?\d\.\d+\.\d+").unwrap();
    version.replace_all(&text, "$1 [VERSION]").into_owned()
}

/// A module that is as it should be, and a configuration with these attributes.
fn module(binary: &str, more: &str) -> Context {
    let context = Context::with(&format!(
        "resource \"terraform_module\" \"net\" {{\n  path   = \"net\"\n  binary = \"{binary}\"\n{more}}}\n"
    ));
    context.write("net/main.tf", "resource \"terraform_data\" \"a\" {}\n");
    context
}

fn script(context: &Context, text: &str) {
    let text = format!("#!/bin/sh\n{text}\n");
    deployctl_sdk::fs::write_new(&context.file("engine"), text.as_bytes(), 0o755).unwrap();
}

#[test]
fn a_module_without_its_program() {
    assert_snapshot!(told(&module("terraform-nowhere", ""), "plan"));
}

#[test]
fn a_module_with_a_program_that_is_too_old() {
    let context = module("./engine", "");
    script(&context, "echo Terraform v1.4.7");
    assert_snapshot!(told(&context, "plan"));
}

#[test]
fn a_module_whose_registry_cannot_be_reached() {
    let [engine, _] = engines();
    let mut context = module(&engine, "");
    context.write(
        "net/providers.tf",
        "terraform {\n  required_providers {\n    nothing = { source = \"registry.example.org/none/nothing\" }\n  }\n}\n",
    );
    // Nobody listens there.
    context.set("HTTPS_PROXY", "http://127.0.0.1:1");
    assert_snapshot!(told(&context, "plan"));
}

#[test]
fn a_module_whose_registry_never_answers_is_given_up_soon() {
    let [engine, _] = engines();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut context = module(&engine, "");
    context.write(
        "net/providers.tf",
        "terraform {\n  required_providers {\n    nothing = { source = \"registry.example.org/none/nothing\" }\n  }\n}\n",
    );
    context.set("HTTPS_PROXY", &format!("http://{}", silent.local_addr().unwrap()));
    let begun = std::time::Instant::now();
    let answer = context.run("plan");
    assert_eq!(answer.code, 1, "{answer}");
    assert!(answer.stderr.contains("the registry must be reachable from here"), "{answer}");
    // Nothing is measured: it would be waited for without an end.
    assert!(begun.elapsed() < std::time::Duration::from_secs(300));
}

#[test]
fn a_module_that_is_no_hcl() {
    let [engine, _] = engines();
    let context = module(&engine, "");
    context.write("net/main.tf", "resource \"terraform_data\" \"a\" {\n  input =\n}\n");
    assert_snapshot!(told(&context, "plan"));
}

#[test]
fn a_module_that_means_nothing() {
    let [engine, _] = engines();
    let context = module(&engine, "");
    context.write("net/main.tf", "output \"x\" {\n  value = terraform_data.nothing.id\n}\n");
    assert_snapshot!(told(&context, "plan"));
}

#[test]
fn a_module_in_a_workspace_that_is_not_there() {
    let [engine, _] = engines();
    assert_snapshot!(told(&module(&engine, "  workspace = \"blue\"\n"), "plan"));
}

#[test]
fn a_module_whose_engine_does_not_answer_in_json() {
    let [engine, _] = engines();
    let context = module("./engine", "");
    script(&context, &format!("if test \"$1\" = show; then echo hunter2; else exec {engine} \"$@\"; fi"));
    assert_snapshot!(told(&context, "plan"));
}

#[test]
fn a_module_that_fails_half_way() {
    let [engine, _] = engines();
    let context = module(&engine, "");
    context.write(
        "net/main.tf",
        "resource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"b\" {\n  input = terraform_data.a.id\n  \
         provisioner \"local-exec\" {\n    command = \"echo no room left >&2; exit 3\"\n  }\n}\n",
    );
    assert_snapshot!(told(&context, "apply --auto-approve"));
}

const HERE: &str = r#"{ all = { hosts = ["one"], vars = { ansible_connection = "local", ansible_python_interpreter = "{{ ansible_playbook_python }}" } } }"#;

const SITE: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: Greet, debug: {msg: hi}}\n";

fn playbook(site: &str, inventory: &str, more: &str) -> Context {
    let context = with_ansible(Context::with(&format!(
        "resource \"ansible_playbook\" \"site\" {{\n  playbook  = \"play/site.yml\"\n  inventory = {inventory}\n{more}}}\n"
    )));
    context.write("play/site.yml", site);
    context
}

#[test]
fn a_playbook_without_its_program() {
    assert_snapshot!(told(&playbook(SITE, HERE, "  binary    = \"ansible-nowhere\"\n"), "plan"));
}

#[test]
fn a_playbook_with_a_program_that_is_too_old() {
    let context = playbook(SITE, HERE, "  binary    = \"./engine\"\n");
    script(&context, r#"echo '{"event":"start","protocol":1,"version":"2.9.27"}'; sleep 60"#);
    assert_snapshot!(told(&context, "plan"));
}

#[test]
fn a_playbook_whose_program_does_not_answer_in_json() {
    let context = playbook(SITE, HERE, "  binary    = \"./engine\"\n");
    script(&context, "echo PLAY RECAP");
    assert_snapshot!(told(&context, "plan"));
}

#[test]
fn a_playbook_with_a_mistake_in_its_yaml() {
    let site = "- hosts: all\n  tasks:\n    - name: Greet\n      debug: {msg: hi}\n   - bad\n";
    assert_snapshot!(told(&playbook(site, HERE, ""), "plan"));
}

#[test]
fn a_playbook_with_a_module_that_is_not_there() {
    assert_snapshot!(told(&playbook(&SITE.replace("debug", "debgu"), HERE, ""), "plan"));
}

#[test]
fn a_playbook_whose_hosts_are_not_in_the_inventory() {
    assert_snapshot!(told(&playbook(&SITE.replace("all", "db"), HERE, ""), "plan"));
}

#[test]
fn a_playbook_whose_vault_another_password_opens() {
    let context = playbook(SITE, HERE, "  vault_password_file = \"wrong\"\n");
    context.write("right", "right password\n");
    context.write("wrong", "wrong password\n");
    context.write("play/group_vars/all.yml", "inner: hunter2\n");
    let sealed = Command::new(programs().join("ansible-vault"))
        .args(["encrypt", "--vault-password-file", "right", "play/group_vars/all.yml"])
        .current_dir(context.path())
        .output()
        .unwrap();
    assert!(sealed.status.success(), "{sealed:?}");
    assert_snapshot!(told(&context, "plan"));
}

/// A host behind a port that nobody listens on.
const NOWHERE: &str = r#"{ all = { hosts = { far = { ansible_host = "127.0.0.1", ansible_port = 1 } } } }"#;

#[test]
fn a_host_that_cannot_be_reached_when_planning() {
    assert_snapshot!(told(&playbook(&SITE.replace("debug: {msg: hi}", "ping: {}"), NOWHERE, ""), "plan"));
}

#[test]
fn a_host_that_cannot_be_reached_when_applying() {
    let context = playbook(&SITE.replace("debug: {msg: hi}", "ping: {}"), NOWHERE, "  unreachable_retries = 0\n");
    assert_snapshot!(told(&context, "apply --auto-approve"));
}
