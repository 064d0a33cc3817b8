//! What is kept on disk about a replica: the specification that its supervisor works from, and the status that the
//! supervisor writes. Neither holds a value of the environment.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use deployctl_sdk::fs::{self, FsResult, at};
use deployctl_sdk::{Digest, Ownership, Value};
use serde::{Deserialize, Serialize};

use super::identity::Identity;

/// The version of both documents.
pub(crate) const VERSION: u32 = 1;

/// What a replica is to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) version: u32,
    /// Whose it is.
    pub(crate) mark: Ownership,
    /// Which replica, counted from 0.
    pub(crate) replica: usize,
    /// The configuration's folder.
    pub(crate) root: PathBuf,
    /// The settled configuration without the environment.
    pub(crate) config: Value,
    /// The names of the configured environment, and whether their values are sensitive.
    pub(crate) env: Vec<EnvName>,
    /// Makes the digest useless for guessing.
    pub(crate) salt: String,
    /// The digest of the configured environment.
    pub(crate) env_digest: Digest,
    /// The ports it was given.
    pub(crate) ports: Vec<GivenPort>,
    /// Its log file.
    pub(crate) log: PathBuf,
    /// The folders made for the log file, outermost first.
    pub(crate) log_folders: Vec<PathBuf>,
}

/// A variable of the environment, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EnvName {
    pub(crate) name: String,
    pub(crate) sensitive: bool,
}

/// A port that was given to a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GivenPort {
    pub(crate) name: String,
    pub(crate) number: u16,
}

/// What has become of a replica, as its supervisor tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) version: u32,
    pub(crate) supervisor: Identity,
    pub(crate) service: Option<Identity>,
    pub(crate) phase: Phase,
    pub(crate) restarts: u64,
    pub(crate) started_at: Option<String>,
    /// How the service ended the last time, in words.
    pub(crate) last_end: Option<String>,
}

/// Where a supervisor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Nothing was started yet.
    Starting,
    /// The service runs.
    Running,
    /// The service ended and will be started again.
    Waiting,
    /// The service ended and will not be started again.
    Ended,
}

impl Spec {
    /// Whether that environment is the one it was made with.
    pub(crate) fn has_environment(&self, env: &[(String, String)]) -> bool {
        environment_digest(&self.salt, env) == self.env_digest
    }
}

/// The digest of an environment, for comparing.
pub(crate) fn environment_digest(salt: &str, env: &[(String, String)]) -> Digest {
    // JSON keeps names and values apart, so that no two environments look the same.
    Digest::of(&serde_json::to_vec(&(salt, env)).unwrap_or_default())
}

/// The folder of one replica.
#[derive(Debug, Clone)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// The folder of a replica below that of its record.
    pub(crate) fn of(record: &Path, replica: usize) -> Self {
        Self(record.join(replica.to_string()))
    }

    /// Where the specification is.
    pub(crate) fn spec_path(&self) -> PathBuf {
        self.0.join("spec.json")
    }

    /// Where the log goes if nothing else is configured.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.0.join("output.log")
    }

    /// The specification, if there is a readable one.
    pub(crate) fn spec(&self) -> FsResult<Option<Spec>> {
        read(&self.spec_path())
    }

    /// Writes the specification.
    pub(crate) fn write_spec(&self, spec: &Spec) -> FsResult<()> {
        fs::create_dir_all(&self.0)?;
        fs::write_atomic(&self.spec_path(), &serde_json::to_vec_pretty(spec).unwrap_or_default(), 0o600)
    }

    /// The status, if there is a readable one.
    pub(crate) fn status(&self) -> FsResult<Option<Status>> {
        read(&self.0.join("status.json"))
    }

    /// Writes the status.
    pub(crate) fn write_status(&self, status: &Status) -> FsResult<()> {
        let bytes = serde_json::to_vec_pretty(status).unwrap_or_default();
        fs::write_atomic(&self.0.join("status.json"), &bytes, 0o600)
    }

    /// Takes the supervisor's lock for this process, which holds it as long as it lives; `None` if somebody has it.
    pub(crate) fn lock_for(&self, holder: &Identity) -> FsResult<Option<File>> {
        let Some(mut file) = self.lock()? else { return Ok(None) };
        let bytes = serde_json::to_vec(holder).unwrap_or_default();
        at("write", &self.0.join("lock"), file.set_len(0).and_then(|()| file.write_all(&bytes)))?;
        Ok(Some(file))
    }

    fn lock(&self) -> FsResult<Option<File>> {
        let path = self.0.join("lock");
        let mut options = OpenOptions::new();
        let file = at("open", &path, options.create(true).write(true).truncate(false).mode(0o600).open(&path))?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => at("lock", &path, Err(error.into())),
        }
    }

    /// Whether a supervisor holds its lock.
    pub(crate) fn is_locked(&self) -> bool {
        self.0.join("lock").exists() && matches!(self.lock(), Ok(None))
    }

    /// Who holds the lock, if somebody does and has said so.
    pub(crate) fn holder(&self) -> Option<Identity> {
        if self.is_locked() { read(&self.0.join("lock")).ok().flatten() } else { None }
    }
}

/// A document that cannot be understood is as good as none: it is made anew.
fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> FsResult<Option<T>> {
    Ok(fs::read_if_there(path)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// The replicas of a record that have a folder, in order.
pub(crate) fn replicas(record: &Path) -> FsResult<Vec<(usize, Folder)>> {
    let entries = match fs::read_dir(record) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        result => result?,
    };
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<usize>().ok();
    let mut found: Vec<(usize, Folder)> =
        entries.into_iter().filter_map(|path| Some((number(&path)?, Folder(path)))).collect();
    found.sort_by_key(|(replica, _)| *replica);
    Ok(found)
}
