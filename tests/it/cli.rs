//! The command line itself: usage, help, version.

use crate::context::Context;

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let context = Context::new();
    insta::assert_snapshot!(context.run("version --frobnicate"));
    insta::assert_snapshot!(context.run("deploi"));
    assert_eq!(context.run("").code, 64);
    assert_eq!(context.run("--help").code, 0);
    assert_eq!(context.run("version --help").code, 0);
}

#[test]
fn the_version_is_printed() {
    let context = Context::new();
    insta::assert_snapshot!(context.run("version"), @r"
    exit 0
    --- stdout
    deployctl 0.1.0
    ");
    assert_eq!(context.run("version -json").stdout, context.run("--json version").stdout);
    assert_eq!(context.run("--version").code, 0);
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let context = Context::new();
    let binary = env!("CARGO_BIN_EXE_deployctl");
    let piped = assert_cmd::Command::new("sh")
        .args(["-c", &format!("{binary} completions bash | true")])
        .current_dir(context.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&piped.stderr), "");
}
