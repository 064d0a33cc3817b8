//! A proxy on loopback between a machine and a server, which counts, delays, drops, cuts off and duplicates what passes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use deployctl_sdk::conformance::Dice;

/// What may happen to an exchange, in thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trouble {
    /// The request never arrives.
    pub request_lost: usize,
    /// It arrives, and the answer is lost.
    pub answer_lost: usize,
    /// The answer is cut off in the middle.
    pub cut_off: usize,
    /// The request arrives twice.
    pub twice: usize,
    /// The most that an exchange is held up, in milliseconds.
    pub late: usize,
    /// How long each exchange is held up in any case.
    pub latency: Duration,
}

/// When a request came, when its answer went, and its first line.
pub type Exchange = (Instant, Instant, String);

/// The proxy.
pub struct Proxy {
    /// `127.0.0.1:port`.
    pub address: String,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    trouble: Mutex<Trouble>,
    /// Nothing passes any more.
    dead: AtomicBool,
    /// After so many more exchanges nothing passes.
    left: AtomicUsize,
    exchanges: Mutex<Vec<Exchange>>,
    /// The requests themselves, as far as they are text.
    requests: Mutex<Vec<String>>,
    dice: Mutex<Dice>,
    /// What a request holds that has to wait, and whether one does.
    held: Mutex<(Option<String>, bool)>,
    /// Tells of changes of `held`.
    changed: Condvar,
    /// Whether what passes is HTTP, whose requests are told apart.
    http: bool,
}

impl Proxy {
    /// A proxy in front of a server (`host:port`).
    pub fn new(server: &str, http: bool, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            trouble: Mutex::default(),
            dead: AtomicBool::new(false),
            left: AtomicUsize::new(usize::MAX),
            exchanges: Mutex::default(),
            requests: Mutex::default(),
            dice: Mutex::new(Dice::new(seed)),
            held: Mutex::default(),
            changed: Condvar::new(),
            http,
        });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), serving) = (client, serving.clone()) else { return };
                std::thread::spawn(move || {
                    let _ = if serving.http { serving.http(client) } else { serving.stream(client) };
                });
            }
        });
        Self { address, shared }
    }

    /// What may happen from now on.
    pub fn trouble(&self, trouble: Trouble) {
        *self.shared.trouble.lock().unwrap() = trouble;
    }

    /// Nothing passes any more after so many exchanges.
    pub fn die_after(&self, exchanges: usize) {
        self.shared.left.store(exchanges, Ordering::SeqCst);
    }

    /// All is well again.
    pub fn revive(&self) {
        self.shared.left.store(usize::MAX, Ordering::SeqCst);
        self.shared.dead.store(false, Ordering::SeqCst);
    }

    /// The first request in which this stands waits until it is let go.
    pub fn hold(&self, text: &str) {
        *self.shared.held.lock().unwrap() = (Some(text.to_owned()), false);
    }

    /// Waits until such a request came.
    pub fn wait_for_held(&self) {
        let held = self.shared.held.lock().unwrap();
        let waited = self.shared.changed.wait_timeout_while(held, Duration::from_secs(60), |(_, waits)| !*waits);
        assert!(!waited.unwrap().1.timed_out(), "no such request came");
    }

    /// Lets it pass, and all that follow.
    pub fn let_go(&self) {
        *self.shared.held.lock().unwrap() = (None, false);
        self.shared.changed.notify_all();
    }

    /// What passed since this was last asked.
    pub fn exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.shared.exchanges.lock().unwrap())
    }
}

impl Proxy {
    /// The requests that passed since this was last asked, each as far as it is text.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.requests.lock().unwrap())
    }
}

impl Shared {
    fn chance(&self, thousandths: usize) -> bool {
        self.dice.lock().unwrap().below(1000) < thousandths
    }

    /// Whether anything still passes; counts an exchange.
    fn passes(&self) -> bool {
        if self.dead.load(Ordering::SeqCst) {
            return false;
        }
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
            usize::MAX => Some(left),
            left => left.checked_sub(1),
        });
        if left.is_err() {
            self.dead.store(true, Ordering::SeqCst);
        }
        left.is_ok()
    }

    fn wait_if_held(&self, request: &[u8]) {
        let mut held = self.held.lock().unwrap();
        if held.0.as_ref().is_some_and(|text| request.windows(text.len()).any(|part| part == text.as_bytes())) {
            held.1 = true;
            self.changed.notify_all();
            drop(self.changed.wait_while(held, |(text, _)| text.is_some()));
        }
    }

    fn hold_up(&self, trouble: &Trouble) {
        let late = if trouble.late > 0 { self.dice.lock().unwrap().below(trouble.late) } else { 0 };
        std::thread::sleep(trouble.latency + Duration::from_millis(late as u64));
    }

    /// Request by request.
    fn http(&self, mut client: TcpStream) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        let mut server: Option<TcpStream> = None;
        while let Some(request) = message(&mut client, false)? {
            let begun = Instant::now();
            self.wait_if_held(&request);
            let trouble = *self.trouble.lock().unwrap();
            if !self.passes() {
                return client.shutdown(Shutdown::Both);
            }
            self.hold_up(&trouble);
            if self.chance(trouble.request_lost) {
                return client.shutdown(Shutdown::Both);
            }
            let head = request.starts_with(b"HEAD ");
            if self.chance(trouble.twice) {
                let mut other = TcpStream::connect(&self.server)?;
                other.write_all(&request)?;
                // Before the other one or after it.
                if self.chance(500) {
                    let _ = message(&mut other, head);
                } else {
                    std::thread::spawn(move || message(&mut other, head).map(drop));
                }
            }
            let connected = match server.take() {
                Some(server) => server,
                None => TcpStream::connect(&self.server)?,
            };
            let server = server.insert(connected);
            server.set_nodelay(true)?;
            server.write_all(&request)?;
            let Some(answer) = message(server, head)? else { return client.shutdown(Shutdown::Both) };
            let text = String::from_utf8_lossy(&request).into_owned();
            self.requests.lock().unwrap().push(text.clone());
            let line = text.lines().next().unwrap_or_default().to_owned();
            self.exchanges.lock().unwrap().push((begun, Instant::now(), line));
            if self.chance(trouble.answer_lost) {
                return client.shutdown(Shutdown::Both);
            }
            if self.chance(trouble.cut_off) {
                client.write_all(&answer[..answer.len() * 2 / 3])?;
                return client.shutdown(Shutdown::Both);
            }
            client.write_all(&answer)?;
        }
        Ok(())
    }

    /// Bytes in both directions; each piece from the client counts as an exchange.
    fn stream(&self, client: TcpStream) -> std::io::Result<()> {
        let server = TcpStream::connect(&self.server)?;
        let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
        let back = std::thread::spawn(move || {
            let _ = std::io::copy(&mut from_server, &mut to_client);
            let _ = to_client.shutdown(Shutdown::Both);
        });
        let (mut client, mut server) = (client, server);
        let mut piece = vec![0; 64 * 1024];
        loop {
            let count = client.read(&mut piece)?;
            let begun = Instant::now();
            self.wait_if_held(&piece[..count]);
            let trouble = *self.trouble.lock().unwrap();
            if count == 0 || !self.passes() || self.chance(trouble.request_lost) {
                break;
            }
            self.hold_up(&trouble);
            let cut = self.chance(trouble.cut_off);
            server.write_all(&piece[..if cut { count * 2 / 3 } else { count }])?;
            self.exchanges.lock().unwrap().push((begun, Instant::now(), String::new()));
            if cut {
                break;
            }
            if self.chance(trouble.answer_lost) {
                // It arrives, and what comes back does not.
                let _ = client.shutdown(Shutdown::Both);
                std::thread::sleep(Duration::from_millis(50));
                break;
            }
        }
        let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
        drop(back);
        Ok(())
    }
}

/// One HTTP message; `None` at the end of the connection.
fn message(stream: &mut TcpStream, without_body: bool) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut byte = [0; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let field = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().to_owned()))
    };
    let bodiless = without_body || head.starts_with("http/1.1 204") || head.starts_with("http/1.1 304");
    if bodiless {
        return Ok(Some(bytes));
    }
    if let Some(length) = field("content-length").and_then(|length| length.parse::<usize>().ok()) {
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        bytes.extend(body);
    } else if field("transfer-encoding").is_some_and(|encoding| encoding == "chunked") {
        while !bytes.ends_with(b"0\r\n\r\n") {
            if stream.read(&mut byte)? == 0 {
                return Ok(None);
            }
            bytes.push(byte[0]);
        }
    }
    Ok(Some(bytes))
}
