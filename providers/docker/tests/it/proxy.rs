//! A socket in front of the engine's: it counts requests, and falls silent or fails when it is told to.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};

pub const ENGINE: &str = "/var/run/docker.sock";

/// What is done with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are passed on.
    Pass,
    /// Nothing answers.
    Silent,
    /// The next one that changes something, after so many others, fails before the engine sees it.
    FailBefore(usize),
    /// The next one that changes something fails after the engine has done it.
    FailAfter,
}

#[derive(Default)]
struct Seen {
    requests: Vec<String>,
    mode: Option<Mode>,
}

/// The socket. It is there for as long as this is.
#[derive(Clone)]
pub struct Proxy {
    pub path: PathBuf,
    seen: Arc<Mutex<Seen>>,
}

impl Proxy {
    pub fn start(folder: &Path, engine: PathBuf) -> Self {
        let path = folder.join("docker.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let proxy = Self { path, seen: Arc::default() };
        let shared = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(shared.clone().serve(client, engine.clone()));
            }
        });
        proxy
    }

    pub fn set(&self, mode: Mode) {
        self.seen.lock().unwrap().mode = Some(mode);
    }

    /// The requests so far (`GET /networks`), which are forgotten.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap().requests)
    }

    async fn serve(self, mut client: UnixStream, engine: PathBuf) {
        let mut begun = vec![0; 16 * 1024];
        let Ok(length) = client.read(&mut begun).await else { return };
        begun.truncate(length);
        let line = String::from_utf8_lossy(&begun).lines().next().unwrap_or_default().to_owned();
        let words: Vec<&str> = line.split(' ').collect();
        let [method, path, ..] = words[..] else { return };
        let changes = matches!(method, "POST" | "PUT" | "DELETE");
        let mode = {
            let mut seen = self.seen.lock().unwrap();
            seen.requests.push(format!("{method} {}", path.split('?').next().unwrap_or_default()));
            let mode = seen.mode.unwrap_or(Mode::Pass);
            match mode {
                Mode::FailBefore(others) if changes => {
                    seen.mode = Some(others.checked_sub(1).map_or(Mode::Pass, Mode::FailBefore));
                    if others == 0 { mode } else { Mode::Pass }
                }
                Mode::FailAfter if changes => {
                    seen.mode = Some(Mode::Pass);
                    mode
                }
                Mode::Silent => mode,
                _ => Mode::Pass,
            }
        };
        if matches!(mode, Mode::Silent) {
            return;
        }
        if matches!(mode, Mode::FailBefore(_)) {
            fail(&mut client).await;
            return;
        }
        let Ok(mut server) = UnixStream::connect(engine).await else { return };
        server.write_all(&begun).await.unwrap();
        if mode == Mode::FailAfter {
            let mut answer = vec![0; 1024];
            let _ = server.read(&mut answer).await;
            fail(&mut client).await;
            return;
        }
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

async fn fail(client: &mut UnixStream) {
    let body = r#"{"message":"sabotaged"}"#;
    let head = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let _ = client.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    // Whoever still sends a body must be able to finish it.
    let mut rest = vec![0; 64 * 1024];
    while matches!(client.read(&mut rest).await, Ok(read) if read > 0) {}
}
