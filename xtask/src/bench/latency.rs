//! A proxy on loopback that makes a server as far away as is said, and counts how often it is asked.
//!
//! Every piece of what passes is held up for half of the latency, each way, without holding up the next; so several questions
//! at one time wait once, as they do on a long line.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Failure;

/// When a client sent something, and when the first piece of the answer reached it.
type Exchange = (Instant, Instant);

/// The proxy.
pub struct Proxy {
    /// Where it listens, `host:port`.
    pub address: String,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

/// How often a server was asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// In all.
    pub questions: usize,
    /// The most questions of which each began after the one before had its answer: what a run waits for.
    pub in_a_row: usize,
}

impl Proxy {
    /// A proxy in front of a server (`host:port`), so much further away.
    pub fn new(server: &'static str, latency: Duration) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| format!("cannot listen: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
        let exchanges: Arc<Mutex<Vec<Exchange>>> = Arc::default();
        let noted = exchanges.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client whose server is not there finds its connection closed.
                let Ok(server) = TcpStream::connect(server) else { continue };
                let (Ok(back_from), Ok(back_to)) = (server.try_clone(), client.try_clone()) else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let (asked, noted) = (Arc::new(Mutex::new(None)), Arc::clone(&noted));
                let asking = asked.clone();
                let later = latency / 2;
                std::thread::spawn(move || {
                    pass(client, server, later, |at| {
                        asking.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(at);
                    });
                });
                std::thread::spawn(move || {
                    pass(back_from, back_to, later, |at| {
                        if let Some(begun) = asked.lock().unwrap_or_else(PoisonError::into_inner).take() {
                            noted.lock().unwrap_or_else(PoisonError::into_inner).push((begun, at + later));
                        }
                    });
                });
            }
        });
        Ok(Self { address, exchanges })
    }

    /// How often the server was asked since this was last called.
    pub fn asked(&self) -> Asked {
        let exchanges = std::mem::take(&mut *self.exchanges.lock().unwrap_or_else(PoisonError::into_inner));
        Asked { questions: exchanges.len(), in_a_row: in_a_row(exchanges) }
    }
}

fn in_a_row(mut exchanges: Vec<Exchange>) -> usize {
    exchanges.sort_by_key(|(_, end)| *end);
    let mut last: Option<Instant> = None;
    let mut count = 0;
    for (begin, end) in exchanges {
        if last.is_none_or(|last| begin >= last) {
            last = Some(end);
            count += 1;
        }
    }
    count
}

/// Passes on what comes, each piece as much later as is said, without holding up the next; tells when each came.
fn pass(mut from: TcpStream, mut to: TcpStream, later: Duration, mut came: impl FnMut(Instant)) {
    let (send, receive) = mpsc::channel::<(Instant, Vec<u8>)>();
    let writer = std::thread::spawn(move || {
        for (due, piece) in receive {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut piece = vec![0; 256 * 1024];
    while let Ok(count) = from.read(&mut piece) {
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
        let now = Instant::now();
        came(now);
        if send.send((now + later, read.to_vec())).is_err() {
            break;
        }
    }
    drop(send);
    let _ = writer.join();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_at_one_time_count_once_in_a_row() {
        let begun = Instant::now();
        let at = |milliseconds: u64| begun + Duration::from_millis(milliseconds);
        assert_eq!(in_a_row(vec![(at(0), at(50)), (at(1), at(51)), (at(2), at(90))]), 1);
        assert_eq!(in_a_row(vec![(at(0), at(50)), (at(55), at(105)), (at(1), at(200)), (at(106), at(150))]), 3);
        assert_eq!(in_a_row(Vec::new()), 0);
    }
}
