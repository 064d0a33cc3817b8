//! `apply`, `destroy`, `rollback` and what follows from them.

use crate::cli_plan::SITE;
use crate::context::Context;

#[test]
fn nothing_is_applied_without_a_yes() {
    let context = Context::with(SITE);
    insta::assert_snapshot!(context.run("apply"));
    insta::assert_snapshot!(context.run_with_input("destroy", "yes\n"));
    assert!(!context.file("out").exists());
}

#[test]
fn what_was_applied_is_changed_rolled_back_and_destroyed() {
    let context = Context::with(SITE);
    insta::assert_snapshot!(context.run("apply -auto-approve"));
    assert_eq!(context.read("out/page.txt"), "hello\nsecond line\n");
    insta::assert_snapshot!(context.run("apply -auto-approve"));
    insta::assert_snapshot!(context.run("deploy -auto-approve --var greeting=goodbye"));
    assert_eq!(context.read("out/page.txt"), "goodbye\nsecond line\n");
    insta::assert_snapshot!(context.run("rollback --auto-approve"));
    assert_eq!(context.read("out/page.txt"), "hello\nsecond line\n");
    insta::assert_snapshot!(context.run("history"));
    insta::assert_snapshot!(context.run("destroy -auto-approve"));
    assert!(!context.file("out/page.txt").exists());
    insta::assert_snapshot!(context.run("destroy -auto-approve"));
}

const FAILS: &str = r#"
resource "value" "first" {
  input = 1
}

resource "local_command" "breaks" {
  create     = ["sh", "-c", "echo to the log; echo what went wrong >&2; exit 3"]
  depends_on = [value.first]
}

resource "value" "after" {
  input      = 2
  depends_on = [local_command.breaks]
}

resource "value" "beside" {
  input = 3
}
"#;

#[test]
fn a_failure_is_told_and_the_next_apply_goes_on() {
    let context = Context::with(FAILS);
    insta::assert_snapshot!(context.run("apply -auto-approve -parallelism 1"));
    insta::assert_snapshot!(context.run("plan"));
    context.write("main.hcl", &FAILS.replace("exit 3", "exit 0"));
    assert_eq!(context.run("apply -auto-approve").code, 0);
    assert_eq!(context.run("plan -detailed-exitcode").code, 0);
    assert_eq!(context.run("destroy -auto-approve").code, 0);
}

#[test]
fn a_run_for_programs_is_a_stream_of_events() {
    let context = Context::with(SITE);
    let answer = context.run("apply -auto-approve -json");
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let events: Vec<serde_json::Value> =
        answer.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["format_version"] == 1 && event["at"].is_string()));
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert!(names.contains(&"planned") && names.last() == Some(&"apply_finished"), "{names:?}");
    assert!(!answer.stdout.contains("hunter2"));
    assert_eq!(context.run("apply --json").code, 1, "nobody is asked, so nobody can agree");
}

#[test]
fn a_rollback_works_with_a_broken_checkout() {
    let context = Context::with(SITE);
    context.run("apply -auto-approve");
    context.run("apply -auto-approve --var greeting=second");
    context.write("main.hcl", "resource {");
    assert_eq!(context.run("plan").code, 65);
    let answer = context.run("rollback -auto-approve");
    assert_eq!(answer.code, 0, "{answer}");
    assert_eq!(context.read("out/page.txt"), "hello\nsecond line\n");
}

#[test]
fn there_may_be_nothing_to_go_back_to() {
    let context = Context::with(SITE);
    context.run("apply -auto-approve");
    insta::assert_snapshot!(context.run("rollback --auto-approve"));
    insta::assert_snapshot!(context.run("rollback --auto-approve --to 99"));
}
