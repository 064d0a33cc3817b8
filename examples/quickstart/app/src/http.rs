//! As much HTTP/1.1 as three processes on one machine need of each other: one request per connection, bodies of known
//! length, limits on everything that a client decides.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::{Failure, log};

/// No request line or header may be longer.
const LONGEST_LINE: u64 = 8 * 1024;
/// No body may be larger.
const LARGEST_BODY: u64 = 64 * 1024;
/// How long the other side may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a client asked.
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// The body, as text.
    pub body: String,
}

/// What it is told.
pub struct Response {
    status: &'static str,
    headers: &'static str,
    body: String,
}

impl Response {
    /// Text that programs read.
    pub fn text(body: impl Into<String>) -> Self {
        Self { status: "200 OK", headers: "Content-Type: text/plain; charset=utf-8\r\n", body: body.into() }
    }

    /// A page that people read.
    pub fn page(body: String) -> Self {
        Self { status: "200 OK", headers: "Content-Type: text/html; charset=utf-8\r\n", body }
    }

    /// Back to the page at `/`.
    pub fn home() -> Self {
        Self { status: "303 See Other", headers: "Location: /\r\n", body: String::new() }
    }

    /// There is nothing at that path.
    pub fn not_found() -> Self {
        Self { status: "404 Not Found", ..Self::text("not found\n") }
    }

    /// Something that this role needs does not answer.
    pub fn unavailable(reason: &str) -> Self {
        Self { status: "503 Service Unavailable", ..Self::text(format!("{reason}\n")) }
    }
}

/// Serves on 127.0.0.1 until the process is ended, one thread per connection.
pub fn serve(
    role: &str,
    port: u16,
    handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| format!("port {port}: {error}"))?;
    log(&format!("{role} listens on 127.0.0.1:{port}"));
    let handler = Arc::new(handler);
    for stream in listener.incoming() {
        let (stream, handler) = match stream {
            Ok(stream) => (stream, Arc::clone(&handler)),
            Err(error) => {
                log(&format!("cannot accept a connection: {error}"));
                continue;
            }
        };
        let answering = std::thread::Builder::new().spawn(move || {
            if let Err(error) = answer(&stream, &*handler) {
                log(&format!("a connection ended early: {error}"));
            }
        });
        if let Err(error) = answering {
            log(&format!("cannot start a thread: {error}"));
        }
    }
    Ok(())
}

fn answer(stream: &TcpStream, handler: &dyn Fn(&Request) -> Response) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let first = line(&mut reader)?;
    if first.is_empty() {
        // A probe that only opens a connection asks nothing.
        return Ok(());
    }
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or("/").split('?').next().unwrap_or("/").to_owned();
    let body = body(&mut reader)?;
    let response = handler(&Request { method, path, body });
    let head = format!(
        "HTTP/1.1 {}\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n",
        response.status,
        response.headers,
        response.body.len()
    );
    let mut stream = stream;
    stream.write_all(head.as_bytes())?;
    stream.write_all(response.body.as_bytes())
}

/// Asks one of the other roles, at `address`, and answers the body of what it said.
pub fn ask(address: &str, method: &str, path: &str, body: &str) -> Result<String, Failure> {
    let (status, body) = exchange(address, method, path, body).map_err(|error| format!("{address}: {error}"))?;
    match status.contains(" 200 ") {
        true => Ok(body),
        false => Err(format!("{address}{path} answered `{status}`")),
    }
}

fn exchange(address: &str, method: &str, path: &str, sent: &str) -> io::Result<(String, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n", sent.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(sent.as_bytes())?;
    let mut reader = BufReader::new(&stream);
    let status = line(&mut reader)?;
    let body = body(&mut reader)?;
    Ok((status, body))
}

/// One line, without its end.
fn line(reader: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut text = String::new();
    reader.by_ref().take(LONGEST_LINE).read_line(&mut text)?;
    Ok(text.trim_end().to_owned())
}

/// The headers, of which only the length matters here, and the body.
fn body(reader: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut length = 0;
    for _ in 0..100 {
        let header = line(reader)?;
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = Vec::new();
    reader.by_ref().take(std::cmp::min(length, LARGEST_BODY)).read_to_end(&mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}
