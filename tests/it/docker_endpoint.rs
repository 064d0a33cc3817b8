//! Engines that are somewhere else, through the real program: over ssh, over TCP with TLS, by a context, and Podman.
#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::private_engine::PrivateEngine;

/// A name that nobody else has.
fn name(what: &str) -> String {
    format!("it-{what}-{}", &uuid::Uuid::new_v4().to_string()[..8])
}

fn volume(name: &str, label: &str) -> String {
    format!(
        "resource \"docker_volume\" \"data\" {{\n  name        = \"{name}\"\n  labels      = {{ round = \"{label}\" }}\n  \
         delete_data = true\n}}\n"
    )
}

#[track_caller]
fn ok(context: &Context, line: &str) {
    let answer = context.run(line);
    assert_eq!(answer.code, 0, "{line}: {answer}");
}

/// Makes something, finds it unchanged, replaces it and removes it.
fn lives_and_goes(context: &Context, block: &str, name: &str) {
    context.write("main.hcl", &format!("{block}{}", volume(name, "one")));
    ok(context, "apply --auto-approve");
    ok(context, "plan --detailed-exitcode");
    context.write("main.hcl", &format!("{block}{}", volume(name, "two")));
    ok(context, "apply --auto-approve");
    ok(context, "plan --detailed-exitcode");
    ok(context, "destroy --auto-approve");
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").current_dir(folder).args(arguments.split_whitespace()).output();
    let output = output.expect("these tests make certificates with the program `openssl`: install it");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, and what it vouches for: `server-cert.pem` for loopback, and `cert.pem` for a client.
fn certificates(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(folder, &format!("req -x509 {key} -days 2 -subj /CN=deployctl-test-ca -keyout ca-key.pem -out ca.pem"));
    for (file, extensions) in [
        ("server-", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"),
        ("", "extendedKeyUsage=clientAuth\n"),
    ] {
        std::fs::write(folder.join("extensions"), extensions).unwrap();
        openssl(folder, &format!("req {key} -subj /CN=deployctl-test -keyout {file}key.pem -out request.pem"));
        let signed = "x509 -req -days 2 -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial";
        openssl(folder, &format!("{signed} -extfile extensions -out {file}cert.pem"));
    }
}

#[test]
fn an_engine_is_used_over_tcp_with_tls_as_docker_would_find_it() {
    let mut context = Context::new();
    certificates(&context.file("tls"));
    let engine = PrivateEngine::with_tls(&context.file("tls"));
    let host = format!("tcp://127.0.0.1:{}", engine.relayed());

    let block = |more: &str| format!("provider \"docker\" {{\n  host = \"{host}\"\n  {more}\n}}\n");
    lives_and_goes(&context, &block("cert_path = \"tls\""), "by-block");

    // An authority that did not make the engine's certificate, and a client that nobody vouches for.
    certificates(&context.file("others"));
    context.write("main.hcl", &format!("{}{}", block("cert_path = \"others\""), volume("refused", "one")));
    let refused = context.run("apply --auto-approve");
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("certificate"), "{refused}");
    context.write("main.hcl", &format!("{}{}", block("cert_path = \"nowhere\""), volume("refused", "one")));
    let refused = context.run("apply --auto-approve");
    assert!(refused.code == 1 && refused.stderr.contains("nowhere"), "{refused}");
    context.write("main.hcl", &format!("{}{}", block(""), volume("refused", "one")));
    let refused = context.run("apply --auto-approve");
    assert_eq!(refused.code, 1, "without TLS it does not answer: {refused}");
    assert_eq!(engine.asked(&["volume", "ls", "--quiet"]).unwrap(), "");

    // A context, as Docker's own command line writes it down.
    let folder = context.file("docker");
    let file = |name: &str| context.file("tls").join(name).display().to_string();
    let endpoint = format!("host={host},ca={},cert={},key={}", file("ca.pem"), file("cert.pem"), file("key.pem"));
    let made = Command::new("docker")
        .env("DOCKER_CONFIG", &folder)
        .args(["context", "create", "far", "--docker", &endpoint])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    lives_and_goes_by(&mut context, &[("DOCKER_CONFIG", &folder.display().to_string())], "by-context");

    // The environment goes before the context.
    let variables = [("DOCKER_CONTEXT", ""), ("DOCKER_HOST", &host), ("DOCKER_TLS_VERIFY", "1")];
    let certificates = context.file("tls").display().to_string();
    for (name, value) in variables.into_iter().chain([("DOCKER_CERT_PATH", &*certificates)]) {
        context.set(name, value);
    }
    lives_and_goes(&context, "", "by-environment");
    assert_eq!(engine.asked(&["volume", "ls", "--quiet"]).unwrap(), "");
}

/// By the context `far`: named by the environment, and in the block.
fn lives_and_goes_by(context: &mut Context, variables: &[(&str, &str)], name: &str) {
    variables.iter().for_each(|(name, value)| context.set(name, value));
    lives_and_goes(context, "provider \"docker\" {\n  context = \"far\"\n}\n", name);
    context.set("DOCKER_CONTEXT", "far");
    lives_and_goes(context, "", name);
}

/// An ssh server on loopback that lets this test in, and nobody else.
struct Sshd {
    child: Child,
    port: u16,
}

impl Sshd {
    fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::create_dir_all("/run/sshd").unwrap();
        for key in ["host", "client"] {
            let path = folder.join(key).display().to_string();
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path]).status();
            assert!(made.expect("`ssh-keygen` is needed: cargo xtask engines ssh").success());
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = folder.display();
        let path = std::env::var("PATH").unwrap();
        let configuration = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\nAuthorizedKeysFile {at}/client.pub\n\
             StrictModes no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\nUsePAM no\nSetEnv PATH={path}\n"
        );
        std::fs::write(folder.join("sshd_config"), configuration).unwrap();
        let client = format!(
            "Host *\n  IdentityFile {at}/client\n  IdentitiesOnly yes\n  UserKnownHostsFile {at}/known\n  \
             StrictHostKeyChecking accept-new\n"
        );
        std::fs::write(folder.join("ssh_config"), client).unwrap();
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(folder.join("sshd_config"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`sshd` is needed: cargo xtask engines ssh");
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "sshd does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_engine_is_used_over_ssh() {
    let mut context = Context::new();
    let sshd = Sshd::new(&context.file("ssh"));
    // The user's own `~/.ssh/config` would say this; the program looks for it where the password file has the home.
    let client = format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", context.file("ssh/ssh_config").display());
    context.write("tools/ssh", &client);
    std::fs::set_permissions(context.file("tools/ssh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", context.file("tools").display(), std::env::var("PATH").unwrap());
    context.set("PATH", &path);
    context.set("DOCKER_HOST", &format!("ssh://root@127.0.0.1:{}", sshd.port));
    let name = name("ssh");
    lives_and_goes(&context, "", &name);

    // Nobody listens there any more.
    drop(sshd);
    context.write("main.hcl", &volume(&name, "one"));
    let refused = context.run("apply --auto-approve");
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("no Docker Engine answers at ssh://root@127.0.0.1"), "{refused}");
}

#[test]
fn podman_is_an_engine_too() {
    let socket = std::env::var("PODMAN_SOCKET").expect("`PODMAN_SOCKET` is not set: cargo xtask engines podman");
    let mut context = Context::new();
    context.set("DOCKER_HOST", &format!("unix://{socket}"));
    let tag = name("podman");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let written = |seconds: u32, memory: &str| {
        format!(
            r#"
resource "docker_network" "net" {{
  name = "{tag}"
}}
resource "docker_volume" "data" {{
  name        = "{tag}"
  delete_data = true
}}
resource "docker_container" "web" {{
  name         = "{tag}"
  image        = "localhost/deployctl-test/busybox:1"
  command      = ["sleep", "{seconds}"]
  stop_timeout = 0
  memory       = "{memory}"
  env          = {{ GREETING = "hello" }}
  volumes      = ["${{docker_volume.data.name}}:/data"]
  network {{
    name    = docker_network.net.name
    aliases = ["web"]
  }}
  port {{
    internal = 80
    external = {port}
    ip       = "127.0.0.1"
  }}
}}
"#
        )
    };
    context.write("main.hcl", &written(1000, "64m"));
    ok(&context, "apply --auto-approve");
    ok(&context, "plan --detailed-exitcode");
    context.write("main.hcl", &written(1001, "64m"));
    ok(&context, "apply --auto-approve");
    ok(&context, "plan --detailed-exitcode");
    // Podman 4 has no request for this; where it has one, it is changed in place.
    context.write("main.hcl", &written(1001, "80m"));
    let changed = context.run("apply --auto-approve");
    if changed.code != 0 {
        assert!(changed.stderr.contains("has no request that changes a container's limits"), "{changed}");
        ok(&context, "apply --auto-approve --replace docker_container.web");
    }
    ok(&context, "plan --detailed-exitcode");
    ok(&context, "destroy --auto-approve");
}
