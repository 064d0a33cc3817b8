//! Terraform's modules when things go wrong, and what must never show: the real program killed around and inside every call of
//! the engine, interrupted, and searched for secrets.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::context::{Answer, Context};
use crate::search::{files_below, watching_processes};

fn ok(answer: Answer) -> String {
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

fn terraform() -> String {
    let found = deployctl_sdk::program::find("terraform", Path::new("/"));
    let found = found.expect("there is no terraform in PATH: eval \"$(cargo xtask engines terraform)\"");
    found.to_string_lossy().into_owned()
}

/// A program that does what Terraform does, and kills whoever started it before or after its nth call: `KILL_AT` is twice the
/// number of the call, and one more for after it. Without `KILL_AT` it only counts.
fn deadly(context: &Context) {
    let script = format!(
        "#!/bin/sh\nn=$(cat count 2>/dev/null || echo 0)\ncd_=$PWD\necho $((n + 1)) > {count}\nexport STARTER=$PPID\n\
         test \"$KILL_AT\" = $((2 * n)) && {{ kill -9 $PPID; exit 1; }}\n\
         {real} \"$@\"\nstatus=$?\ntest \"$KILL_AT\" = $((2 * n + 1)) && kill -9 $PPID\nexit $status\n",
        count = context.file("count").display(),
        real = terraform()
    );
    let script =
        script.replace("$(cat count", &format!("$(cat {}", context.file("count").display())).replace("cd_=$PWD\n", "");
    deployctl_sdk::fs::write_new(&context.file("deadly"), script.as_bytes(), 0o755).unwrap();
}

fn configuration(size: u32) -> String {
    let module = |name: &str, vars: &str| {
        format!(
            "resource \"terraform_module\" \"{name}\" {{\n  path = \"{name}\"\n  binary = \"./deadly\"\n  vars = {{ {vars} }}\n}}\n"
        )
    };
    let second = module("second", "size = terraform_module.first.outputs.size");
    format!("{}{second}", module("first", &format!("size = {size}")))
}

/// Two modules, each with something made before and something made after a step that may kill deployctl itself.
fn prepare() -> Context {
    let context = Context::new();
    deadly(&context);
    for name in ["first", "second"] {
        let trap = context.file("trap");
        context.write(
            &format!("{name}/main.tf"),
            &format!(
                "variable \"size\" {{}}\nresource \"terraform_data\" \"before\" {{ input = var.size }}\n\
                 resource \"terraform_data\" \"middle\" {{\n  input = terraform_data.before.output\n  triggers_replace = [var.size]\n  \
                 provisioner \"local-exec\" {{ command = \"if test -e {trap}; then rm {trap}; kill -9 $STARTER; fi\" }}\n}}\n\
                 resource \"terraform_data\" \"after\" {{ input = terraform_data.middle.output }}\n\
                 output \"size\" {{ value = terraform_data.after.output }}\n",
                trap = trap.display()
            ),
        );
    }
    context.write("main.hcl", &configuration(1));
    context
}

fn states(context: &Context) -> Vec<usize> {
    let count = |name: &str| {
        let text = std::fs::read_to_string(context.file(&format!("{name}/terraform.tfstate"))).unwrap_or_default();
        let state: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        state["resources"].as_array().map_or(0, Vec::len)
    };
    vec![count("first"), count("second")]
}

/// Kills a command around every call of the engine, runs it again, and looks. How many points there were.
fn around_each_call(change: impl Fn(&Context), command: &str, left: usize) -> usize {
    let long = std::env::var_os("DEPLOYCTL_TEST_LONG").is_some();
    let mut points = 0;
    let mut at = 0;
    loop {
        let mut context = prepare();
        change(&context);
        let _ = std::fs::remove_file(context.file("count"));
        context.set("KILL_AT", &at.to_string());
        let killed = context.run(command);
        if killed.code == 0 {
            return points;
        }
        assert_eq!(killed.code, -1, "not killed at point {at}: {killed}");
        points += 1;
        context.set("KILL_AT", "");
        ok(context.run(command));
        assert_eq!(states(&context), [left, left], "after point {at}");
        if left > 0 {
            let plan = context.run("plan --detailed-exitcode");
            assert_eq!(plan.code, 0, "there is still something to do after point {at}: {plan}");
        }
        at += if long { 1 } else { 5 };
    }
}

#[test]
fn an_apply_killed_around_any_call_can_be_done_again() {
    assert!(around_each_call(|_| {}, "apply --auto-approve", 3) >= 3);
}

#[test]
fn a_change_killed_around_any_call_can_be_done_again() {
    let change = |context: &Context| {
        ok(context.run("apply --auto-approve"));
        context.write("main.hcl", &configuration(2));
    };
    let command = "apply --auto-approve --approve-deferred";
    assert!(around_each_call(change, command, 3) >= 2);
}

#[test]
fn a_destroy_killed_around_any_call_can_be_done_again() {
    let change = |context: &Context| _ = ok(context.run("apply --auto-approve"));
    assert!(around_each_call(change, "destroy --auto-approve", 0) >= 2);
}

#[test]
fn an_apply_killed_at_any_write_can_be_done_again() {
    let long = std::env::var_os("DEPLOYCTL_TEST_LONG").is_some();
    let mut points = 0;
    for point in (0..).step_by(if long { 1 } else { 6 }) {
        let mut context = prepare();
        context.set("DEPLOYCTL_TEST_CRASH_AT", &point.to_string());
        let killed = context.run("apply --auto-approve");
        if killed.code == 0 {
            break;
        }
        assert_eq!(killed.code, -1, "not killed at point {point}: {killed}");
        points += 1;
        context.set("DEPLOYCTL_TEST_CRASH_AT", "");
        ok(context.run("apply --auto-approve"));
        assert_eq!(states(&context), [3, 3]);
        assert_eq!(context.run("plan --detailed-exitcode").code, 0);
    }
    assert!(points >= 3, "there are only {points} points");
}

#[test]
fn an_apply_killed_in_the_middle_of_the_engines_work_can_be_done_again() {
    let context = prepare();
    context.write("trap", "");
    let killed = context.run("apply --auto-approve");
    assert_eq!(killed.code, -1, "{killed}");
    // The engine goes on, or notices; either way its state is whole.
    ok(context.run("apply --auto-approve"));
    assert_eq!(states(&context), [3, 3]);
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
    ok(context.run("destroy --auto-approve"));
    assert_eq!(states(&context), [0, 0]);
}

fn start(context: &Context) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployctl"));
    command.args(["apply", "--auto-approve"]).current_dir(context.path()).env("HOME", context.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn interrupts_let_the_engine_end_its_work_and_save_its_state() {
    for interrupts in [1, 2] {
        let context = Context::with(&format!(
            "resource \"terraform_module\" \"slow\" {{\n  path = \"slow\"\n  binary = \"{}\"\n}}\n",
            terraform()
        ));
        let began = context.file("began");
        context.write(
            "slow/main.tf",
            &format!(
                "resource \"terraform_data\" \"quick\" {{}}\nresource \"terraform_data\" \"slow\" {{\n  depends_on = [terraform_data.quick]\n  \
                 provisioner \"local-exec\" {{ command = \"touch {}; sleep 3\" }}\n}}\n",
                began.display()
            ),
        );
        let mut run = start(&context);
        let begun = Instant::now();
        while !began.exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the step did not begin");
            std::thread::sleep(Duration::from_millis(10));
        }
        for _ in 0..interrupts {
            kill_process(Pid::from_child(&run), Signal::INT).unwrap();
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(run.wait().unwrap().code(), Some(5));
        assert!(!context.file("slow/.terraform.tfstate.lock.info").exists(), "the engine's lock is left");
        let state: serde_json::Value = serde_json::from_str(&context.read("slow/terraform.tfstate")).unwrap();
        assert!(state["resources"].as_array().is_some_and(|resources| !resources.is_empty()));
        ok(context.run("apply --auto-approve"));
        assert_eq!(context.run("plan --detailed-exitcode").code, 0);
    }
}

const SECRET: &str = "planted-hunter2-in-a-variable";
const TOKEN: &str = "planted-token-in-the-environment";

const CARELESS: &str = r#"
variable "password" {}
resource "terraform_data" "user" { input = { name = "x", password = var.password } }
output "plain" { value = var.password }
output "dressed" { value = base64encode("user:${var.password}") }
output "through" { value = terraform_data.user.output.password }
"#;

/// Whether some bytes hold one of the two.
fn holds(bytes: &[u8]) -> bool {
    crate::search::holds(bytes, &[SECRET, TOKEN])
}

#[test]
fn no_secret_of_a_module_shows_anywhere() {
    let mut context = Context::with(&format!(
        r#"
variable "password" {{
  type      = string
  sensitive = true
}}
variable "token" {{
  type      = string
  sensitive = true
}}
resource "terraform_module" "net" {{
  path   = "net"
  binary = "{}"
  vars   = {{ password = var.password }}
  env    = {{ TOKEN = var.token }}
}}
output "plain" {{
  value     = terraform_module.net.outputs.plain
  sensitive = true
}}
"#,
        terraform()
    ));
    context.write("net/main.tf", CARELESS);
    context.set("DEPLOYCTL_VAR_password", SECRET);
    context.set("DEPLOYCTL_VAR_token", TOKEN);
    let (said, processes) = watching_processes(b"planted-", || {
        let mut said = Vec::new();
        for line in [
            "plan --out plan.bin",
            "plan --json",
            "plan --markdown",
            "show plan.bin",
            "show --json plan.bin",
            "--log-level trace apply plan.bin",
            "--json apply --auto-approve",
            "state show terraform_module.net",
            "state pull",
            "show --json",
            "plan --refresh-only",
        ] {
            let answer = context.run(line);
            said.push((line, answer));
        }
        said
    });
    for (line, answer) in &said {
        assert!(!holds(answer.to_string().as_bytes()), "`{line}` shows a secret");
        assert!(*line == "plan --markdown" || answer.code == 0, "{line}: {answer}");
    }
    assert!(processes.is_empty(), "a secret is an argument: {}", String::from_utf8_lossy(&processes));
    // Whoever asks for the output by name gets it.
    assert!(ok(context.run("output plain")).contains(SECRET));
    // A failure quotes nothing either.
    context.write("net/broken.tf", "resource \"terraform_data\" \"x\" {\n  lifecycle {\n    precondition {\n      condition = var.password == \"x\"\n      error_message = \"no\"\n    }\n  }\n}\n");
    let failed = context.run("plan");
    assert!(failed.code != 0 && !holds(failed.to_string().as_bytes()), "{failed}");

    let mut files = files_below(context.path());
    // The engine's own state is the engine's own, and holds it in clear.
    files.retain(|path| !path.starts_with(context.file("net")));
    assert!(files.iter().any(|path| path.ends_with("plan.bin")) && files.len() > 5);
    for path in files {
        let bytes = deployctl_sdk::fs::read(&path).unwrap();
        assert!(!holds(&bytes), "{} holds a secret", path.display());
    }
}
