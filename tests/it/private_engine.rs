//! A Docker Engine of a test's own, which may be killed and started again. It has a network of its own, because an engine
//! that starts takes the default bridge of another one away.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What its containers are made from.
pub const IMAGE: &str = "deployctl-test/busybox:1";

/// The port that it listens on with TLS, in its own network.
const PORT: u16 = 2376;

/// An engine, ended when it is dropped.
pub struct PrivateEngine {
    folder: TempDir,
    child: Option<Child>,
    more: Vec<String>,
}

impl PrivateEngine {
    /// An engine on a socket.
    pub fn new() -> Self {
        Self::with(Vec::new())
    }

    /// An engine that also speaks TLS, with the certificates in that folder (`ca.pem`, `server-cert.pem`,
    /// `server-key.pem`), and lets in who has one of the same authority.
    pub fn with_tls(certificates: &Path) -> Self {
        let file = |name: &str| certificates.join(name).display().to_string();
        let mut more = vec!["--host".to_owned(), format!("tcp://127.0.0.1:{PORT}"), "--tlsverify".to_owned()];
        for (option, name) in
            [("--tlscacert", "ca.pem"), ("--tlscert", "server-cert.pem"), ("--tlskey", "server-key.pem")]
        {
            more.extend([option.to_owned(), file(name)]);
        }
        Self::with(more)
    }

    fn with(more: Vec<String>) -> Self {
        let mut engine = Self { folder: TempDir::new().unwrap(), child: None, more };
        engine.start();
        engine
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// Its address.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Starts it, with what it had before.
    pub fn start(&mut self) {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(path("log")).unwrap();
        // What an engine that was killed left to tell its own from: its containerd went with it.
        let _ = std::fs::remove_file(path("exec/containerd/containerd.pid"));
        let child = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up && exec dockerd \"$@\"", "dockerd"])
            .args(["--host", &self.host()])
            .args(["--data-root", &path("data"), "--exec-root", &path("exec"), "--pidfile", &path("pid")])
            .args(["--bridge", "none", "--iptables=false", "--storage-driver", "vfs"])
            .args(&self.more)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("these tests start a Docker Engine of their own: run `cargo xtask engines docker` first");
        self.child = Some(child);
        let begun = Instant::now();
        while self.asked(&["version"]).is_none() {
            let log = || std::fs::read_to_string(path("log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(60), "the engine does not come up: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it with a signal.
    pub fn kill(&mut self, signal: &str) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }

    /// Waits until somebody else's signal has ended it.
    pub fn wait(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }

    /// What it answers to Docker's command line; `None` if that fails.
    pub fn asked(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("docker").args(["--host", &self.host()]).args(arguments).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Gives it the image that tests are made of.
    pub fn load_image(&self) {
        let archive = self.folder.path().join("image.tar").display().to_string();
        let saved = Command::new("docker").args(["image", "save", IMAGE, "--output", &archive]).output().unwrap();
        assert!(saved.status.success(), "there is no {IMAGE}: run `cargo xtask engines docker` first");
        self.asked(&["load", "--input", &archive]).expect("the image cannot be loaded");
    }

    /// Leads from a port of the machine's loopback to its port with TLS. What passes is not looked at.
    pub fn relayed(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let engine = self.pid().to_string();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let engine = engine.clone();
                std::thread::spawn(move || relay(client, &engine));
            }
        });
        port
    }
}

/// Passes on what one client says and hears.
fn relay(client: std::net::TcpStream, engine: &str) {
    let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{PORT}; cat <&3 & exec cat >&3");
    let child = Command::new("nsenter")
        .args(["--target", engine, "--net", "bash", "-c", &connect])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return };
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut from = client.try_clone().unwrap();
    let mut to = client;
    let back = std::thread::spawn(move || {
        let mut chunk = [0; 16 * 1024];
        while let Ok(length) = output.read(&mut chunk)
            && length > 0
        {
            if std::io::Write::write_all(&mut to, &chunk[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
    let mut chunk = [0; 16 * 1024];
    while let Ok(length) = from.read(&mut chunk)
        && length > 0
    {
        if std::io::Write::write_all(&mut input, &chunk[..length]).is_err() {
            break;
        }
    }
    drop(input);
    let _ = child.kill();
    let _ = child.wait();
    let _ = back.join();
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        self.kill("-TERM");
    }
}
