//! `docker_image` through the real program: a registry that wants to know who asks, credentials from Docker's own
//! configuration and from a helper, what is kept for earlier revisions, and a context that nobody can follow to its end.
#![cfg(target_os = "linux")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::context::{Answer, Context};
use crate::private_engine::IMAGE;

const USER: &str = "anna";
const PASSWORD: &str = "correct-horse-7f3a";
/// As the registry has it: bcrypt is the only kind that it takes.
const HASHED: &str = "$2y$05$abcdefghijklmnopqrstuuy18BWjL7mtXG8c7nYrJGDJVHyZmRW7K";

fn docker(arguments: &[&str]) -> String {
    let output =
        Command::new("docker").args(arguments).output().expect("`docker` is needed: cargo xtask engines docker");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {said} (cargo xtask engines docker registry)");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A name of this test's own, as a label on its images as well; they go with it.
struct Own(String);

impl Own {
    fn new(what: &str) -> Self {
        Self(format!("it-{what}-{}", &uuid::Uuid::new_v4().to_string()[..8]))
    }

    fn dockerfile(&self, line: &str) -> String {
        format!("FROM {IMAGE}\nLABEL it={}\n{line}\n", self.0)
    }

    fn tags(&self) -> Vec<String> {
        let filter = format!("label=it={}", self.0);
        let listed = docker(&["image", "ls", "--filter", &filter, "--format", "{{.Repository}}:{{.Tag}}"]);
        listed.lines().map(str::to_owned).collect()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let filter = format!("label=it={}", self.0);
        for id in docker(&["image", "ls", "--all", "--quiet", "--filter", &filter]).lines() {
            let _ = Command::new("docker").args(["image", "rm", "--force", id]).output();
        }
    }
}

/// A registry that lets only one user in.
struct Registry {
    child: Child,
    port: u16,
}

impl Registry {
    fn new(context: &Context) -> Self {
        let program = std::env::var("REGISTRY_PROGRAM")
            .expect("`REGISTRY_PROGRAM` is not set: eval \"$(cargo xtask engines registry)\"");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        context.write("registry/htpasswd", &format!("{USER}:{HASHED}\n"));
        let folder = context.file("registry").display().to_string();
        let configuration = format!(
            "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: '{folder}/data'\nauth:\n  \
             htpasswd:\n    realm: test\n    path: '{folder}/htpasswd'\nhttp:\n  addr: 127.0.0.1:{port}\n"
        );
        context.write("registry/config.yml", &configuration);
        let child = Command::new(program)
            .args(["serve", &format!("{folder}/config.yml")])
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the registry does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn ok(answer: Answer) -> String {
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

/// Docker's own configuration of this test.
fn docker_config(context: &Context, text: &str) {
    context.write("docker-config/config.json", text);
}

fn stored(registry: &str, password: &str) -> String {
    let both = STANDARD.encode(format!("{USER}:{password}"));
    format!(r#"{{"auths": {{"{registry}": {{"auth": "{both}"}}}}}}"#)
}

/// A credential helper, and Docker's configuration that names it.
fn helper(context: &mut Context, registry: &str, script: &str) {
    context.write("tools/docker-credential-itest", &format!("#!/bin/sh\n{script}\n"));
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(context.file("tools/docker-credential-itest"), executable).unwrap();
    let path = format!("{}:{}", context.file("tools").display(), std::env::var("PATH").unwrap());
    context.set("PATH", &path);
    docker_config(context, &format!(r#"{{"credHelpers": {{"{registry}": "itest"}}}}"#));
}

/// Neither shown nor written down anywhere but in Docker's own configuration.
#[track_caller]
fn is_kept_secret(context: &Context, answer: &Answer, password: &str) {
    let both = STANDARD.encode(format!("{USER}:{password}"));
    for secret in [password, &both] {
        assert!(!answer.to_string().contains(secret), "{answer}");
        let found = Command::new("grep").args(["-rlF", secret]).arg(context.file(".deployctl")).output().unwrap();
        assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
    }
}

#[test]
fn a_protected_registry_is_pushed_to_and_pulled_from_with_dockers_own_credentials() {
    let own = Own::new("login");
    let mut context = Context::new();
    let registry = Registry::new(&context);
    let host = format!("127.0.0.1:{}", registry.port);
    let folder = context.file("docker-config").display().to_string();
    context.set("DOCKER_CONFIG", &folder);
    let remote = format!("{host}/{}:1", own.0);
    context.write("app/Dockerfile", &own.dockerfile("LABEL v=1"));
    let pushed = format!(
        "resource \"docker_image\" \"app\" {{\n  name = \"{remote}\"\n  push = true\n  build {{\n    context = \"app\"\n  }}\n}}\n"
    );
    let pulled = format!("resource \"docker_image\" \"app\" {{\n  name = \"{remote}\"\n  pull = \"{remote}\"\n}}\n");

    // With another password nothing is pushed, and the password is not told.
    context.write("main.hcl", &pushed);
    docker_config(&context, &stored(&host, "wrong-battery-91c2"));
    let refused = context.run("apply --auto-approve");
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains(&format!("docker login {host}")), "{refused}");
    is_kept_secret(&context, &refused, "wrong-battery-91c2");

    docker_config(&context, &stored(&host, PASSWORD));
    ok(context.run("apply --auto-approve"));
    let applied = context.run("plan --detailed-exitcode");
    assert_eq!(applied.code, 0, "{applied}");
    is_kept_secret(&context, &applied, PASSWORD);
    ok(context.run("destroy --auto-approve"));
    ok(context.run("state prune --apply"));

    // Elsewhere it is pulled with what a helper says.
    std::fs::remove_dir_all(context.file(".deployctl")).unwrap();
    drop(Own(own.0.clone()));
    context.write("main.hcl", &pulled);
    let answer = format!(
        r#"test "$1" = get && test "$(cat)" = {host} || exit 1
echo '{{"ServerURL": "{host}", "Username": "{USER}", "Secret": "{PASSWORD}"}}'"#
    );
    helper(&mut context, &host, &answer);
    let applied = context.run("apply --auto-approve");
    assert_eq!(applied.code, 0, "{applied}");
    is_kept_secret(&context, &applied, PASSWORD);
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
    ok(context.run("destroy --auto-approve"));
    ok(context.run("state prune --apply"));

    // A helper that fails is named, and what it says is not repeated.
    helper(&mut context, &host, &format!("echo {PASSWORD} >&2; echo {PASSWORD}; exit 3"));
    let refused = context.run("apply --auto-approve");
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("docker-credential-itest"), "{refused}");
    is_kept_secret(&context, &refused, PASSWORD);
    // One that has nothing for this registry leaves it to the registry to refuse.
    helper(&mut context, &host, "echo credentials not found in native keychain; exit 1");
    let refused = context.run("apply --auto-approve");
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains(&format!("docker login {host}")), "{refused}");
}

#[test]
fn images_are_kept_as_long_as_a_revision_needs_them() {
    let own = Own::new("kept");
    let context = Context::new();
    let main = format!(
        "deployctl {{\n  retention {{\n    revisions = 1\n    days      = 0\n  }}\n}}\nresource \"docker_image\" \"app\" {{\n  \
         name = \"{}:1\"\n  build {{\n    context = \"app\"\n  }}\n}}\n",
        own.0
    );
    context.write("main.hcl", &main);
    for version in [1, 2, 3] {
        context.write("app/Dockerfile", &own.dockerfile(&format!("LABEL v={version}")));
        ok(context.run("apply --auto-approve"));
    }
    let kept = || own.tags().iter().filter(|tag| tag.starts_with("localhost/deployctl/")).count();
    assert_eq!(kept(), 3);
    // Going back builds nothing: the image is there.
    let back = ok(context.run("rollback --auto-approve"));
    assert!(!back.contains("building"), "{back}");
    let shown = ok(context.run("state prune"));
    assert!(shown.contains("the image localhost/deployctl/"), "{shown}");
    assert_eq!(kept(), 3, "it was only shown");
    ok(context.run("state prune --apply"));
    assert_eq!(kept(), 1, "{:?}", own.tags());
    ok(context.run("destroy --auto-approve"));
    ok(context.run("state prune --apply"));
}

#[test]
fn a_link_that_leads_round_in_a_context_is_named_unless_it_is_ignored() {
    let own = Own::new("round");
    let context = Context::new();
    context.write("app/Dockerfile", &own.dockerfile("COPY . /app"));
    context.write(
        "main.hcl",
        &format!(
            "resource \"docker_image\" \"app\" {{\n  name = \"{}:1\"\n  build {{\n    context = \"app\"\n  }}\n}}\n",
            own.0
        ),
    );
    for (link, target) in [("itself", "itself"), ("up", "..")] {
        symlink(target, context.file(&format!("app/{link}"))).unwrap();
        let refused = context.run("plan");
        assert_eq!(refused.code, 65, "{refused}");
        let named = format!("app/{link}: it is a symbolic link that leads round in a circle");
        assert!(refused.stderr.contains(&named), "{refused}");
        context.write("app/.dockerignore", &format!("{link}\n"));
        ok(context.run("plan"));
        std::fs::remove_file(context.file(&format!("app/{link}"))).unwrap();
    }
}
