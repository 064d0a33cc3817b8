//! Writing configurations, and asking about them: `init`, `validate`, `fmt`, `console`, `graph`, `schema`.

use crate::cli_plan::SITE;
use crate::context::Context;

#[test]
fn a_new_configuration_can_be_planned_as_it_stands() {
    let context = Context::new();
    insta::assert_snapshot!(context.run("init"));
    insta::assert_snapshot!(context.run("init"));
    insta::assert_snapshot!(context.run("plan"));
    assert_eq!(context.read(".deployctl/.gitignore"), "*\n");
}

#[test]
fn configurations_are_validated() {
    let context = Context::with(SITE);
    insta::assert_snapshot!(context.run("validate"));
    insta::assert_snapshot!(context.run("validate --json"));
    context.write(
        "main.hcl",
        "resource \"local_flie\" \"x\" {}\nresource \"value\" \"y\" {\n  input = value.z.output\n}\n",
    );
    insta::assert_snapshot!(context.run("validate"));
    insta::assert_snapshot!(context.run("validate --json"));
}

#[test]
fn expressions_are_evaluated() {
    let context = Context::with(SITE);
    for (expression, value) in [
        ("1 + \"2\"", "3\n"),
        ("upper(var.greeting)", "\"HELLO\"\n"),
        ("var.token", "(sensitive value)\n"),
        ("[for x in [1, 2] : x * 2]", "[2, 4]\n"),
        ("local_file.page.path", "(known after apply)\n"),
        ("-1", "-1\n"),
    ] {
        assert_eq!(context.run_args(&["console", "-e", expression]).stdout, value, "{expression}");
    }
    insta::assert_snapshot!(context.run_args(&["console", "-e", "5 % 0"]));
    insta::assert_snapshot!(context.run_args(&["console", "-e", "nope.x"]));
    insta::assert_snapshot!(context.run_args(&["console", "--json", "-e", "{ a = [1, null], b = var.token }"]));
    insta::assert_snapshot!(context.run_with_input("console", "1 + 1\n\nvar.nope\n\"x\"\n"));
}

#[test]
fn the_graph_is_printed() {
    let context = Context::with(SITE);
    insta::assert_snapshot!(context.run("graph"));
    insta::assert_snapshot!(context.run("graph value.settings"));
    insta::assert_snapshot!(context.run("graph --json"));
    insta::assert_snapshot!(context.run("graph value.nope"));
}

#[test]
fn schemas_are_shown() {
    let context = Context::new();
    insta::assert_snapshot!(context.run("schema"));
    insta::assert_snapshot!(context.run("schema local_file"));
    insta::assert_snapshot!(context.run("schema local_fil"));
    let document: serde_json::Value = serde_json::from_str(&context.run("schema --json").stdout).unwrap();
    assert_eq!(document["format_version"], 1);
}

#[test]
fn files_are_formatted() {
    let context = Context::with("a   =1\nlonger=  2\nb{\nc=3\n}\n");
    insta::assert_snapshot!(context.run("fmt --check"));
    insta::assert_snapshot!(context.run("fmt --diff --check"));
    insta::assert_snapshot!(context.run("fmt"));
    insta::assert_snapshot!(context.read("main.hcl"));
    assert_eq!(context.run("fmt --check").code, 0);
    insta::assert_snapshot!(context.run_with_input("fmt -", "x=1\n"));
    insta::assert_snapshot!(context.run_with_input("fmt -", "x = {\n"));
}
