//! Modules whose state is not in a file: behind HTTP with its own lock, and in S3 with workspaces. And ten modules that fill one
//! cache of plugins at one time.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine as _;

use crate::context::{Answer, Context};
use crate::kill_points;
use crate::search::{files_below, holds};
use crate::terraform::engines;
use crate::terraform_aws::{endpoint, request};

const PASSWORD: &str = "planted-password-of-a-backend";

#[track_caller]
fn ok(answer: Answer) -> String {
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

/// What a server of Terraform's `http` backend keeps.
#[derive(Default)]
struct Kept {
    state: Option<Vec<u8>>,
    lock: Option<Vec<u8>>,
    locked: usize,
}

/// A server of Terraform's `http` backend: <https://developer.hashicorp.com/terraform/language/backend/http>.
fn server() -> (String, Arc<Mutex<Kept>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/state", listener.local_addr().unwrap());
    let kept = Arc::new(Mutex::new(Kept::default()));
    let shared = kept.clone();
    // Ends with the test.
    std::thread::spawn(move || {
        listener.incoming().map_while(Result::ok).for_each(|stream| _ = answer(stream, &shared));
    });
    (address, kept)
}

fn answer(mut stream: TcpStream, kept: &Mutex<Kept>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut length, mut known) = (String::new(), 0, false);
    reader.read_line(&mut first)?;
    let user = format!("basic {}", base64::engine::general_purpose::STANDARD.encode(format!("ana:{PASSWORD}")));
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => known = value.eq_ignore_ascii_case(&user),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut kept = kept.lock().unwrap();
    let (status, body) = match first.split_once(' ').map_or("", |(method, _)| method) {
        _ if !known => ("401 Unauthorized", Vec::new()),
        "GET" => kept.state.clone().map_or(("404 Not Found", Vec::new()), |state| ("200 OK", state)),
        "POST" => {
            kept.state = Some(body);
            ("200 OK", Vec::new())
        }
        "LOCK" if kept.lock.is_some() => ("423 Locked", kept.lock.clone().unwrap()),
        "LOCK" => {
            kept.lock = Some(body);
            kept.locked += 1;
            ("200 OK", Vec::new())
        }
        "UNLOCK" => {
            kept.lock = None;
            ("200 OK", Vec::new())
        }
        _ => ("405 Method Not Allowed", Vec::new()),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

fn behind_http(engine: &str, address: &str) -> Context {
    let mut context = Context::with(&format!(
        r#"
variable "password" {{
  type      = string
  sensitive = true
}}
resource "terraform_module" "net" {{
  path   = "net"
  binary = "{engine}"
  backend_config = {{
    address        = "{address}"
    lock_address   = "{address}"
    unlock_address = "{address}"
    username       = "ana"
    password       = var.password
  }}
}}
output "id" {{ value = terraform_module.net.outputs.id }}
"#
    ));
    context.set("DEPLOYCTL_VAR_password", PASSWORD);
    let trap = context.file("trap");
    let trap = trap.display();
    context.write(
        "net/main.tf",
        &format!(
            "terraform {{\n  backend \"http\" {{}}\n}}\nresource \"terraform_data\" \"a\" {{\n  \
             provisioner \"local-exec\" {{ command = \"if test -e {trap}; then rm {trap}; kill -9 $(cat {trap}.pid); sleep 1; fi\" }}\n}}\n\
             resource \"terraform_data\" \"b\" {{ input = terraform_data.a.id }}\noutput \"id\" {{ value = terraform_data.b.output }}\n"
        ),
    );
    context
}

#[test]
fn a_state_behind_http_is_used_locked_and_given_back() {
    for engine in engines() {
        let (address, kept) = server();
        let context = behind_http(&engine, &address);
        ok(context.run("apply --auto-approve"));
        assert!(!context.file("net/terraform.tfstate").exists());
        assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes"));
        assert!(kept.lock().unwrap().locked >= 2, "the lock was never taken");
        assert!(kept.lock().unwrap().lock.is_none(), "the lock was not given back");

        // Somebody else works on it.
        let lock = br#"{"ID":"0000-1111","Operation":"OperationTypeApply","Who":"ben@laptop","Created":"2026-11-21T10:00:00Z"}"#;
        kept.lock().unwrap().lock = Some(lock.to_vec());
        let locked = context.run("plan");
        assert_eq!(locked.code, 1, "{locked}");
        let told = &locked.stderr;
        // Terraform itself does not say who it is.
        let who =
            if engine.ends_with("tofu") { "ben@laptop (Apply), since " } else { "another, under the ID 0000-1111" };
        assert!(told.contains(&format!("the module's state is locked by {who}")), "{told}");
        assert!(told.contains("force-unlock 0000-1111"), "{told}");
        kept.lock().unwrap().lock = None;

        // The engine notes the backend's settings in clear while it works, and not longer.
        for path in files_below(&context.file(".deployctl")) {
            let found = holds(&deployctl_sdk::fs::read(&path).unwrap(), &[PASSWORD]);
            assert!(!found, "{} holds the backend's password", path.display());
        }
        ok(context.run("destroy --auto-approve"));
        let left: serde_json::Value = serde_json::from_slice(kept.lock().unwrap().state.as_ref().unwrap()).unwrap();
        assert_eq!(left["resources"], serde_json::json!([]));
    }
}

#[test]
fn a_run_killed_while_its_engine_holds_a_remote_lock_leaves_neither_the_lock_nor_anything_unknown() {
    for engine in engines() {
        let (address, kept) = server();
        let context = behind_http(&engine, &address);
        context.write("trap", "");
        let mut run = kill_points::prepared(&context, "apply --auto-approve")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        context.write("trap.pid", &run.id().to_string());
        assert_eq!(run.wait().unwrap().code(), None, "it was not killed");
        ok(context.run("apply --auto-approve"));
        assert!(kept.lock().unwrap().lock.is_none());
        let state: serde_json::Value = serde_json::from_slice(kept.lock().unwrap().state.as_ref().unwrap()).unwrap();
        assert_eq!(state["resources"].as_array().unwrap().len(), 2);
        assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes"));
        ok(context.run("destroy --auto-approve"));
    }
}

#[test]
fn a_state_in_s3_is_used_with_workspaces_that_exist() {
    let endpoint = endpoint();
    for engine in engines() {
        let bucket = format!("states-{}", uuid::Uuid::new_v4().simple());
        request(&endpoint, "PUT", &format!("/{bucket}"));
        let configuration = |workspace: &str| {
            format!(
                r#"
resource "terraform_module" "net" {{
  path      = "net"
  binary    = "{engine}"
  workspace = "{workspace}"
  vars      = {{ name = "a" }}
  backend_config = {{
    bucket                      = "{bucket}"
    key                         = "net/terraform.tfstate"
    region                      = "eu-central-1"
    use_path_style              = "true"
    use_lockfile                = "true"
    skip_credentials_validation = "true"
    skip_requesting_account_id  = "true"
    skip_metadata_api_check     = "true"
  }}
  env = {{
    AWS_ENDPOINT_URL_S3   = "{endpoint}"
    AWS_ACCESS_KEY_ID     = "test"
    AWS_SECRET_ACCESS_KEY = "test"
  }}
}}
"#
            )
        };
        let context = Context::with(&configuration("default"));
        context.write(
            "net/main.tf",
            "terraform {\n  backend \"s3\" {}\n}\nvariable \"name\" {}\nresource \"terraform_data\" \"a\" { input = var.name }\n",
        );
        ok(context.run("apply --auto-approve"));
        assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes"));
        assert!(!context.file("net/terraform.tfstate").exists());

        context.write("main.hcl", &configuration("blue"));
        let refused = context.run("plan");
        assert_eq!(refused.code, 65, "{refused}");
        assert!(refused.stderr.contains("the module net has no workspace `blue`"), "{refused}");
        assert!(refused.stderr.contains("workspace new blue"), "{refused}");

        context.write("main.hcl", &configuration("default"));
        ok(context.run("destroy --auto-approve"));
        assert!(ok(context.run("plan")).contains("nested: 1 to create"));
    }
}

/// A mirror with plugins that are no programs.
fn mirror(context: &Context, count: usize) -> PathBuf {
    let mirror = context.file("mirror");
    for number in 0..count {
        let folder = mirror.join(format!("example.org/ours/p{number}/1.0.0/{}", platform()));
        deployctl_sdk::fs::create_dir_all(&folder).unwrap();
        let plugin = folder.join(format!("terraform-provider-p{number}_v1.0.0"));
        let content = format!("plugin {number}\n").repeat(200_000);
        deployctl_sdk::fs::write_new(&plugin, content.as_bytes(), 0o755).unwrap();
    }
    mirror
}

fn platform() -> String {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    format!("linux_{machine}")
}

#[test]
fn ten_modules_fill_one_cache_of_plugins_side_by_side_and_it_stays_whole() {
    const MODULES: usize = 10;
    for engine in engines() {
        let mut context = Context::new();
        let mirror = mirror(&context, 3);
        context.write(
            "rc",
            &format!("provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n"),
        );
        context.set("TF_CLI_CONFIG_FILE", &context.file("rc").to_string_lossy());
        let mut configuration = String::new();
        for number in 0..MODULES {
            configuration.push_str(&format!(
                "resource \"terraform_module\" \"m{number}\" {{\n  path = \"m{number}\"\n  binary = \"{engine}\"\n}}\n"
            ));
            // Each needs two of the three, so that any two of them get into each other's way.
            let plugin = |which: usize| format!("p{which} = {{ source = \"example.org/ours/p{which}\" }}");
            context.write(
                &format!("m{number}/main.tf"),
                &format!(
                    "terraform {{\n  required_providers {{\n    {}\n    {}\n  }}\n}}\nresource \"terraform_data\" \"a\" {{}}\n",
                    plugin(number % 3),
                    plugin((number + 1) % 3)
                ),
            );
        }
        context.write("main.hcl", &configuration);
        // All of them were installed, and then each plan ends where it starts what is no program.
        let plan = context.run("plan");
        let ended = |line: &&str| line.contains("could not plan: ") && line.contains("schema");
        assert_eq!(plan.stderr.lines().filter(ended).count(), MODULES, "{plan}");
        let cache = context.file(".cache/deployctl/terraform/plugins/example.org/ours");
        for number in 0..3 {
            let name = format!("p{number}/1.0.0/{}/terraform-provider-p{number}_v1.0.0", platform());
            let (cached, original) = (cache.join(&name), mirror.join("example.org/ours").join(&name));
            assert_eq!(deployctl_sdk::fs::read(&cached).unwrap(), deployctl_sdk::fs::read(&original).unwrap());
        }
    }
}
