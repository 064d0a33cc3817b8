//! Reads the logs that supervisors keep, older files included, and follows them as they grow.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deployctl_sdk::fs::{self, at};
use deployctl_sdk::{ErrorKind, LogLine, LogRequest, Place, ProviderError};

use super::observe::{record_id, replicas};
use super::supervisor::numbered_log;
use crate::attributes::refused;
use crate::claim;

/// How often a log is looked at for new lines.
const GLANCE: Duration = Duration::from_millis(100);

/// Sends the lines of all replicas.
///
/// # Errors
/// When there are no logs, or they cannot be read.
pub(crate) async fn logs(place: &Place, request: LogRequest<'_>) -> Result<(), ProviderError> {
    let nothing = || ProviderError::new(ErrorKind::Refused, "there is no log yet, for nothing was started");
    let id = record_id(request.object).ok_or_else(nothing)?;
    let replicas = replicas(&claim::folder(&place.data, id))?;
    let logs = replicas.iter().filter_map(|replica| replica.spec.as_ref());
    let mut followed: Vec<Followed> = logs.map(|spec| Followed::new(spec.replica.to_string(), &spec.log)).collect();
    if followed.is_empty() {
        return Err(nothing());
    }
    for log in &mut followed {
        log.catch_up(request.tail, request.sink)?;
    }
    while request.follow && !request.cancel.is_cancelled() {
        for log in &mut followed {
            log.go_on(request.sink)?;
        }
        tokio::select! {
            () = request.cancel.cancelled() => {}
            () = tokio::time::sleep(GLANCE) => {}
        }
    }
    Ok(())
}

/// The last lines of a log, for an error.
pub(crate) fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for file in newest_first(path) {
        let Ok(bytes) = fs::read(&file) else { break };
        let text = String::from_utf8_lossy(&bytes);
        let missing = count.saturating_sub(lines.len());
        let mut older: Vec<String> = text.lines().rev().take(missing).map(str::to_owned).collect();
        older.reverse();
        older.append(&mut lines);
        lines = older;
        if lines.len() >= count {
            break;
        }
    }
    lines
}

/// The files of a log that are there, the one being written first.
fn newest_first(path: &Path) -> impl Iterator<Item = PathBuf> {
    let older = (1..=1000).map({
        let path = path.to_owned();
        move |number| numbered_log(&path, number)
    });
    std::iter::once(path.to_owned()).chain(older).take_while(|file| file.exists())
}

/// A log that is being followed.
struct Followed {
    source: String,
    path: PathBuf,
    file: Option<File>,
    /// What stands after the last end of a line.
    rest: Vec<u8>,
}

impl Followed {
    fn new(source: String, path: &Path) -> Self {
        Self { source, path: path.to_owned(), file: None, rest: Vec::new() }
    }

    /// Sends what is there, or the last lines of it.
    fn catch_up(&mut self, tail: Option<usize>, sink: &(dyn Fn(LogLine) + Send + Sync)) -> Result<(), ProviderError> {
        let mut bytes = Vec::new();
        let older: Vec<PathBuf> = newest_first(&self.path).skip(1).collect();
        for file in older.iter().rev() {
            bytes.extend(fs::read(file).map_err(refused)?);
        }
        self.file = open(&self.path)?;
        self.read_on(&mut bytes)?;
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.rest = bytes.split_off(end);
        let text = String::from_utf8_lossy(&bytes);
        let skipped = tail.map_or(0, |tail| text.lines().count().saturating_sub(tail));
        text.lines().skip(skipped).for_each(|line| self.send(line, sink));
        Ok(())
    }

    /// Sends what has come since.
    fn go_on(&mut self, sink: &(dyn Fn(LogLine) + Send + Sync)) -> Result<(), ProviderError> {
        let mut bytes = std::mem::take(&mut self.rest);
        self.read_on(&mut bytes)?;
        if self.was_moved() {
            self.file = open(&self.path)?;
            self.read_on(&mut bytes)?;
        }
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.rest = bytes.split_off(end);
        String::from_utf8_lossy(&bytes).lines().for_each(|line| self.send(line, sink));
        Ok(())
    }

    fn read_on(&mut self, bytes: &mut Vec<u8>) -> Result<(), ProviderError> {
        if let Some(file) = &mut self.file {
            at("read", &self.path, file.read_to_end(bytes)).map_err(refused)?;
        }
        Ok(())
    }

    /// Whether another file stands at the path than the one that is open.
    fn was_moved(&self) -> bool {
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let now = self.path.symlink_metadata().ok().map(identity);
        let open = self.file.as_ref().and_then(|file| file.metadata().ok()).map(identity);
        now.is_some() && now != open
    }

    fn send(&self, line: &str, sink: &(dyn Fn(LogLine) + Send + Sync)) {
        sink(LogLine { source: self.source.clone(), text: line.to_owned() });
    }
}

fn open(path: &Path) -> Result<Option<File>, ProviderError> {
    match OpenOptions::new().read(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        result => at("open", path, result).map(Some).map_err(refused),
    }
}
