//! One request over HTTP, to see with our own eyes that what was deployed answers.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// No page is larger.
const LARGEST: u64 = 1024 * 1024;
/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server answered.
pub struct Page {
    /// `HTTP/1.1 200 OK`
    pub status: String,
    /// Everything after the headers.
    pub body: String,
}

/// Fetches a page from a port of this machine.
pub fn get(port: u16, path: &str) -> io::Result<Page> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(LARGEST).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Ok(Page { status: head.lines().next().unwrap_or_default().to_owned(), body: body.to_owned() })
}

/// Whether anything listens on a port of this machine.
pub fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
