//! Engines that are not there, that stop answering, and that come back.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deployctl_docker_client::{Environment, PAUSE};
use deployctl_provider_docker::DockerProvider;
use deployctl_sdk::{Action, ErrorKind, Observed, Provider, ReadRequest, Value};
use tempfile::TempDir;

use crate::bench::{Bench, map, with};
use crate::proxy::Mode;

const TYPE: &str = "docker_network";

#[tokio::test]
async fn without_an_engine_the_settings_are_taken_and_reading_says_what_to_do() {
    let bench = Bench::new(TYPE).await;
    let variables = [(Environment::HOST.to_owned(), "unix:///nowhere/docker.sock".to_owned())];
    let provider = DockerProvider::new(Environment::of(variables));
    let connection = provider.configure(&Value::map::<&str>([]), &bench.place).await.unwrap();
    let found = connection.find_all(&bench.place).await.unwrap_err();
    assert_eq!(found.kind, ErrorKind::Unreachable);
    assert!(found.message.contains("unix:///nowhere/docker.sock (DOCKER_HOST)"), "{found}");
    assert!(found.hint.unwrap().contains("systemctl start docker"));
}

#[tokio::test]
async fn settings_of_the_block_go_before_the_environment() {
    let bench = Bench::new(TYPE).await;
    let settings = map(&[("host", "unix:///of/the/block.sock".into())]);
    let connection = bench.provider.configure(&settings, &bench.place).await.unwrap();
    let error = connection.find_all(&bench.place).await.unwrap_err();
    assert!(error.message.contains("unix:///of/the/block.sock"), "{error}");
    let both = with(&settings, &[("context", "other".into())]);
    assert_eq!(bench.provider.configure(&both, &bench.place).await.err().unwrap().kind, ErrorKind::Invalid);
    let unknown = map(&[("context", "no-such-context".into())]);
    let error = bench.provider.configure(&unknown, &bench.place).await.err().unwrap();
    assert!(error.message.contains("no-such-context"), "{error}");
}

#[tokio::test]
async fn an_engine_that_falls_silent_is_left_alone_for_a_moment_and_then_asked_again() {
    let bench = Bench::new(TYPE).await;
    let config = map(&[("name", bench.name("silent").into())]);
    let held = bench.make(&config).await;
    let request = ReadRequest {
        address: &held.mark.address,
        type_name: TYPE,
        id: held.mark.id,
        recorded: held.object.as_ref().unwrap(),
    };
    bench.proxy.set(Mode::Silent);
    bench.proxy.requests();
    for _ in 0..20 {
        let observed = bench.connection.read(&[request]).await;
        assert!(matches!(observed[0], Observed::Unreadable { .. }), "{observed:?}");
    }
    assert_eq!(bench.proxy.requests().len(), 1, "only the first one was asked");
    bench.proxy.set(Mode::Pass);
    tokio::time::sleep(PAUSE + Duration::from_millis(50)).await;
    assert!(matches!(bench.connection.read(&[request]).await[0], Observed::AsRecorded));
    bench.delete(held).await;
}

/// A Docker Engine of this test's own, which it may kill.
struct PrivateEngine {
    folder: TempDir,
    child: Option<Child>,
}

impl PrivateEngine {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut engine = Self { folder, child: None };
        engine.start();
        engine
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    fn start(&mut self) {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(path("log")).unwrap();
        // What an engine that was killed left to tell its own from: its containerd went with it.
        let _ = deployctl_sdk::fs::remove_file(Path::new(&path("exec/containerd/containerd.pid")));
        // In a network of its own: an engine that starts takes the default bridge of another one away.
        let child = Command::new("unshare")
            .args(["--net", "dockerd", "--host", &format!("unix://{}", self.socket().display())])
            .args(["--data-root", &path("data"), "--exec-root", &path("exec"), "--pidfile", &path("pid")])
            .args(["--bridge", "none", "--iptables=false", "--storage-driver", "vfs"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("these tests start a Docker Engine of their own: run `cargo xtask engines docker` first");
        self.child = Some(child);
        let begun = Instant::now();
        while !answers(&self.socket()) {
            let log = || deployctl_sdk::fs::read_to_string(std::path::Path::new(&path("log"))).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(60), "the engine does not come up: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn kill(&mut self, signal: &str) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        self.kill("-TERM");
    }
}

fn answers(socket: &Path) -> bool {
    let host = format!("unix://{}", socket.display());
    let asked = Command::new("docker").args(["--host", &host, "version"]).output();
    asked.is_ok_and(|output| output.status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_killed_and_started_again_loses_nothing() {
    let mut engine = PrivateEngine::new();
    let bench = Bench::at("docker_volume", engine.socket()).await;
    let config = |name: &str| map(&[("name", name.into()), ("delete_data", true.into())]);
    let mut first = bench.make(&config("first")).await;
    engine.kill("-KILL");
    let mut second = bench.nothing();
    let error = bench.try_apply(&mut second, &config("second")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(second.object.is_none());
    bench.hand.delete(&mut first).await.unwrap_err();
    assert!(first.object.is_some(), "what cannot be asked is not gone");
    bench.proxy.requests();
    for _ in 0..10 {
        assert!(matches!(bench.hand.read(&first).await, Observed::Unreadable { .. }));
    }
    assert!(bench.proxy.requests().len() <= 1, "further calls are stopped");

    engine.start();
    tokio::time::sleep(PAUSE + Duration::from_millis(50)).await;
    assert_eq!(bench.plan(&first, &config("first")).await.action, Action::NoOp);
    bench.apply(&mut second, &config("second")).await;
    bench.delete(first).await;
    bench.delete(second).await;
}
