//! A socket before the engine's own, so that tests can have it fall silent or refuse one request.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

const ENGINE: &str = "/var/run/docker.sock";

/// What the tests may ask of the proxy.
#[derive(Default)]
pub struct Switches {
    silent: AtomicBool,
    /// How many changes still pass before one is refused; negative for none.
    refuse_after: AtomicI64,
    /// How many requests came by.
    pub requests: AtomicUsize,
    pub lists: AtomicUsize,
}

pub struct Proxy {
    pub socket: PathBuf,
    pub switches: Arc<Switches>,
}

impl Proxy {
    pub fn start(folder: &Path) -> Self {
        let socket = folder.join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let switches = Arc::new(Switches { refuse_after: AtomicI64::new(-1), ..Switches::default() });
        let shared = switches.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let switches = shared.clone();
                tokio::spawn(async move { pass(client, &switches).await });
            }
        });
        Self { socket, switches }
    }

    pub fn silence(&self, silent: bool) {
        self.switches.silent.store(silent, Ordering::SeqCst);
    }

    /// Refuses one change, after so many have passed.
    pub fn refuse_after(&self, changes: i64) {
        self.switches.refuse_after.store(changes, Ordering::SeqCst);
    }
}

/// Passes bytes on in both directions. Requests of the engine's interface begin where a piece of the client's does.
async fn pass(client: UnixStream, switches: &Switches) {
    if switches.silent.load(Ordering::SeqCst) {
        return;
    }
    let engine = UnixStream::connect(ENGINE).await.expect("there is no engine: cargo xtask engines docker");
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_engine, mut to_engine) = engine.into_split();
    let answers = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_engine.read(&mut buffer).await {
            if to_client.write_all(&buffer[..length]).await.is_err() {
                break;
            }
        }
        to_client
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
        let piece = &buffer[..length];
        if switches.silent.load(Ordering::SeqCst) {
            answers.abort();
            return;
        }
        let begins = |method: &[u8]| piece.starts_with(method);
        if begins(b"GET ") || begins(b"POST ") || begins(b"DELETE ") || begins(b"PUT ") {
            switches.requests.fetch_add(1, Ordering::SeqCst);
            switches.lists.fetch_add(usize::from(begins(b"GET /containers/json")), Ordering::SeqCst);
        }
        if begins(b"POST ") && switches.refuse_after.load(Ordering::SeqCst) >= 0 {
            let left = switches.refuse_after.fetch_sub(1, Ordering::SeqCst);
            if left == 0 {
                // Closing the way to the engine ends its half, which hands the client's back.
                drop(to_engine);
                let mut to_client = answers.await.unwrap();
                let body = r#"{"message":"refused by the test"}"#;
                let head = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close";
                let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                let _ = to_client.write_all(answer.as_bytes()).await;
                return;
            }
        }
        if to_engine.write_all(piece).await.is_err() {
            return;
        }
    }
}
