//! A log as a row of objects: the first under the log's own name, each further one below `NAME.parts/EPOCH/` under the place in
//! the log where it begins. Small, and each put only where nothing is: who comes second is refused.
//!
//! An epoch is one log's life, by the digest of its first object, so that what is left of an older log never counts as part
//! of a newer one. A log that ended is overwritten by a mark and not deleted, because deletions cannot be made conditional
//! everywhere; only its parts are deleted, which nobody can take for another log's.
//!
//! A log that begins empty goes on over many runs, so its last part is filled up before a new one is begun.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::{Digest, source};
use tokio::sync::Mutex;

use super::lock::Guard;
use super::lost;
use super::objects::Objects;
use crate::crash_point;
use crate::error::{Error, Result};
use crate::state::backend::{Condition, Log, Version};

/// Up to how many bytes a part of a log that goes on is filled.
const FILLED_UP_TO: usize = 256 * 1024;

/// What the mark of a log that ended begins with.
const ENDED: &[u8] = b"{\"ended\":";

/// How much of the first object's digest tells logs apart.
const EPOCH_DIGITS: usize = 24;

/// Whether these bytes are the mark of a log that ended.
pub(super) fn is_ended(bytes: &[u8]) -> bool {
    bytes.starts_with(ENDED)
}

/// What is known of a log's objects.
#[derive(Debug, Clone)]
pub(super) struct Pieces {
    epoch: String,
    first: Version,
    ended: bool,
    /// Whether it goes on over many runs.
    lasting: bool,
    /// Where it ends.
    end: u64,
    last: Option<Part>,
}

/// The last part.
#[derive(Debug, Clone)]
struct Part {
    place: u64,
    version: Version,
    bytes: Vec<u8>,
}

impl Pieces {
    /// A log that has just begun.
    pub(super) fn begun(first: &[u8], version: Version) -> Self {
        let mut epoch = Digest::of(first).to_string();
        epoch.truncate(EPOCH_DIGITS);
        Self {
            epoch,
            first: version,
            ended: is_ended(first),
            lasting: first.is_empty(),
            end: first.len() as u64,
            last: None,
        }
    }

    /// Which object marks its end, if it ended.
    pub(super) fn ended(&self) -> Option<Version> {
        self.ended.then(|| self.first.clone())
    }

    fn folder(&self, path: &str) -> String {
        format!("{path}.parts/{}/", self.epoch)
    }

    fn part(&self, path: &str, place: u64) -> String {
        format!("{}{place:020}", self.folder(path))
    }
}

/// Reads a log with all its parts.
pub(super) async fn read(objects: &Objects, path: &str) -> Result<Option<(Vec<u8>, Pieces)>> {
    let Some((mut bytes, version)) = objects.get(path).await? else { return Ok(None) };
    let mut pieces = Pieces::begun(&bytes, version);
    if pieces.ended {
        return Ok(Some((Vec::new(), pieces)));
    }
    let folder = pieces.folder(path);
    let names = objects.list(&folder).await?;
    for (name, part) in names.iter().zip(objects.get_all(&names).await?) {
        let place = name.strip_prefix(&folder).and_then(|digits| digits.parse::<u64>().ok());
        let (Some(place), Some((content, version))) = (place, part) else { return Err(gap(objects, name)) };
        if place != bytes.len() as u64 {
            return Err(gap(objects, name));
        }
        bytes.extend_from_slice(&content);
        pieces.last = Some(Part { place, version, bytes: content });
    }
    pieces.end = bytes.len() as u64;
    Ok(Some((bytes, pieces)))
}

fn gap(objects: &Objects, name: &str) -> Error {
    Error::failed(format!("a piece is missing before {}", objects.place(name)))
        .with_hint("put it back from a backup or an older version of the object")
}

/// Ends a log. Answers what marks the end; `None` if another log stands there by now.
pub(super) async fn end(objects: &Objects, path: &str, pieces: &Pieces) -> Result<Option<Pieces>> {
    let mark = format!("{}\"{}\"}}", String::from_utf8_lossy(ENDED), source::uuid()).into_bytes();
    crash_point::pass();
    let ended = objects.put(path, mark.clone(), &Condition::Matches(pieces.first.clone())).await?;
    crash_point::pass();
    // Nobody reads them any more.
    let parts = objects.list(&pieces.folder(path)).await?;
    objects.delete(&parts).await?;
    Ok(ended.map(|version| Pieces::begun(&mark, version)))
}

/// A log that is open.
pub(super) struct S3Log {
    pub(super) objects: Arc<Objects>,
    pub(super) guard: Arc<Guard>,
    pub(super) known: Arc<Mutex<HashMap<String, Pieces>>>,
    pub(super) path: String,
    pub(super) pieces: Pieces,
    /// What was to be written at the end and may be there or not.
    pub(super) unsure: Option<Vec<u8>>,
}

impl S3Log {
    /// The part that takes these bytes: the last one, filled up, or a new one.
    fn next(&self, bytes: &[u8]) -> (u64, Vec<u8>, Condition) {
        match &self.pieces.last {
            Some(last) if self.pieces.lasting && last.bytes.len() + bytes.len() <= FILLED_UP_TO => {
                (last.place, [last.bytes.as_slice(), bytes].concat(), Condition::Matches(last.version.clone()))
            }
            _ => (self.pieces.end, bytes.to_vec(), Condition::Absent),
        }
    }

    /// Puts over what an append of ours left there whose answer was lost.
    async fn put_over(&self, name: &str, content: &[u8]) -> Result<Option<Version>> {
        let Some(unsure) = &self.unsure else { return Ok(None) };
        match self.objects.get(name).await? {
            Some((there, version)) if there == *unsure => {
                self.objects.put(name, content.to_vec(), &Condition::Matches(version)).await
            }
            _ => Ok(None),
        }
    }
}

#[async_trait]
impl Log for S3Log {
    async fn append(&mut self, place: u64, bytes: Vec<u8>) -> Result<()> {
        if place != self.pieces.end {
            let (path, end) = (self.objects.place(&self.path), self.pieces.end);
            return Err(Error::failed(format!("{path} ends at {end}, and something was to be added at {place}"))
                .with_hint("run the command again"));
        }
        let (begin, content, condition) = self.next(&bytes);
        let name = self.pieces.part(&self.path, begin);
        crash_point::pass();
        let put = match self.objects.put(&name, content.clone(), &condition).await {
            Ok(Some(version)) => Some(version),
            Ok(None) => self.put_over(&name, &content).await?,
            Err(error) => {
                self.unsure = Some(content);
                return Err(error);
            }
        };
        crash_point::pass();
        let Some(version) = put else { return Err(lost(&self.objects.place(&self.path))) };
        match self.guard.holds(&self.objects).await {
            Ok(true) => {}
            Ok(false) => return Err(lost(&self.objects.place(&self.path))),
            Err(error) => {
                self.unsure = Some(content);
                return Err(error);
            }
        }
        self.unsure = None;
        self.pieces.end += bytes.len() as u64;
        self.pieces.last = Some(Part { place: begin, version, bytes: content });
        self.known.lock().await.insert(self.path.clone(), self.pieces.clone());
        Ok(())
    }
}
