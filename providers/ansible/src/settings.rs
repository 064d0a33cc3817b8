//! `ansible.cfg`: which one counts, and the folders that it names. Everything else in it is Ansible's own business.

use std::path::{Path, PathBuf};

use deployctl_sdk::{CapturedFile, Value};

use crate::capture::normal;
use crate::config::text;

/// Its name.
const NAME: &str = "ansible.cfg";

/// Where it may be: beside the playbook, or in the configuration's folder. The first that is there counts.
pub(crate) fn candidates(config: &Value) -> Vec<PathBuf> {
    let playbook = text(config, "playbook").unwrap_or_default();
    let beside = Path::new(&playbook).parent().map(normal).unwrap_or_default().join(NAME);
    let mut places = vec![beside, PathBuf::from(NAME)];
    places.dedup();
    places
}

/// The captured one that counts.
pub(crate) fn chosen<'c>(config: &Value, captured: &'c [CapturedFile]) -> Option<&'c CapturedFile> {
    candidates(config).into_iter().find_map(|place| captured.iter().find(|file| normal(Path::new(&file.path)) == place))
}

/// The folders with roles and collections that it names.
pub(crate) fn folders(text: &str) -> Vec<PathBuf> {
    let names = ["roles_path", "collections_path", "collections_paths", "library", "filter_plugins", "lookup_plugins"];
    names.iter().filter_map(|name| default(text, name)).flat_map(|value| split(&value, ':')).collect()
}

/// The inventories that it names, those that are lists of hosts left out.
pub(crate) fn inventories(text: &str) -> Vec<PathBuf> {
    let named = default(text, "inventory").map(|value| split(&value, ',')).unwrap_or_default();
    named.into_iter().filter(|path| !is_of_the_machine(path)).collect()
}

/// Whether a path belongs to the machine rather than to the configuration.
pub(crate) fn is_of_the_machine(path: &Path) -> bool {
    path.is_absolute() || path.starts_with("~") || path.to_string_lossy().contains("{{")
}

/// A setting of the section `[defaults]`.
fn default(text: &str, name: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line == "[defaults]";
            continue;
        }
        if !inside || line.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = line.split_once('=').or_else(|| line.split_once(':')).unwrap_or((line, ""));
        if key.trim() == name {
            return Some(value.split(" ;").next().unwrap_or_default().trim().to_owned());
        }
    }
    None
}

fn split(value: &str, separator: char) -> Vec<PathBuf> {
    value.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_of_the_defaults_alone() {
        let text = "[ssh_connection]\nroles_path = no\n[defaults]\n# roles_path = no\nroles_path = ./roles:/usr/share/roles ; more\ninventory = hosts.ini\n";
        assert_eq!(folders(text), [PathBuf::from("./roles"), PathBuf::from("/usr/share/roles")]);
        assert_eq!(inventories(text), [PathBuf::from("hosts.ini")]);
        assert!(is_of_the_machine(Path::new("~/x")) && !is_of_the_machine(Path::new("./roles")));
    }
}
