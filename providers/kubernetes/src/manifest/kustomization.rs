//! The files that a kustomization is made of, found by following what it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use deployctl_sdk::capture;
use deployctl_sdk::{CapturedFile, ErrorKind, Files, ProviderError};

use super::complaint::Source;
use super::node::{At, Kind, Node};
use super::yaml;

/// What a kustomization's own file may be called.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The fields that name other folders; every other file must be at or below the folder of the one who names it.
const FOLDERS: [&str; 6] = ["resources", "bases", "components", "generators", "transformers", "validators"];

/// Captures the folder of a kustomization and every folder that it is based on, whole. Paths are relative to the
/// configuration's folder.
///
/// # Errors
/// When there is no kustomization in the folder, a file cannot be read, or something is named that is not here: what is
/// fetched from elsewhere would be another thing at the next apply.
pub fn sources(files: &dyn Files, folder: &Path) -> Result<Vec<CapturedFile>, ProviderError> {
    let start = normal(folder);
    let mut found = BTreeMap::new();
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![start.clone()]);
    let mut any = false;
    while let Some(folder) = waiting.pop() {
        if !seen.insert(folder.clone()) {
            continue;
        }
        for file in capture::folder(files, &folder, |_| true)? {
            let path = PathBuf::from(&file.path);
            found.insert(file.path.clone(), file);
            let is_kustomization = path.file_name().is_some_and(|name| NAMES.iter().any(|own| name == *own));
            if is_kustomization {
                any |= path.parent() == Some(&start);
                waiting.extend(based_on(files, &path)?.into_iter().filter(|base| !base.starts_with(&folder)));
            }
        }
    }
    if !any {
        let message = format!("there is no kustomization in {}", folder.display());
        let hint = format!("a kustomization has a file `{}`; name plain manifests with `paths`", NAMES[0]);
        return Err(ProviderError::new(ErrorKind::Invalid, message).with_hint(hint));
    }
    Ok(found.into_values().collect())
}

/// The folders that a kustomization names.
fn based_on(files: &dyn Files, path: &Path) -> Result<Vec<PathBuf>, ProviderError> {
    let name = path.display().to_string();
    let bytes = files.read(path).map_err(|error| capture::unreadable(&error))?;
    let source = Source { file: &name, text: super::text(&name, &bytes)? };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut folders = Vec::new();
    for document in yaml::documents(&source)? {
        for (named, at) in FOLDERS.iter().flat_map(|field| items(&document, field)) {
            let target = normal(&folder.join(named));
            // Something written out in place is neither.
            if named.contains('\n') || files.size(&target).is_ok() {
                continue;
            }
            if files.list(&target).is_err() {
                let complaint = source.complaint(&at.range(), "this is neither a file nor a folder here", "not here");
                return Err(complaint.with_hint(
                    "what is elsewhere may be different at the next apply: copy it here and name the copy",
                ));
            }
            folders.push(target);
        }
    }
    Ok(folders)
}

fn items<'n>(document: &'n Node, field: &str) -> Vec<(&'n str, At)> {
    match document.get(field).map(|entry| &entry.value.kind) {
        Some(Kind::List(items)) => items.iter().filter_map(|item| Some((item.text()?, item.at))).collect(),
        _ => Vec::new(),
    }
}

/// A path without `.` and, as far as it goes, without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    if normal.as_os_str().is_empty() { PathBuf::from(".") } else { normal }
}
