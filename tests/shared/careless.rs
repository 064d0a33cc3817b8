//! A server that keeps objects and heeds no condition, as older implementations of S3 do: it takes If-Match and If-None-Match
//! and writes all the same. A stand-in, because the servers at hand all heed them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use deployctl_sdk::Digest;

/// The objects, by their paths.
pub type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// One request and its answer; false at the end of the connection.
pub fn exchange(client: &mut TcpStream, objects: &Objects) -> std::io::Result<bool> {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte)? == 0 {
            return Ok(false);
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut objects = objects.lock().unwrap();
    let answer = match method {
        "PUT" => {
            let tag = Digest::of(&body);
            objects.insert(path.to_owned(), body);
            (200, format!("ETag: \"{tag}\"\r\n"), Vec::new())
        }
        "GET" if query.contains("list-type=2") => {
            (200, "Content-Type: application/xml\r\n".to_owned(), listing(&objects, path, query))
        }
        "GET" | "HEAD" => match objects.get(path) {
            Some(bytes) => (200, format!("ETag: \"{}\"\r\n", Digest::of(bytes)), bytes.clone()),
            None => {
                let text = "<Error><Code>NoSuchKey</Code><Message>not there</Message></Error>";
                (404, "Content-Type: application/xml\r\n".to_owned(), text.into())
            }
        },
        "DELETE" => {
            objects.remove(path);
            (204, String::new(), Vec::new())
        }
        _ => (200, "Content-Type: application/xml\r\n".to_owned(), b"<DeleteResult></DeleteResult>".to_vec()),
    };
    let (status, headers, bytes) = answer;
    write!(client, "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n", bytes.len())?;
    if method != "HEAD" {
        client.write_all(&bytes)?;
    }
    Ok(true)
}

fn listing(objects: &BTreeMap<String, Vec<u8>>, bucket: &str, query: &str) -> Vec<u8> {
    let bucket = bucket.trim_matches('/');
    let prefix = query.split('&').find_map(|part| part.strip_prefix("prefix=")).unwrap_or_default().replace("%2F", "/");
    let keys =
        objects.iter().filter_map(|(path, bytes)| Some((path.strip_prefix(&format!("/{bucket}/"))?, bytes.len())));
    let keys = keys.filter(|(key, _)| key.starts_with(&prefix));
    let contents: String =
        keys.map(|(key, size)| format!("<Contents><Key>{key}</Key><Size>{size}</Size></Contents>")).collect();
    format!(
        "<ListBucketResult><Name>{bucket}</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
    )
    .into_bytes()
}
