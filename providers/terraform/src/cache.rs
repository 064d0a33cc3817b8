//! What may be kept for all configurations of a user, because it says nothing of any of them: downloaded plugins, and which
//! version each program has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use deployctl_sdk::fs;
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Flavour};

/// The user's folder for it.
pub(crate) fn folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
    Some(caches.join("deployctl").join("terraform"))
}

/// The programs whose version was asked once, by their path.
#[derive(Default, Serialize, Deserialize)]
struct Programs(BTreeMap<PathBuf, Known>);

#[derive(Clone, Serialize, Deserialize)]
struct Known {
    stamp: Stamp,
    flavour: Flavour,
    version: String,
}

/// What tells one content of a program's file from another without reading it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    file: PathBuf,
    size: u64,
    modified_nanos: u64,
}

impl Stamp {
    /// `None` for a script: what it starts may change while it does not.
    fn of(program: &Path) -> Option<Self> {
        let file = fs::canonical(program).ok()?;
        let opened = fs::open(&file).ok()?;
        let mut start = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(&opened, 2), &mut start).ok()?;
        if start == b"#!" {
            return None;
        }
        let metadata = opened.metadata().ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self { file, size: metadata.len(), modified_nanos: u64::try_from(modified.as_nanos()).ok()? })
    }
}

/// The program at a path, if it was met before and is still the same.
pub(crate) fn met(program: &Path) -> Option<Engine> {
    let known = read()?.0.remove(program)?;
    let same = Stamp::of(program)? == known.stamp;
    same.then(|| Engine { program: program.to_owned(), flavour: known.flavour, version: known.version })
}

/// Remembers a program. Nothing depends on that it can be.
pub(crate) fn remember(engine: &Engine) {
    let (Some(path), Some(stamp)) = (file(), Stamp::of(&engine.program)) else { return };
    let known = Known { stamp, flavour: engine.flavour, version: engine.version.clone() };
    let mut programs = read().unwrap_or_default();
    // Those that are gone need not be remembered.
    programs.0.retain(|program, _| program.exists());
    programs.0.insert(engine.program.clone(), known);
    if let (Some(folder), Ok(bytes)) = (path.parent(), serde_json::to_vec(&programs)) {
        let _ = fs::create_dir_all(folder).and_then(|()| fs::write_atomic(&path, &bytes, 0o600));
    }
}

fn read() -> Option<Programs> {
    serde_json::from_slice(&fs::read_if_there(&file()?).ok()??).ok()
}

fn file() -> Option<PathBuf> {
    Some(folder()?.join("programs.json"))
}
