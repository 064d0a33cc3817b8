//! The type through the laws of the contract, with the real Compose on a real engine.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::conformance::{Case, Expected, Law, Moment, Subject, check};
use deployctl_sdk::{Connection, Files, Object, Place, Provider, ProviderError, ResourceId, Value};

use crate::bench::{Bench, TYPE, docker, texts};

const PROJECT: &str = r#"
services:
  web:
    image: deployctl-test/busybox:1
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    environment:
      ROUND: ${ROUND:-none}
      TOKEN: ${TOKEN:-none}
    depends_on: [db]
  db:
    image: deployctl-test/busybox:1
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    volumes: ["data:/data"]
  extra:
    image: deployctl-test/busybox:1
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    profiles: [extra]
volumes:
  data:
"#;

/// The engine's socket, under a name that can be taken away; and Compose behind a program that can be told to fail.
struct Engine {
    bench: Bench,
    settings: Value,
}

const SOCKET: &str = "/var/run/docker.sock";

/// Fails once where a file says so: before it does anything, or after it did all of it.
const WRAPPER: &str = r#"#!/bin/sh
case " $* " in
*" up "*|*" down "*)
    if test -e ROOT/fail-before; then rm ROOT/fail-before; echo sabotaged >&2; exit 1; fi
    if test -e ROOT/fail-after; then rm ROOT/fail-after; docker "$@"; echo sabotaged >&2; exit 1; fi
    ;;
esac
exec docker "$@"
"#;

impl Engine {
    async fn new() -> Self {
        let bench = Bench::new("kit").await;
        symlink(SOCKET, bench.path("docker.sock")).unwrap();
        bench.write("tools/docker", &WRAPPER.replace("ROOT", &bench.place.root.display().to_string()));
        std::fs::set_permissions(bench.path("tools/docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let host = format!("unix://{}", bench.path("docker.sock").display());
        let settings = Value::map([("host", Value::from(host)), ("binary", Value::from("tools/docker"))]);
        bench.write("shop/compose.yaml", PROJECT);
        bench.write("shop/more.yaml", "services:\n  web:\n    labels: { more: 'yes' }\n");
        bench.write("one.env", "ROUND=one\n");
        bench.write("two.env", "ROUND=two\n");
        Self { bench, settings }
    }

    /// The project as somebody else would run it.
    fn by_others(&self, file: &str) {
        let file = self.bench.path(file).display().to_string();
        let folder = self.bench.path("shop").display().to_string();
        let up = ["-p", &self.bench.name, "--project-directory", &folder, "-f", &file, "up", "-d"];
        docker(&[&["compose"], up.as_slice()].concat());
    }

    fn down(&self) {
        docker(&["compose", "-p", &self.bench.name, "down", "-t", "0", "-v", "--remove-orphans"]);
    }
}

#[async_trait]
impl Subject for Engine {
    fn provider(&self) -> Arc<dyn Provider> {
        self.bench.provider.clone()
    }

    async fn connect(&self) -> Result<Arc<dyn Connection>, ProviderError> {
        self.bench.provider.configure(&self.settings, &self.bench.place).await
    }

    fn place(&self) -> Place {
        self.bench.place.clone()
    }

    fn files(&self) -> Arc<dyn Files> {
        self.bench.files.clone()
    }

    fn cases(&self) -> Vec<Case> {
        let env = |members: &[(&str, Value)]| Value::map(members.iter().cloned());
        let with = |more: &[(&str, Value)]| {
            let base = [
                ("path", Value::from("shop")),
                ("project_name", Value::from(self.bench.name.as_str())),
                ("remove_volumes", Value::from(true)),
            ];
            Value::map(base.into_iter().chain(more.iter().cloned()))
        };
        let token = |text: &str| env(&[("TOKEN", Value::from(text).into_sensitive())]);
        let scale = |count: i64| Value::map([("web", Value::from(count))]);
        let other = format!("{}-b", self.bench.name);
        vec![
            Case::new(TYPE, with(&[]))
                .then(with(&[("env", token("planted-token"))]), Expected::Update)
                .then(with(&[("env", token("planted-token"))]), Expected::Nothing)
                .then(with(&[("env", token("planted-second")), ("scale", scale(2))]), Expected::Update)
                .then(with(&[("project_name", Value::from(other.as_str()))]), Expected::Replace)
                .sample("path", ["shop", "./shop"].map(Value::from))
                .sample("files", [texts(&["compose.yaml"]), texts(&["compose.yaml", "more.yaml"])])
                .leave("project_name")
                .sample("env", [token("planted-third"), env(&[("ROUND", Value::from("two"))])])
                .sample("env_files", [texts(&["one.env"]), texts(&["two.env"]), texts(&["one.env", "two.env"])])
                .sample("profiles", [texts(&["extra"]), texts(&[])])
                .sample("services", [texts(&["web"]), texts(&["db", "web"])])
                .sample("scale", [scale(2), scale(1)])
                .sample("build", ["changed", "always", "never"].map(Value::from))
                .sample("pull", ["missing", "never"].map(Value::from))
                .leave("remove_volumes"),
        ]
    }

    async fn tamper(&self, _: &Case, _: &Object) -> bool {
        docker(&["rm", "-f", &self.bench.container("web-1")]);
        true
    }

    async fn remove(&self, _: &Case, _: &Object) -> bool {
        self.down();
        true
    }

    async fn disown(&self, _: &Case, _: &Object) -> bool {
        self.down();
        let mark = format!("compose/{}/{}/compose.json", ResourceId::random(), ResourceId::random());
        self.bench.write(
            &mark,
            "services: { web: { image: 'deployctl-test/busybox:1', command: [sleep, '1000'], stop_signal: SIGKILL } }",
        );
        self.by_others(&mark);
        true
    }

    async fn occupy(&self, _: &Case) -> bool {
        self.by_others("shop/compose.yaml");
        true
    }

    async fn clear_foreign(&self, _: &Case) {
        self.down();
    }

    async fn silence(&self, silent: bool) -> bool {
        if silent {
            std::fs::remove_file(self.bench.path("docker.sock")).unwrap();
        } else {
            symlink(SOCKET, self.bench.path("docker.sock")).unwrap();
            // The engine is left alone for a moment after it did not answer.
            tokio::time::sleep(deployctl_docker_client::PAUSE).await;
        }
        true
    }

    async fn sabotage(&self, _: &Case, moment: Moment) -> bool {
        let file = match moment {
            Moment::Before => "fail-before",
            Moment::Midway => "fail-after",
        };
        self.bench.write(file, "");
        true
    }

    async fn snapshot(&self) -> Option<String> {
        Some(format!("{:?} {:?}", self.bench.reality(), self.bench.leftovers(true)))
    }

    async fn leftovers(&self) -> Option<Vec<String>> {
        let output = Command::new("docker").args(["ps", "-a", "--format", "{{.Names}}"]).output().unwrap();
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut left: Vec<String> =
            names.lines().filter(|name| name.starts_with(&self.bench.name)).map(str::to_owned).collect();
        left.extend(self.bench.leftovers(true));
        Some(left)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept() {
    let seed = std::env::var("CONFORMANCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let engine = Engine::new().await;
    let report = check(&engine, seed).await;
    assert!(report.is_clean(), "{report}");
    // Two projects of one name cannot stand side by side, so there is nothing to hand over.
    assert_eq!(report.unexamined(), [Law::CreateFirstHandsOver], "a law was never put to the test");
}
