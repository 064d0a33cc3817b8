//! The files that a playbook is made of: what Ansible would read of the checkout, and nothing that only opens it.
//!
//! A playbook in a folder of its own is captured with all of that folder, because includes and templates may be named by
//! expressions that only a run can evaluate. The configuration's own folder holds much that is no part of it, so of that
//! one only what Ansible looks for by name is taken.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deployctl_sdk::{AttrPath, CapturedFile, Digest, ErrorKind, FileError, Files, ProviderError, Value, capture};
use sha2::{Digest as _, Sha256};

use crate::config::text;
use crate::inventory::{self, Inventory};
use crate::settings;

/// The folders that Ansible looks for beside a playbook.
const FOLDERS: &[&str] = &[
    "action_plugins",
    "become_plugins",
    "callback_plugins",
    "collections",
    "connection_plugins",
    "defaults",
    "files",
    "filter_plugins",
    "group_vars",
    "handlers",
    "host_vars",
    "inventories",
    "inventory",
    "inventory_plugins",
    "library",
    "lookup_plugins",
    "module_utils",
    "playbooks",
    "roles",
    "strategy_plugins",
    "tasks",
    "templates",
    "test_plugins",
    "vars",
    "vars_plugins",
];

/// Captures everything that a configuration names, sorted by path.
///
/// # Errors
/// Each file or folder that cannot be had, at the attribute that names it.
pub(crate) fn capture(config: &Value, files: &dyn Files) -> Result<Vec<CapturedFile>, Vec<ProviderError>> {
    let mut capture = Capture { files, keys: key_files(config), found: BTreeMap::new(), problems: Vec::new() };
    for name in ["playbook", "destroy_playbook"] {
        if let Some(path) = text(config, name) {
            capture.playbook(name, Path::new(&path));
        }
    }
    if let Some(Inventory::Paths(paths)) = inventory::of(config) {
        paths.iter().for_each(|path| capture.inventory(Path::new(path)));
    }
    if let Some(path) = text(config, "collections_path") {
        capture.machine_or_folder("collections_path", Path::new(&path));
    }
    capture.settings(config);
    if capture.problems.is_empty() { Ok(capture.found.into_values().collect()) } else { Err(capture.problems) }
}

/// One digest for all captured files: their paths, what they hold, and whether they can be run.
pub(crate) fn digest(captured: &[CapturedFile]) -> String {
    let mut hasher = Sha256::new();
    for file in captured {
        hasher.update(file.path.as_bytes());
        hasher.update([0]);
        hasher.update(file.digest.as_bytes());
        hasher.update([u8::from(file.executable)]);
    }
    Digest::from_bytes(hasher.finalize().into()).to_string()
}

/// The files that must not be captured: they open what the others seal.
fn key_files(config: &Value) -> Vec<PathBuf> {
    let names = ["vault_password_file", "private_key_file"].into_iter();
    names.filter_map(|name| text(config, name)).map(|path| normal(Path::new(&path))).collect()
}

struct Capture<'f> {
    files: &'f dyn Files,
    keys: Vec<PathBuf>,
    found: BTreeMap<String, CapturedFile>,
    problems: Vec<ProviderError>,
}

impl Capture<'_> {
    fn playbook(&mut self, attribute: &str, path: &Path) {
        let captured = self.files.capture(path);
        let Some(file) = self.had(attribute, captured.map_err(|error| capture::unreadable(&error))) else { return };
        self.found.insert(file.path.clone(), file);
        match path.parent().map(normal) {
            Some(folder) if !folder.as_os_str().is_empty() => self.whole(attribute, &folder),
            _ => self.known_names(attribute),
        }
    }

    /// A folder with all in it.
    fn whole(&mut self, attribute: &str, folder: &Path) {
        let keys = self.keys.clone();
        let wanted = |path: &str| {
            let hidden = path
                .split('/')
                .any(|part| part == "__pycache__" || (part.starts_with('.') && part != ".deployctlignore"));
            !hidden && !path.ends_with(".retry") && !keys.contains(&normal(&folder.join(path)))
        };
        let captured = capture::folder(self.files, folder, wanted);
        if let Some(files) = self.had(attribute, captured) {
            self.found.extend(files.into_iter().map(|file| (file.path.clone(), file)));
        }
    }

    /// A folder that need not be there.
    fn whole_if_there(&mut self, attribute: &str, folder: &Path) {
        match self.files.list(folder) {
            Ok(_) => self.whole(attribute, folder),
            Err(error) => self.missing_is_fine(attribute, &error),
        }
    }

    fn file_if_there(&mut self, attribute: &str, path: &Path) {
        match self.files.capture(path) {
            Ok(file) => _ = self.found.insert(file.path.clone(), file),
            Err(error) => self.missing_is_fine(attribute, &error),
        }
    }

    /// What Ansible looks for by name in the configuration's folder.
    fn known_names(&mut self, attribute: &str) {
        for suffix in [".yml", ".yaml"] {
            let names = self.files.entries(Path::new("."), suffix).map_err(|error| capture::unreadable(&error));
            for name in self.had(attribute, names).unwrap_or_default() {
                if !self.keys.contains(&PathBuf::from(&name)) {
                    self.file_if_there(attribute, Path::new(&name));
                }
            }
        }
        FOLDERS.iter().for_each(|folder| self.whole_if_there(attribute, Path::new(folder)));
    }

    fn inventory(&mut self, path: &Path) {
        match self.files.capture(path) {
            Ok(file) => {
                self.found.insert(file.path.clone(), file);
                let beside = path.parent().map(normal).unwrap_or_default();
                for folder in ["group_vars", "host_vars"] {
                    self.whole_if_there("inventory", &beside.join(folder));
                }
            }
            Err(error) => match self.files.list(path) {
                Ok(_) => self.whole("inventory", &normal(path)),
                Err(_) => _ = self.had::<()>("inventory", Err(capture::unreadable(&error))),
            },
        }
    }

    /// A folder of the configuration, or one that belongs to the machine and is left where it is.
    fn machine_or_folder(&mut self, attribute: &str, path: &Path) {
        if !settings::is_of_the_machine(path) {
            self.whole(attribute, &normal(path));
        }
    }

    /// Ansible's own settings, and what they name in relative paths.
    fn settings(&mut self, config: &Value) {
        for path in settings::candidates(config) {
            self.file_if_there("playbook", &path);
        }
        let captured: Vec<CapturedFile> = self.found.values().cloned().collect();
        let Some(file) = settings::chosen(config, &captured) else { return };
        let Some(content) = self.had("playbook", self.files.content(&file.digest).map_err(|e| capture::unreadable(&e)))
        else {
            return;
        };
        let beside = Path::new(&file.path).parent().map(normal).unwrap_or_default();
        for named in settings::folders(&String::from_utf8_lossy(&content)) {
            if !settings::is_of_the_machine(&named) {
                self.whole_if_there("playbook", &normal(&beside.join(named)));
            }
        }
        if config.get("inventory").is_none() {
            for named in settings::inventories(&String::from_utf8_lossy(&content)) {
                self.inventory(&normal(&beside.join(named)));
            }
        }
    }

    fn missing_is_fine(&mut self, attribute: &str, error: &FileError) {
        if !is_missing(error) {
            self.had::<()>(attribute, Err(capture::unreadable(error)));
        }
    }

    /// The answer, or a complaint at the attribute.
    fn had<T>(&mut self, attribute: &str, answer: Result<T, ProviderError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                let attribute = Some(AttrPath::of(attribute));
                self.problems.push(ProviderError { kind: ErrorKind::Invalid, attribute, ..error });
                None
            }
        }
    }
}

/// Whether there simply is no such file or folder, now or when the inputs were recorded.
fn is_missing(error: &FileError) -> bool {
    error.reason == "there is no such file" || error.reason.starts_with("it was not among the files captured")
}

/// A path without `.` steps, and without `..` steps that can be taken back.
pub(crate) fn normal(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(clean.components().next_back(), Some(Component::Normal(_))) => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}
