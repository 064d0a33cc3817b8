//! Looking at the state, and mending it.

use crate::cli_plan::SITE;
use crate::context::Context;

fn applied() -> Context {
    let context = Context::with(SITE);
    let answer = context.run("apply -auto-approve");
    assert_eq!(answer.code, 0, "{answer}");
    context
}

#[test]
fn an_empty_folder_has_an_empty_state() {
    let context = Context::with(SITE);
    for line in ["show", "list", "state list", "status", "history", "output", "state locks"] {
        insta::assert_snapshot!(line.replace(' ', "_"), context.run(line));
    }
    assert!(!context.file(".deployctl").exists(), "looking writes nothing");
}

#[test]
fn the_state_is_shown() {
    let context = applied();
    insta::assert_snapshot!(context.run("show"));
    insta::assert_snapshot!(context.run("state show local_file.page"));
    insta::assert_snapshot!(context.run("state list"));
    insta::assert_snapshot!(context.run("list --json"));
    insta::assert_snapshot!(context.run("status"));
    insta::assert_snapshot!(context.run("show local_file.pgae"));
    let shown: serde_json::Value = serde_json::from_str(&context.run("show --json").stdout).unwrap();
    assert_eq!(shown["resources"].as_array().unwrap().len(), 2);
    assert!(!context.run("show --json").stdout.contains("hunter2"));
}

#[test]
fn outputs_are_bare_by_name() {
    let context = applied();
    insta::assert_snapshot!(context.run("output"));
    assert_eq!(context.run("output page").stdout, "out/page.txt\n");
    assert_eq!(context.run("output --json page").stdout, "\"out/page.txt\"\n");
    assert_eq!(context.run("output --json").stdout, "{\"page\":\"out/page.txt\"}\n");
    insta::assert_snapshot!(context.run("output pag"));
}

#[test]
fn resources_are_moved_and_forgotten() {
    let context = applied();
    insta::assert_snapshot!(context.run("state mv local_file.page local_file.start"));
    let moved =
        SITE.replace("\"page\" {\n  path", "\"start\" {\n  path").replace("local_file.page", "local_file.start");
    context.write("main.hcl", &moved);
    insta::assert_snapshot!(context.run("plan"));
    insta::assert_snapshot!(context.run("state mv local_file.nowhere local_file.x"));
    insta::assert_snapshot!(context.run("state mv local_file.start value.x"));
    insta::assert_snapshot!(context.run("state rm local_file.start"));
    insta::assert_snapshot!(context.run("state rm local_file.start"));
    assert!(context.file("out/page.txt").exists());
    insta::assert_snapshot!(context.run("history"));
}

#[test]
fn states_are_compared() {
    let context = applied();
    context.run("apply -auto-approve --var greeting=second");
    insta::assert_snapshot!(context.run("state diff 1"));
    insta::assert_snapshot!(context.run("state diff 1 2"));
    insta::assert_snapshot!(context.run("state diff 7"));
}

#[test]
fn a_state_is_pulled_and_pushed() {
    let context = applied();
    let pulled = context.run("state pull");
    assert_eq!(pulled.code, 0);
    assert!(!pulled.stdout.contains("hunter2"));
    let raw = context.command().args(["state", "pull"]).output().unwrap().stdout;
    std::fs::write(context.file("state.json"), raw).unwrap();
    context.run("apply -auto-approve --var greeting=second");
    insta::assert_snapshot!(context.run("state push state.json"));
    insta::assert_snapshot!(context.run("state push --force state.json"));
    insta::assert_snapshot!(context.run("plan --var greeting=second"));
    context.write("state.json", "{}");
    insta::assert_snapshot!(context.run("state push --force state.json"));
}

#[test]
fn locks_are_listed_and_broken() {
    let context = applied();
    insta::assert_snapshot!(context.run("state locks"));
    insta::assert_snapshot!(context.run("state unlock 6d6f1dbb-1d7a-4f1e-9d5c-0a1b2c3d4e5f --force"));
    insta::assert_snapshot!(context.run("state unlock not-a-uuid"));
}

#[test]
fn old_revisions_are_pruned_on_request() {
    let context = applied();
    insta::assert_snapshot!(context.run("state prune"));
    insta::assert_snapshot!(context.run("state prune --apply"));
}

#[test]
fn an_edited_state_is_refused() {
    let context = applied();
    let text = context.read(".deployctl/default/state.json");
    context.write(".deployctl/default/state.json", &text.replace("out/page.txt", "out/pagf.txt"));
    insta::assert_snapshot!(context.run("plan"));
    context.write(".deployctl/default/state.json", &text[..text.len() / 2]);
    assert_eq!(context.run("plan").code, 1);
}

#[test]
fn a_lost_state_is_rebuilt_from_the_marks() {
    let context = applied();
    insta::assert_snapshot!(context.run("state recover"));
    std::fs::remove_file(context.file(".deployctl/default/state.json")).unwrap();
    insta::assert_snapshot!(context.run("state recover"));
    assert_eq!(context.run("plan -detailed-exitcode").code, 0);
}

#[test]
fn what_exists_is_imported_and_never_taken_over() {
    let block = "resource \"local_file\" \"hand\" {\n  path    = \"hand.txt\"\n  content = \"by hand\\n\"\n}\n";
    let context = Context::with(block);
    context.write("hand.txt", "by hand\n");
    let refused = context.run("apply -auto-approve");
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("deployctl import 'local_file.hand' 'hand.txt'"), "{refused}");
    insta::assert_snapshot!(context.run("import local_file.hand hand.txt"));
    assert_eq!(context.run("plan -refresh-only").code, 0);
    insta::assert_snapshot!(context.run("import local_file.hand hand.txt"));
    insta::assert_snapshot!(context.run("import local_file.nope hand.txt"));
}

#[test]
fn a_state_is_taken_over_from_another_folder() {
    let old = applied();
    let context = Context::with(SITE);
    let from = old.path().to_string_lossy().into_owned();
    let answer = context.run_args(&["state", "migrate", &from]);
    assert_eq!(answer.code, 0, "{answer}");
    assert_eq!(context.run("state list").stdout, old.run("state list").stdout);
    assert_eq!(context.run_args(&["state", "migrate", &from]).code, 1, "there is a state already");
    assert_eq!(context.run("state migrate nowhere").code, 64);
}
