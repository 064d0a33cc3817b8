//! Modules whose state is not in a file, but behind HTTP with a lock of its own.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;

use crate::context::{Answer, Context};
use crate::terraform::engines;

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
fn a_run_killed_while_its_engine_holds_a_remote_lock_leaves_neither_the_lock_nor_anything_unknown() {
    for engine in engines() {
        let (address, kept) = server();
        let context = behind_http(&engine, &address);
        context.write("trap", "");
        let mut run = Command::new(env!("CARGO_BIN_EXE_deployctl"))
            .args(["apply", "--auto-approve"])
            .current_dir(context.path())
            .env("HOME", context.path())
            .env("DEPLOYCTL_VAR_password", PASSWORD)
            .stdin(std::process::Stdio::null())
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
