//! Everything a run was made from, so that it can be made again.
//!
//! Files, listings, environment variables, the time and random identities are all had through a [`Recorder`], which answers
//! from the checkout or from what an earlier run recorded, and remembers what it answered. Nothing else may read them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use deployctl_sdk::value::{Clear, Tagged, TaggedSeed};
use deployctl_sdk::{CapturedFile, Digest, FileError, Files, Value, source};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::lang::{Outside, Unresolved};
use crate::secret::Secrets;

/// What a run was made from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// The environment.
    pub environment: String,
    /// Every file that was read: configuration, variables, what functions and resources name.
    pub files: BTreeMap<String, CapturedFile>,
    /// Every folder that was listed.
    pub listings: BTreeMap<String, Vec<String>>,
    /// The resolved variables.
    pub variables: BTreeMap<Arc<str>, Value>,
    /// What `env` answered.
    pub env: BTreeMap<String, Option<String>>,
    /// What `timestamp` answered.
    pub timestamp: String,
    /// What `uuid` answered, by place.
    pub uuids: BTreeMap<String, String>,
    /// What was read of other configurations' states, by the names of the `data` blocks.
    pub stacks: BTreeMap<Arc<str>, Value>,
    /// The keyed digests of the secrets, by name: enough to see that one has changed.
    pub secrets: BTreeMap<String, String>,
    /// Whether the run was to remove everything: bringing it back removes everything again.
    pub removed: bool,
}

/// The form in which inputs rest; the whole of it is sealed, because variables and environment hold secrets.
#[derive(Serialize)]
struct RestingOut<'i> {
    environment: &'i str,
    files: &'i BTreeMap<String, CapturedFile>,
    listings: &'i BTreeMap<String, Vec<String>>,
    variables: BTreeMap<&'i str, Tagged<'i>>,
    env: &'i BTreeMap<String, Option<String>>,
    timestamp: &'i str,
    uuids: &'i BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    stacks: BTreeMap<&'i str, Tagged<'i>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    secrets: &'i BTreeMap<String, String>,
    removed: bool,
}

#[derive(Deserialize)]
struct RestingIn {
    environment: String,
    files: BTreeMap<String, CapturedFile>,
    listings: BTreeMap<String, Vec<String>>,
    variables: BTreeMap<String, Box<RawValue>>,
    env: BTreeMap<String, Option<String>>,
    timestamp: String,
    uuids: BTreeMap<String, String>,
    #[serde(default)]
    stacks: BTreeMap<String, Box<RawValue>>,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    removed: bool,
}

impl Inputs {
    /// As bytes to be sealed: they hold every variable in clear.
    ///
    /// # Errors
    /// A variable too deep to be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let resting = RestingOut {
            environment: &self.environment,
            files: &self.files,
            listings: &self.listings,
            variables: self.variables.iter().map(|(name, value)| (&**name, Tagged::new(value, &Clear))).collect(),
            env: &self.env,
            timestamp: &self.timestamp,
            uuids: &self.uuids,
            stacks: self.stacks.iter().map(|(name, value)| (&**name, Tagged::new(value, &Clear))).collect(),
            secrets: &self.secrets,
            removed: self.removed,
        };
        serde_json::to_vec(&resting).map_err(|error| format!("the inputs cannot be recorded: {error}"))
    }

    /// From what [`Inputs::to_bytes`] made.
    ///
    /// # Errors
    /// When the bytes are something else. Never shows what they hold.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let resting: RestingIn = serde_json::from_slice(bytes)
            .map_err(|error| format!("the recorded inputs cannot be read (line {})", error.line()))?;
        let read = |what: &str, values: &BTreeMap<String, Box<RawValue>>| {
            let values = values.iter().map(|(name, text)| {
                let value = TaggedSeed::new(&Clear).read(text.get().as_bytes());
                let value = value.map_err(|_| format!("the recorded {what} `{name}` cannot be read"))?;
                Ok((Arc::from(name.as_str()), value))
            });
            values.collect::<Result<BTreeMap<Arc<str>, Value>, String>>()
        };
        Ok(Self {
            variables: read("variable", &resting.variables)?,
            stacks: read("state", &resting.stacks)?,
            environment: resting.environment,
            files: resting.files,
            listings: resting.listings,
            env: resting.env,
            timestamp: resting.timestamp,
            uuids: resting.uuids,
            secrets: resting.secrets,
            removed: resting.removed,
        })
    }

    /// Whether both would make the same configuration: the time and random identities set aside, and secrets, which nobody
    /// can bring back.
    pub fn same(&self, other: &Inputs) -> bool {
        self.removed == other.removed
            && self.environment == other.environment
            && self.files == other.files
            && self.listings == other.listings
            && self.env == other.env
            && self.variables == other.variables
    }
}

/// The one door to everything outside the configuration's text.
pub struct Recorder {
    root: PathBuf,
    origin: Origin,
    seen: Mutex<Seen>,
    secrets: OnceLock<Arc<Secrets>>,
}

enum Origin {
    Checkout,
    Recorded(Box<Inputs>),
}

#[derive(Default)]
struct Seen {
    inputs: Inputs,
    contents: HashMap<Digest, Arc<[u8]>>,
}

impl Recorder {
    /// Answers from the checkout at `root` (absolute) and remembers.
    pub fn of_checkout(root: PathBuf, timestamp: String) -> Self {
        let inputs = Inputs { timestamp, ..Inputs::default() };
        Self {
            root,
            origin: Origin::Checkout,
            seen: Mutex::new(Seen { inputs, contents: HashMap::new() }),
            secrets: OnceLock::new(),
        }
    }

    /// Answers what an earlier run recorded, and nothing else.
    pub fn of_recorded(root: PathBuf, inputs: Inputs, contents: HashMap<Digest, Arc<[u8]>>) -> Self {
        let seen = Seen { inputs: Inputs { timestamp: inputs.timestamp.clone(), ..Inputs::default() }, contents };
        Self { root, origin: Origin::Recorded(Box::new(inputs)), seen: Mutex::new(seen), secrets: OnceLock::new() }
    }

    /// Gives the secrets, which are fetched anew in every run and never recorded.
    pub fn give_secrets(&self, secrets: Arc<Secrets>) {
        // Given twice they are the same ones.
        let _ = self.secrets.set(secrets);
    }

    /// The secrets, if there are any.
    pub fn secrets(&self) -> Option<&Arc<Secrets>> {
        self.secrets.get()
    }

    /// What was asked for up to now.
    pub fn inputs(&self) -> Inputs {
        match &self.origin {
            Origin::Checkout => self.seen().inputs.clone(),
            // A later step of the same run may ask for more of it than was asked for up to now.
            Origin::Recorded(inputs) => (**inputs).clone(),
        }
    }

    /// The contents of all files that were asked for.
    pub fn contents(&self) -> HashMap<Digest, Arc<[u8]>> {
        self.seen().contents.clone()
    }

    /// Which of these contents are not at hand.
    pub fn missing<'d>(&self, digests: impl IntoIterator<Item = &'d Digest>) -> std::collections::BTreeSet<Digest> {
        let seen = self.seen();
        digests.into_iter().filter(|digest| !seen.contents.contains_key(digest)).copied().collect()
    }

    /// Has the content of a file at hand that is no input of this run: what something was made from that is to go.
    pub fn lend(&self, digest: Digest, bytes: Arc<[u8]>) {
        self.seen().contents.insert(digest, bytes);
    }

    /// Remembers the environment's name and the resolved variables.
    pub fn resolved(&self, environment: &str, variables: &BTreeMap<Arc<str>, Value>) {
        let mut seen = self.seen();
        environment.clone_into(&mut seen.inputs.environment);
        seen.inputs.variables.clone_from(variables);
    }

    /// Remembers what was read of another configuration's state.
    pub fn stack_read(&self, name: Arc<str>, value: Value) {
        self.seen().inputs.stacks.insert(name, value);
    }

    /// The recorded inputs, when answering from them.
    pub fn recorded(&self) -> Option<&Inputs> {
        match &self.origin {
            Origin::Checkout => None,
            Origin::Recorded(inputs) => Some(inputs),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // A panic elsewhere while the lock was held leaves maps that are whole all the same.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listing(
        &self,
        folder: &Path,
        key: &str,
        look: impl Fn(&Path) -> Result<Vec<String>, deployctl_sdk::fs::FsError>,
    ) -> Result<Vec<String>, FileError> {
        if let Origin::Recorded(inputs) = &self.origin {
            return inputs.listings.get(key).cloned().ok_or_else(|| not_captured(folder));
        }
        if let Some(listing) = self.seen().inputs.listings.get(key) {
            return Ok(listing.clone());
        }
        let mut paths = look(&self.root.join(folder))
            .map_err(|error| FileError { path: folder.to_owned(), reason: reason(&error.source) })?;
        paths.sort();
        self.seen().inputs.listings.insert(key.to_owned(), paths.clone());
        Ok(paths)
    }

    fn fetch(&self, path: &Path) -> Result<(CapturedFile, Arc<[u8]>), FileError> {
        let key = key_of(path);
        if let Origin::Recorded(inputs) = &self.origin {
            let file = inputs.files.get(&key).ok_or_else(|| not_captured(path))?;
            return Ok((file.clone(), self.content(&file.digest)?));
        }
        // Looked up in a statement of its own: `content` takes the same lock.
        let known = self.seen().inputs.files.get(&key).cloned();
        if let Some(file) = known {
            return Ok((file.clone(), self.content(&file.digest)?));
        }
        let full = self.root.join(path);
        let fail = |error: deployctl_sdk::fs::FsError| {
            let reason = if leads_round(&full) { LEADS_ROUND.to_owned() } else { reason(&error.source) };
            FileError { path: path.to_owned(), reason }
        };
        let bytes: Arc<[u8]> = deployctl_sdk::fs::read(&full).map_err(fail)?.into();
        let file = CapturedFile {
            path: key.clone(),
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
            executable: deployctl_sdk::fs::is_executable(&full),
        };
        let mut seen = self.seen();
        seen.inputs.files.insert(key, file.clone());
        seen.contents.insert(file.digest, bytes.clone());
        Ok((file, bytes))
    }
}

/// A path as inputs name it: with `/`, without `./` in front.
fn key_of(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").map_or_else(|| text.clone(), str::to_owned)
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

fn not_captured(path: &Path) -> FileError {
    FileError {
        path: path.to_owned(),
        reason: "it was not among the files captured with the plan or revision".to_owned(),
    }
}

impl Files for Recorder {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        self.fetch(path).map(|(_, bytes)| bytes)
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        self.fetch(path).map(|(file, _)| file)
    }

    fn size(&self, path: &Path) -> Result<u64, FileError> {
        let key = key_of(path);
        if let Origin::Recorded(inputs) = &self.origin {
            return inputs.files.get(&key).map(|file| file.size).ok_or_else(|| not_captured(path));
        }
        if let Some(file) = self.seen().inputs.files.get(&key) {
            return Ok(file.size);
        }
        let full = self.root.join(path);
        let refused = |reason: String| FileError { path: path.to_owned(), reason };
        if leads_round(&full) {
            return Err(refused(LEADS_ROUND.to_owned()));
        }
        deployctl_sdk::fs::size(&full).map_err(|error| refused(reason(&error.source)))
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        self.listing(folder, &format!("{}/**", key_of(folder)), |full| {
            let mut paths = Vec::new();
            walk(full, "", &mut paths).map(|()| paths)
        })
    }

    fn entries(&self, folder: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
        self.listing(folder, &format!("{}/*{suffix}", key_of(folder)), |full| {
            let entries = deployctl_sdk::fs::read_dir(full)?.into_iter().filter(|entry| entry.is_file());
            let names = entries.filter_map(|entry| Some(entry.file_name()?.to_string_lossy().into_owned()));
            Ok(names.filter(|name| name.ends_with(suffix)).collect())
        })
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        self.seen().contents.get(digest).cloned().ok_or_else(|| FileError {
            path: PathBuf::from(digest.short()),
            reason: "the captured content is missing".to_owned(),
        })
    }
}

/// What is wrong with a link that nobody can follow to its end.
const LEADS_ROUND: &str =
    "it is a symbolic link that leads round in a circle; remove it, or leave it out with a line in an ignore file";

/// Whether a path is a symbolic link to itself, by whatever way, or to a folder that it is in.
fn leads_round(path: &Path) -> bool {
    if !path.is_symlink() {
        return false;
    }
    match deployctl_sdk::fs::canonical(path) {
        Ok(target) => {
            let parent = path.parent().and_then(|parent| deployctl_sdk::fs::canonical(parent).ok());
            target.is_dir() && parent.is_some_and(|parent| parent.starts_with(&target))
        }
        Err(error) => error.source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()),
    }
}

/// The files below a folder, hidden ones of deployctl's own left out. Links that lead round in a circle are among them: who
/// reads them is told what they are.
fn walk(folder: &Path, prefix: &str, paths: &mut Vec<String>) -> Result<(), deployctl_sdk::fs::FsError> {
    for entry in deployctl_sdk::fs::read_dir(folder)? {
        let Some(name) = entry.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        if (prefix.is_empty() && name == ".deployctl") || deployctl_sdk::files::is_kept_by_program(&name) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.is_symlink() {
            if entry.is_file() || leads_round(&entry) {
                paths.push(path);
            }
        } else if entry.is_dir() {
            walk(&entry, &format!("{path}/"), paths)?;
        } else if entry.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

impl Outside for Recorder {
    fn files(&self) -> &dyn Files {
        self
    }

    fn root(&self) -> &Path {
        &self.root
    }

    fn env(&self, name: &str) -> Option<String> {
        if let Origin::Recorded(inputs) = &self.origin {
            return inputs.env.get(name).cloned().flatten();
        }
        let value = std::env::var(name).ok();
        self.seen().inputs.env.insert(name.to_owned(), value.clone());
        value
    }

    fn stack(&self, name: &str) -> Option<Value> {
        match &self.origin {
            Origin::Checkout => self.seen().inputs.stacks.get(name).cloned(),
            Origin::Recorded(inputs) => inputs.stacks.get(name).cloned(),
        }
    }

    fn timestamp(&self) -> String {
        self.seen().inputs.timestamp.clone()
    }

    fn uuid(&self, site: &str) -> String {
        if let Origin::Recorded(inputs) = &self.origin
            && let Some(uuid) = inputs.uuids.get(site)
        {
            return uuid.clone();
        }
        let mut seen = self.seen();
        seen.inputs.uuids.entry(site.to_owned()).or_insert_with(|| source::uuid().to_string()).clone()
    }

    fn secret(&self, name: &str) -> Result<Value, Unresolved> {
        match self.secrets.get().and_then(|secrets| secrets.value(name)) {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => {
                Err(Unresolved { message: format!("`secret.{name}` is not to be had: {error}"), help: error.hint })
            }
            None => Err(Unresolved { message: format!("there is no secret `{name}`"), help: None }),
        }
    }

    fn is_from_secret(&self, value: &Value) -> bool {
        self.secrets.get().is_some_and(|secrets| secrets.registry().touches(value))
    }

    fn with_secrets(&self, value: Value) -> Value {
        match self.secrets.get() {
            Some(secrets) => secrets.registry().restored(value),
            None => value,
        }
    }

    fn keep_from_rest(&self, value: &Value) {
        if let Some(secrets) = self.secrets.get() {
            secrets.registry().note_made(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_once_and_answered_as_often_as_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        deployctl_sdk::fs::write_new(&path, b"first", 0o600).unwrap();
        let recorder = Recorder::of_checkout(folder.path().to_owned(), String::new());
        assert_eq!(&*recorder.read(Path::new("a.txt")).unwrap(), b"first");
        deployctl_sdk::fs::write_atomic(&path, b"second", 0o600).unwrap();
        assert_eq!(&*recorder.read(Path::new("./a.txt")).unwrap(), b"first");
        assert_eq!(recorder.capture(Path::new("a.txt")).unwrap().digest, Digest::of(b"first"));
    }
}
