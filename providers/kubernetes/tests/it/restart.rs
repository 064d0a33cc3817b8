//! An API server that ends in the middle of an apply and comes back. It is the test's own, so that nobody else is disturbed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deployctl_sdk::Value;
use tempfile::TempDir;

use crate::desk::{Desk, HOW, TYPE, texts, told};

/// A store and an API server on it.
struct Server {
    folder: TempDir,
    etcd: Child,
    api: Option<Child>,
    port: u16,
    store: u16,
}

const TOKEN: &str = "restart-test-token";

impl Server {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let [port, store, peers] = [free(), free(), free()];
        let (client, peer) = (format!("http://127.0.0.1:{store}"), format!("http://127.0.0.1:{peers}"));
        let mut command = Command::new(program("ETCD"));
        command.arg("--data-dir").arg(folder.path().join("etcd"));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}"), "--unsafe-no-fsync"]);
        let etcd = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let key = folder.path().join("key");
        let openssl =
            Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048").stderr(Stdio::null()).status();
        assert!(openssl.unwrap().success());
        std::fs::write(folder.path().join("tokens"), format!("{TOKEN},admin,admin,\"system:masters\"\n")).unwrap();
        let mut server = Self { folder, etcd, api: None, port, store };
        server.up();
        server
    }

    /// Starts the API server.
    fn up(&mut self) {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let mut command = Command::new(program("KUBE_APISERVER"));
        command.args([
            format!("--etcd-servers=http://127.0.0.1:{}", self.store),
            format!("--cert-dir={}", file("certificates")),
            format!("--secure-port={}", self.port),
            format!("--service-account-issuer=https://127.0.0.1:{}", self.port),
            format!("--service-account-key-file={}", file("key")),
            format!("--service-account-signing-key-file={}", file("key")),
            format!("--token-auth-file={}", file("tokens")),
        ]);
        command.args([
            "--bind-address=127.0.0.1",
            "--service-cluster-ip-range=10.97.0.0/16",
            "--authorization-mode=RBAC",
        ]);
        command.args(["--disable-admission-plugins=ServiceAccount"]);
        self.api = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }

    fn wait(&self) {
        let begun = Instant::now();
        while self.kubectl(&["get", "--raw", "/readyz"]).as_deref() != Some("ok") {
            assert!(begun.elapsed() < Duration::from_secs(120), "the test's API server does not come up");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn kubectl(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("kubectl");
        command.args(["--kubeconfig", &self.kubeconfig()]).args(arguments);
        let output = command.output().unwrap_or_else(|error| panic!("no `kubectl`: {error}; {HOW}"));
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn kubeconfig(&self) -> String {
        let path = self.folder.path().join("kubeconfig");
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: own\n  cluster:\n    server: https://127.0.0.1:{}\n    insecure-skip-tls-verify: true\nusers:\n- name: admin\n  user:\n    token: {TOKEN}\ncontexts:\n- name: own\n  context: {{cluster: own, user: admin}}\ncurrent-context: own\n",
            self.port
        );
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Ends the API server as a power cut would.
    fn kill(&mut self) {
        if let Some(mut api) = self.api.take() {
            api.kill().unwrap();
            api.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = self.etcd.kill();
        let _ = self.etcd.wait();
    }
}

fn program(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; {HOW}"))
}

fn free() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_killed_and_comes_back_during_an_apply_leaves_the_truth() {
    let mut server = Server::start();
    server.wait();
    let kubeconfig = server.kubeconfig();
    let mut desk = Desk::with("restart", TYPE, &[("kubeconfig", Value::from(kubeconfig.as_str()))]).await;
    let namespace = desk.namespace.clone();
    server.kubectl(&["create", "namespace", &namespace]).unwrap();
    let maps = |value: &str| {
        let one = |index: usize| {
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: map-{index}}}\ndata: {{a: {value}}}\n")
        };
        (0..300).map(one).collect::<String>()
    };
    for round in 0..3 {
        let text = maps(&format!("v{round}"));
        let config = desk.config(&[("documents", texts(&[&text]))]);
        let plan = desk.plan(&config).await.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert!(!plan.children.is_empty());
        // Somewhere in the middle: as soon as some have come, and not all.
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let killer = std::thread::spawn(move || {
            let _ = stopped.recv_timeout(Duration::from_millis(40 + 60 * round));
            server.kill();
            std::thread::sleep(Duration::from_millis(500));
            server.up();
            server.wait();
            server
        });
        let outcome = desk.try_apply(&config).await;
        drop(stop);
        server = killer.join().unwrap();
        if let Err(error) = &outcome {
            println!("round {round}: {}", told(error));
        }
        // Whatever came of it, the next run goes on from there and nothing is left over or made twice.
        let mut tries = 0;
        while let Err(error) = desk.try_apply(&config).await {
            tries += 1;
            assert!(tries < 5, "it does not go on: {}", told(&error));
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        desk.unchanged(&config).await;
        let values =
            server.kubectl(&["-n", &namespace, "get", "configmaps", "-o", "jsonpath={.items[*].data.a}"]).unwrap();
        let expected = format!("v{round}");
        assert_eq!(values.split_whitespace().filter(|value| *value == expected).count(), 300);
    }
    let applied = desk.delete().await;
    assert!(applied.error.is_none(), "{:?}", applied.error);
    let left = server.kubectl(&["-n", &namespace, "get", "configmaps", "-o", "name"]).unwrap();
    assert!(!left.contains("map-"), "{left}");
}
