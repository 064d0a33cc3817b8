//! A state kept in memory, on a disk that can be made to fail: for tests and for the simulation.
//!
//! What is written is one thing, what would outlive a crash another; every operation of a backend syncs before it answers, so
//! the two differ only for an operation that was cut short. Writes are counted, and any one of them can be made to fail or to
//! be the last before a crash.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::backend::{Acquired, Backend, Condition, HeldLock, Log, Version};
use super::lock::LockInfo;
use crate::error::{Error, ErrorKind, Result};

/// What happens to one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full after so many bytes. What was there before stays, and what grows may keep the bytes that fitted.
    Full(usize),
    /// Nothing may be written.
    ReadOnly,
    /// The process dies in the middle of it, and this much of it outlives that. From then on nothing works before
    /// [`MemoryBackend::restart`].
    Crash(Kept),
}

/// What outlives a crash of a write that was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing of it.
    Nothing,
    /// The first bytes of what was appended; of anything else nothing.
    Part(usize),
    /// All of it.
    Whole,
}

/// A disk in memory.
#[derive(Default)]
pub struct MemoryBackend {
    disk: Arc<Mutex<Disk>>,
    shared: bool,
}

#[derive(Default)]
struct Disk {
    written: BTreeMap<String, File>,
    synced: BTreeMap<String, File>,
    files: u64,
    writes: u64,
    faults: HashMap<u64, Fault>,
    down: bool,
    lock: Option<LockInfo>,
    /// Whose locks count: those of processes before the last crash do not.
    process: u64,
    locked_by: u64,
}

/// A file; another one of the same name has another number.
#[derive(Clone)]
struct File {
    number: u64,
    bytes: Vec<u8>,
}

impl File {
    fn version(&self) -> Version {
        Version(self.number.to_string())
    }
}

impl MemoryBackend {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty disk that stands for a place which others can read, so that no key is kept there.
    pub fn shared() -> Self {
        Self { shared: true, ..Self::default() }
    }

    /// How many writes there have been: puts, appends and deletions, failed ones included.
    pub fn writes(&self) -> u64 {
        self.disk().writes
    }

    /// Lets the write with that number, counted from 0 by [`MemoryBackend::writes`], go wrong.
    pub fn fail(&self, write: u64, fault: Fault) {
        self.disk().faults.insert(write, fault);
    }

    /// The process dies now: what is not synced is lost, and nothing works before [`MemoryBackend::restart`].
    pub fn crash(&self) {
        self.disk().crash();
    }

    /// A new process finds the disk as the last one left it, and no faults any more. A lock that was held is found as one
    /// of a process that is gone.
    pub fn restart(&self) {
        let mut disk = self.disk();
        disk.crash();
        disk.down = false;
        disk.process += 1;
        disk.faults.clear();
    }

    /// Flips one bit of what is at a path, behind everybody's back; answers whether there is such a bit.
    pub fn flip(&self, path: &str, bit: usize) -> bool {
        let mut disk = self.disk();
        let flipped = disk.written.get_mut(path).and_then(|file| file.bytes.get_mut(bit / 8)).map(|byte| {
            *byte ^= 1 << (bit % 8);
        });
        disk.sync();
        flipped.is_some()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        hold(&self.disk)
    }
}

fn hold(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gone() -> Error {
    Error::failed("the process is dead")
}

impl Disk {
    fn crash(&mut self) {
        self.written.clone_from(&self.synced);
        self.down = true;
    }

    fn sync(&mut self) {
        self.synced.clone_from(&self.written);
    }

    fn up(&self) -> Result<()> {
        if self.down { Err(gone()) } else { Ok(()) }
    }

    /// Counts a write and says what is to go wrong with it.
    fn next_fault(&mut self) -> Result<Option<Fault>> {
        self.up()?;
        let number = self.writes;
        self.writes += 1;
        Ok(self.faults.remove(&number))
    }

    /// A write that is done whole or not at all.
    fn change(&mut self, path: &str, change: impl FnOnce(&mut Self)) -> Result<()> {
        match self.next_fault()? {
            None => {
                change(self);
                self.sync();
                Ok(())
            }
            Some(Fault::Crash(kept)) => {
                if kept == Kept::Whole {
                    change(self);
                    self.sync();
                }
                self.crash();
                Err(gone())
            }
            Some(fault) => Err(refused(path, fault)),
        }
    }

    fn put(&mut self, path: &str, bytes: Vec<u8>) {
        self.files += 1;
        let number = self.files;
        self.written.insert(path.to_owned(), File { number, bytes });
    }

    fn append(&mut self, path: &str, number: u64, place: u64, bytes: &[u8]) -> Result<()> {
        let fault = self.next_fault()?;
        let file = self.written.get_mut(path).filter(|file| file.number == number);
        let Some(file) = file else {
            return Err(Error::new(ErrorKind::Locked, format!("memory:{path} was removed while it was being written")));
        };
        file.bytes.truncate(usize::try_from(place).unwrap_or(usize::MAX));
        let fits = match fault {
            None | Some(Fault::Crash(Kept::Whole)) => bytes.len(),
            Some(Fault::Full(fits) | Fault::Crash(Kept::Part(fits))) => fits,
            Some(Fault::ReadOnly | Fault::Crash(Kept::Nothing)) => 0,
        };
        file.bytes.extend_from_slice(bytes.get(..fits).unwrap_or(bytes));
        self.sync();
        match fault {
            None => Ok(()),
            Some(Fault::Crash(_)) => {
                self.crash();
                Err(gone())
            }
            Some(fault) => Err(refused(path, fault)),
        }
    }
}

fn refused(path: &str, fault: Fault) -> Error {
    match fault {
        Fault::ReadOnly => Error::failed(format!("cannot write memory:{path}: Read-only file system")),
        _ => Error::failed(format!("cannot write memory:{path}: No space left on device")),
    }
}

#[async_trait]
impl Backend for MemoryBackend {
    async fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>> {
        let disk = self.disk();
        disk.up()?;
        Ok(disk.written.get(path).map(|file| (file.bytes.clone(), file.version())))
    }

    async fn put(&self, path: &str, bytes: Vec<u8>, condition: Condition) -> Result<Option<Version>> {
        let mut disk = self.disk();
        disk.up()?;
        let holds = match (condition, disk.written.get(path)) {
            (Condition::Any, _) | (Condition::Absent, None) => true,
            (Condition::Absent, Some(_)) | (Condition::Matches(_), None) => false,
            (Condition::Matches(version), Some(file)) => version == file.version(),
        };
        if !holds {
            return Ok(None);
        }
        disk.change(path, |disk| disk.put(path, bytes))?;
        Ok(disk.written.get(path).map(File::version))
    }

    async fn log(&self, path: &str) -> Result<Box<dyn Log>> {
        let disk = self.disk();
        disk.up()?;
        let number = disk.written.get(path).map(|file| file.number);
        let number = number.ok_or_else(|| Error::failed(format!("there is no memory:{path}")))?;
        Ok(Box::new(MemoryLog { disk: self.disk.clone(), path: path.to_owned(), number }))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.disk().change(path, |disk| {
            disk.written.remove(path);
        })
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let disk = self.disk();
        disk.up()?;
        Ok(disk.written.keys().filter(|path| path.starts_with(prefix)).cloned().collect())
    }

    async fn acquire(&self, info: &LockInfo) -> Result<Acquired> {
        let mut disk = self.disk();
        disk.up()?;
        let previous = match disk.lock.clone() {
            Some(holder) if disk.locked_by == disk.process => return Ok(Acquired::Taken(holder)),
            previous => previous,
        };
        disk.lock = Some(info.clone());
        disk.locked_by = disk.process;
        let held = MemoryLock { disk: self.disk.clone(), info: info.clone(), process: disk.process };
        Ok(Acquired::Held { held: Box::new(held), previous })
    }

    async fn holder(&self) -> Result<Option<LockInfo>> {
        let disk = self.disk();
        disk.up()?;
        Ok(disk.lock.clone().filter(|_| disk.locked_by == disk.process))
    }

    async fn break_lock(&self, id: Uuid) -> Result<Option<LockInfo>> {
        let mut disk = self.disk();
        disk.up()?;
        let held = disk.lock.as_ref().is_some_and(|holder| holder.id == id) && disk.locked_by == disk.process;
        Ok(if held { disk.lock.take() } else { None })
    }

    fn place(&self, path: &str) -> String {
        format!("memory:{path}")
    }

    fn keeps_key(&self) -> bool {
        !self.shared
    }
}

struct MemoryLog {
    disk: Arc<Mutex<Disk>>,
    path: String,
    number: u64,
}

#[async_trait]
impl Log for MemoryLog {
    async fn append(&mut self, place: u64, bytes: Vec<u8>) -> Result<()> {
        hold(&self.disk).append(&self.path, self.number, place, &bytes)
    }
}

struct MemoryLock {
    disk: Arc<Mutex<Disk>>,
    info: LockInfo,
    process: u64,
}

impl MemoryLock {
    fn is_ours(&self, disk: &Disk) -> bool {
        disk.process == self.process && disk.lock.as_ref().is_some_and(|holder| holder.id == self.info.id)
    }

    fn give_back(&self) {
        let mut disk = hold(&self.disk);
        if self.is_ours(&disk) && !disk.down {
            disk.lock = None;
        }
    }
}

#[async_trait]
impl HeldLock for MemoryLock {
    async fn is_held(&self) -> Result<bool> {
        let disk = hold(&self.disk);
        disk.up()?;
        Ok(self.is_ours(&disk))
    }

    async fn release(&self) -> Result<()> {
        self.give_back();
        Ok(())
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.give_back();
    }
}
