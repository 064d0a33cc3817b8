//! A port in front of the API server's: it falls silent, or fails a change, when it is told to.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// What is done with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are passed on.
    Pass,
    /// Nothing answers.
    Silent,
    /// The next one that changes something, after so many others, fails before the server sees it.
    Fail(usize),
    /// The next ones, so many, are told to come back in a second.
    Busy(usize),
}

/// What becomes of one request.
enum Answer {
    Passed,
    Failed,
    TooMany,
}

/// The port, with a `kubectl proxy` behind it that logs in.
pub struct Proxy {
    /// Where it is.
    pub url: String,
    state: Arc<Mutex<Mode>>,
    requests: Arc<Mutex<Vec<String>>>,
    kubectl: Child,
    _folder: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}

impl Proxy {
    pub async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("api.sock");
        let kubectl = Command::new("kubectl")
            .args(["proxy", "--unix-socket", &socket.display().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("no `kubectl`: cargo xtask engines kubernetes");
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < Duration::from_secs(20), "`kubectl proxy` does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (state, requests) = (Arc::new(Mutex::new(Mode::Pass)), Arc::<Mutex<Vec<String>>>::default());
        let (shared, seen) = (state.clone(), requests.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, socket.clone(), shared.clone(), seen.clone()));
            }
        });
        Self { url, state, requests, kubectl, _folder: folder }
    }

    pub fn set(&self, mode: Mode) {
        *self.state.lock().unwrap() = mode;
    }

    /// The requests so far (`GET /api/v1/namespaces`), which are forgotten.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

async fn serve(mut client: TcpStream, socket: PathBuf, state: Arc<Mutex<Mode>>, seen: Arc<Mutex<Vec<String>>>) {
    let Some((head, body)) = request(&mut client).await else { return };
    let line = head.lines().next().unwrap_or_default().to_owned();
    let changes = ["PATCH", "POST", "DELETE"].iter().any(|method| line.starts_with(method)) && !line.contains("dryRun");
    seen.lock().unwrap().push(line.rsplit_once(' ').map_or(line.clone(), |(asked, _)| asked.to_owned()));
    let answer = {
        let mut mode = state.lock().unwrap();
        let (answer, next) = match *mode {
            Mode::Silent => return,
            Mode::Fail(0) if changes => (Answer::Failed, Mode::Pass),
            Mode::Fail(others) if changes => (Answer::Passed, Mode::Fail(others - 1)),
            Mode::Busy(0) => (Answer::Passed, Mode::Pass),
            Mode::Busy(more) => (Answer::TooMany, Mode::Busy(more - 1)),
            mode => (Answer::Passed, mode),
        };
        *mode = next;
        answer
    };
    let refusal = match answer {
        Answer::Passed => None,
        Answer::Failed => Some(("500 Internal Server Error", r#""code":500,"reason":"InternalError""#)),
        Answer::TooMany => {
            Some(("429 Too Many Requests\r\nRetry-After: 1", r#""code":429,"reason":"TooManyRequests""#))
        }
    };
    if let Some((head, said)) = refusal {
        let body = format!(r#"{{"kind":"Status","status":"Failure",{said},"message":"sabotaged"}}"#);
        let head = format!("HTTP/1.1 {head}\r\nContent-Type: application/json\r\nConnection: close\r\n");
        let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let _ = client.write_all(answer.as_bytes()).await;
        return;
    }
    let Ok(mut server) = UnixStream::connect(&socket).await else { return };
    let mut lines = head.lines();
    let mut passed = format!("{line}\r\nConnection: close\r\n");
    lines.next();
    for header in lines.filter(|header| !header.is_empty() && !header.to_lowercase().starts_with("connection:")) {
        passed.push_str(&format!("{header}\r\n"));
    }
    passed.push_str("\r\n");
    if server.write_all(passed.as_bytes()).await.is_err() || server.write_all(&body).await.is_err() {
        return;
    }
    let _ = copy(&mut server, &mut client).await;
}

/// One request: its head, and its body.
async fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        let mut piece = [0; 16 * 1024];
        match client.read(&mut piece).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&piece[..read]),
            _ => return None,
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = bytes.split_off(end + 4);
    while body.len() < length.unwrap_or(0) {
        let mut piece = [0; 16 * 1024];
        match client.read(&mut piece).await {
            Ok(read) if read > 0 => body.extend_from_slice(&piece[..read]),
            _ => return None,
        }
    }
    Some((head, body))
}
