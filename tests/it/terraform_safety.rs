//! Terraform's modules interrupted, and what must never show: everything that the real program says and leaves is searched
//! for secrets.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::context::{Answer, Context};
use crate::kill_points::at_its_own;
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

    // In the middle of a run there is a journal too.
    context.write("net/broken.tf", "resource \"terraform_data\" \"more\" { input = var.password }\n");
    assert!(at_its_own(&context, "apply --auto-approve", IN_THE_MIDDLE));
    assert!(!context.read(".deployctl/default/journal").is_empty());

    let mut files = files_below(context.path());
    // The engine's own state is the engine's own, and holds it in clear; so does what it is given in a private folder while it
    // works.
    let private = |path: &Path| path.components().any(|part| part.as_os_str() == "private");
    files.retain(|path| !path.starts_with(context.file("net")) && !private(path));
    assert!(files.iter().any(|path| path.ends_with("plan.bin")) && files.len() > 5);
    for path in files {
        let bytes = deployctl_sdk::fs::read(&path).unwrap();
        assert!(!holds(&bytes), "{} holds a secret", path.display());
    }
}

/// A point of an apply of one module when it is done and noted, and the run has not ended yet.
const IN_THE_MIDDLE: usize = 12;
