//! A log file that never grows past its bounds: when it is full it becomes `NAME.1`, that one `NAME.2`, and so on.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use deployctl_sdk::fs::{self, FsResult, at};

use super::super::config::Log;

/// A log file being written.
pub(super) struct LogFile {
    path: PathBuf,
    file: Option<File>,
    size: u64,
    max_size: u64,
    max_files: u32,
}

impl LogFile {
    /// Opens it, to write on at its end.
    pub(super) fn open(path: &Path, bounds: &Log) -> FsResult<Self> {
        let mut log =
            Self { path: path.to_owned(), file: None, size: 0, max_size: bounds.max_size, max_files: bounds.max_files };
        log.reopen()?;
        Ok(log)
    }

    /// Other bounds, from the next write on.
    pub(super) fn set_bounds(&mut self, bounds: &Log) {
        for surplus in bounds.max_files..self.max_files {
            let _ = fs::remove_file(&numbered(&self.path, surplus));
        }
        self.max_size = bounds.max_size;
        self.max_files = bounds.max_files;
    }

    fn reopen(&mut self) -> FsResult<()> {
        let mut options = OpenOptions::new();
        let file = at("open", &self.path, options.create(true).append(true).mode(0o600).open(&self.path))?;
        self.size = at("look at", &self.path, file.metadata())?.len();
        self.file = Some(file);
        Ok(())
    }

    /// Writes a piece of output. What cannot be written, because the disk is full, is lost: the service must not stand
    /// still for its log.
    pub(super) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.max_size.saturating_sub(self.size)).unwrap_or(usize::MAX);
            let (now, later) = match bytes.len() <= room {
                true => (bytes, &[][..]),
                false => split(bytes, room, self.size == 0),
            };
            if !now.is_empty() {
                self.append(now);
            }
            if !later.is_empty() {
                self.rotate();
            }
            bytes = later;
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.file.is_none() {
            let _ = self.reopen();
        }
        // Counted even if it fails, so that a piece is never tried for ever.
        self.size = self.size.saturating_add(bytes.len() as u64);
        if let Some(file) = &mut self.file {
            let _ = file.write_all(bytes);
        }
    }

    fn rotate(&mut self) {
        self.file = None;
        if self.max_files <= 1 {
            let _ = fs::remove_file(&self.path);
        }
        for number in (1..self.max_files).rev() {
            let older = numbered(&self.path, number);
            let newer = if number == 1 { self.path.clone() } else { numbered(&self.path, number - 1) };
            if newer.exists() {
                let _ = fs::rename(&newer, &older);
            }
        }
        self.size = 0;
        let _ = self.reopen();
    }
}

/// What still goes into a file with that much room, up to the end of a line where there is one; of a line that is longer
/// than a whole file, as much as there is room for.
fn split(bytes: &[u8], room: usize, empty: bool) -> (&[u8], &[u8]) {
    let (head, _) = bytes.split_at(room.min(bytes.len()));
    let cut = match head.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => end + 1,
        None if empty => head.len().max(1),
        None => 0,
    };
    bytes.split_at(cut.min(bytes.len()))
}

/// The name of an older file.
pub(crate) fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_within_their_bounds_and_lines_stay_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let bounds = Log { path: None, max_size: 100, max_files: 3 };
        let mut log = LogFile::open(&path, &bounds).unwrap();
        (0..100).for_each(|line| log.write(format!("this is line {line:03}\n").as_bytes()));
        log.write(&[b'x'; 250]);
        log.write(b"\nend\n");
        let files = fs::read_dir(folder.path()).unwrap();
        assert_eq!(files.len(), 3);
        for file in &files {
            assert!(fs::read(file).unwrap().len() <= 100);
        }
        assert!(fs::read_to_string(&path).unwrap().ends_with("\nend\n"));
    }

    #[test]
    fn one_file_is_begun_anew_when_it_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut log = LogFile::open(&path, &Log { path: None, max_size: 10, max_files: 1 }).unwrap();
        (0..10).for_each(|number| log.write(format!("line {number}\n").as_bytes()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 9\n");
    }
}
