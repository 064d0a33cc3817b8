//! `plan`, and saved plans.

use crate::context::Context;

/// A configuration with a variable, a file that needs a value, a secret and an output.
pub const SITE: &str = r#"
variable "greeting" {
  type    = string
  default = "hello"
}

variable "token" {
  type      = string
  default   = "hunter2"
  sensitive = true
}

resource "value" "settings" {
  input = {
    greeting = var.greeting
    token    = var.token
  }
}

resource "local_file" "page" {
  path    = "out/page.txt"
  content = "${value.settings.output.greeting}\nsecond line\n"
}

output "page" {
  value = local_file.page.path
}
"#;

#[test]
fn a_first_plan_shows_what_comes() {
    let context = Context::with(SITE);
    insta::assert_snapshot!(context.run("plan"));
    assert!(!context.file(".deployctl").exists(), "a plan writes nothing");
    assert_eq!(context.run("plan -detailed-exitcode").code, 2);
}

#[test]
fn a_plan_for_programs_and_for_pull_requests() {
    let context = Context::with(SITE);
    let answer = context.run("plan --json");
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let document: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(document["format_version"], 1);
    assert_eq!(document["changes"][0]["action"], "create");
    assert_eq!(document["summary"]["create"], 2);
    assert!(!answer.stdout.contains("hunter2"));
    insta::assert_snapshot!(context.run("plan --markdown"));
}

#[test]
fn a_plan_after_an_apply_finds_nothing_to_do() {
    let context = Context::with(SITE);
    assert_eq!(context.run("apply -auto-approve").code, 0);
    insta::assert_snapshot!(context.run("plan -detailed-exitcode"), @r"
    exit 0
    --- stdout
    No changes. 2 resources are as configured.
    ");
}

#[test]
fn a_plan_of_a_change_shows_only_what_changes() {
    let context = Context::with(SITE);
    context.run("apply -auto-approve");
    insta::assert_snapshot!(context.run("plan --var greeting=goodbye"));
    insta::assert_snapshot!(context.run("plan -target value.settings --var greeting=goodbye"));
    insta::assert_snapshot!(context.run("plan -replace local_file.page"));
    insta::assert_snapshot!(context.run("plan -destroy"));
    context.write("out/page.txt", "changed by hand\nsecond line\n");
    insta::assert_snapshot!(context.run("plan"));
    insta::assert_snapshot!(context.run("plan -refresh-only"));
    insta::assert_snapshot!(context.run("plan -refresh=false"));
    context.write("main.hcl", "");
    insta::assert_snapshot!(context.run("plan"));
}

#[test]
fn a_saved_plan_is_applied_as_it_was_shown() {
    let context = Context::with(SITE);
    insta::assert_snapshot!(context.run("plan -out p.bin --var greeting=saved"));
    insta::assert_snapshot!(context.run("show p.bin"));
    let shown: serde_json::Value = serde_json::from_str(&context.run("show --json p.bin").stdout).unwrap();
    assert!(shown["format_version"] == 1 && shown["digest"].is_string() && shown["changes"].is_array());
    // What the checkout holds by now does not matter.
    context.write("main.hcl", "not even valid");
    insta::assert_snapshot!(context.run("apply p.bin"));
    assert_eq!(context.read("out/page.txt"), "saved\nsecond line\n");
    insta::assert_snapshot!(context.run("apply p.bin"));
}

#[test]
fn a_saved_plan_takes_no_more_decisions() {
    let context = Context::with(SITE);
    context.run("plan -o p.bin");
    insta::assert_snapshot!(context.run("apply p.bin --var greeting=x"));
    assert_eq!(context.run("apply p.bin -target value.settings").code, 64);
    assert_eq!(context.run("apply p.bin --env other").code, 64);
    assert_eq!(context.run("apply p.bin --var-file x").code, 64);
}

#[test]
fn a_tampered_plan_is_refused() {
    let context = Context::with(SITE);
    context.run("plan -o p.bin");
    let path = context.file("p.bin");
    let mut bytes = deployctl_sdk::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    insta::assert_snapshot!(context.run("apply p.bin"));
    context.write("p.bin", "hello");
    insta::assert_snapshot!(context.run("apply p.bin"));
    insta::assert_snapshot!(context.run("apply missing.bin"));
    assert!(!context.file("out").exists());
}

#[test]
fn mistakes_are_reported_with_their_places() {
    let context = Context::with("resource \"local_file\" \"page\" {\n  pth     = \"x\"\n  content = var.missing\n}\n");
    insta::assert_snapshot!(context.run("plan"));
    insta::assert_snapshot!(context.run("plan --json"));
    context.write("main.hcl", "variable \"tag\" {\n  type = string\n}\n");
    insta::assert_snapshot!(context.run("plan"));
    insta::assert_snapshot!(Context::new().run("plan"));
    insta::assert_snapshot!(context.run("-C nowhere plan"));
}

#[test]
fn environments_must_be_named_where_there_are_some() {
    let context = Context::with("environment \"staging\" {}\nenvironment \"prod\" {}\n");
    insta::assert_snapshot!(context.run("plan"));
    insta::assert_snapshot!(context.run("plan --env prd"));
    assert_eq!(context.run("plan --env prod").code, 0);
}

#[test]
fn what_is_protected_is_not_removed() {
    let text = "resource \"value\" \"a\" {\n  input = 1\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n";
    let context = Context::with(text);
    assert_eq!(context.run("apply -auto-approve").code, 0);
    insta::assert_snapshot!(context.run("destroy -auto-approve"));
    assert_eq!(context.run("state list").stdout, "value.a\n");
}
