//! Making, changing and removing a file.

use std::path::Path;
use std::sync::Arc;

use deployctl_sdk::fs::FsResult;
use deployctl_sdk::{
    Applied, AttrPath, CapturedFile, Change, ErrorKind, Files, Object, Ownership, Place, ProviderError, ResourceSchema,
    Value,
};

use super::prepare::parse_mode;
use super::{disk, folders, observe};
use crate::attributes::{refused, settled, text, texts};
use crate::claim::{self, Claim};

/// Makes the file; one that is there already is not ours.
pub(crate) fn create(place: &Place, schema: &ResourceSchema, change: &Change, files: &dyn Files) -> Applied {
    match try_create(place, schema, change, files) {
        Ok(object) => Applied::done(object),
        Err(error) => Applied::failed(None, error),
    }
}

fn try_create(
    place: &Place,
    schema: &ResourceSchema,
    change: &Change,
    files: &dyn Files,
) -> Result<Object, ProviderError> {
    let wanted = Wanted::of(change, files)?;
    let full = place.root.join(&wanted.path);
    // What an earlier attempt made, that was interrupted or whose record was lost, is ours: the file and its folders.
    let earlier = claim::find(&place.data, change.mark.id, &wanted.path).map_err(refused)?;
    if earlier.is_none() && disk::is_taken(&full).map_err(refused)? {
        return Err(not_ours(&wanted.path, &change.mark));
    }
    let new = earlier.is_none();
    let mut folders = earlier.map(|claim| claim.folders).unwrap_or_default();
    for folder in folders::note(place, &full).map_err(refused)? {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    claim::make(&place.data, &claim_of(change, &folders)).map_err(refused)?;
    let put = put_with_folders(&full, change, &wanted, new);
    if let Err(error) = put {
        let taken = error.source.kind() == std::io::ErrorKind::AlreadyExists;
        folders::remove_empty(place, &folders);
        let _ = claim::release(&place.data, change.mark.id, &wanted.path);
        return Err(if taken { not_ours(&wanted.path, &change.mark) } else { refused(error) });
    }
    Ok(object(schema, change, observe::private(&folders)))
}

/// Puts the file in place, and makes its folders once more where another file's removal has just taken an empty one away.
fn put_with_folders(full: &Path, change: &Change, wanted: &Wanted, new: bool) -> FsResult<()> {
    let put = || {
        disk::make_folders(full)?;
        disk::put(full, change.mark.id, &wanted.bytes, wanted.mode, new)
    };
    let mut result = put();
    for _ in 0..5 {
        match &result {
            Err(error) if error.is_not_found() => result = put(),
            _ => break,
        }
    }
    result
}

/// Puts content and mode right where the file stands.
pub(crate) fn update(place: &Place, schema: &ResourceSchema, change: &Change, files: &dyn Files) -> Applied {
    let private = change.prior.as_ref().map(|prior| prior.private.clone()).unwrap_or_default();
    let written = Wanted::of(change, files).and_then(|wanted| {
        let full = place.root.join(&wanted.path);
        let folders = texts(&private, "folders").unwrap_or_default();
        claim::make(&place.data, &claim_of(change, &folders))
            .and_then(|()| disk::make_folders(&full))
            .and_then(|_| disk::put(&full, change.mark.id, &wanted.bytes, wanted.mode, false))
            .map_err(refused)
    });
    match written {
        Ok(()) => Applied::done(object(schema, change, private)),
        Err(error) => Applied::failed(change.prior.clone(), error),
    }
}

/// Puts the new file in the place of the old one, so that there is one at every moment.
pub(crate) fn replace(place: &Place, schema: &ResourceSchema, change: &Change, files: &dyn Files) -> Applied {
    let Some(prior) = &change.prior else { return create(place, schema, change, files) };
    let old_path = text(&prior.attributes, "path").unwrap_or_default();
    if text(&change.config, "path").as_deref() == Some(&*old_path) {
        let mut updated = update(place, schema, change, files);
        if updated.error.is_none() {
            updated.error = claim::release_others(&place.data, change.mark.id, &old_path).err().map(refused);
        }
        return updated;
    }
    let created = create(place, schema, change, files);
    let Some(mut object) = created.object else { return Applied { object: Some(prior.clone()), ..created } };
    // Folders made for the old file that the new one stands in now are the new one's to remove.
    let mut folders = texts(&object.private, "folders").unwrap_or_default();
    let full = place.root.join(text(&change.config, "path").unwrap_or_default());
    let shared = texts(&prior.private, "folders").unwrap_or_default().into_iter();
    let mut shared: Vec<String> = shared.filter(|folder| full.starts_with(place.root.join(folder))).collect();
    shared.append(&mut folders);
    object.private = observe::private(&shared);
    let mut deleted = delete(place, change);
    if deleted.error.is_none() {
        deleted.error = claim::release_others(&place.data, change.mark.id, &old_path).err().map(refused);
    }
    Applied {
        object: Some(object),
        deposed: deleted.object.into_iter().collect(),
        error: deleted.error,
        ..Applied::default()
    }
}

/// Removes the file, and the folders that were made for it as far as they are empty.
pub(crate) fn delete(place: &Place, change: &Change) -> Applied {
    let Some(prior) = &change.prior else { return Applied::gone() };
    let Some(path) = text(&prior.attributes, "path") else { return Applied::gone() };
    let full = place.root.join(&path);
    let _ = deployctl_sdk::fs::remove_file(&disk::temporary(&full, change.mark.id));
    let removed = match disk::look(&full) {
        Ok(disk::Seen::Other("a folder")) => {
            Err(ProviderError::new(ErrorKind::NotOurs, format!("{path} is a folder now, which deployctl did not make")))
        }
        Ok(disk::Seen::Nothing) => Ok(()),
        _ => deployctl_sdk::fs::remove_file(&full).map_err(refused),
    };
    if let Err(error) = removed {
        return Applied::failed(Some(prior.clone()), error);
    }
    folders::remove_empty(place, &texts(&prior.private, "folders").unwrap_or_default());
    match claim::release(&place.data, change.mark.id, &path) {
        Ok(()) => Applied::gone(),
        Err(error) => Applied::failed(Some(prior.clone()), refused(error)),
    }
}

/// What the file is to be.
struct Wanted {
    path: String,
    bytes: Arc<[u8]>,
    mode: u32,
}

impl Wanted {
    fn of(change: &Change, files: &dyn Files) -> Result<Self, ProviderError> {
        let config = &change.config;
        let broken = |name: &str| ProviderError::invalid(AttrPath::of(name), format!("`{name}` is not settled"));
        let path = text(config, "path").ok_or_else(|| broken("path"))?;
        let mode = text(config, "mode").as_deref().and_then(parse_mode).ok_or_else(|| broken("mode"))?;
        let bytes = match (text(config, "source"), config.get("content").and_then(Value::as_str)) {
            (Some(source), _) => captured(&source, &change.captured, files)?,
            (None, Some(content)) => Arc::from(content.as_bytes()),
            (None, None) => return Err(broken("content")),
        };
        Ok(Self { path, bytes, mode })
    }
}

/// The bytes that were reviewed, whatever the source holds by now.
fn captured(source: &str, captured: &[CapturedFile], files: &dyn Files) -> Result<Arc<[u8]>, ProviderError> {
    let file = captured.iter().find(|file| file.path == source).or_else(|| captured.first());
    let Some(file) = file else {
        return Err(ProviderError::new(ErrorKind::Internal, format!("{source} was not captured with the plan")));
    };
    files.content(&file.digest).map_err(refused)
}

fn object(schema: &ResourceSchema, change: &Change, private: Value) -> Object {
    let config = &change.config;
    let computed = ["digest", "size"].map(|name| (name, config.get(name).cloned().unwrap_or_default())).to_vec();
    let attributes = settled(schema, config, computed);
    Object { attributes, private, children: Vec::new(), captured: change.captured.clone() }
}

fn claim_of(change: &Change, folders: &[String]) -> Claim {
    let config = &change.config;
    Claim {
        mark: change.mark.clone(),
        path: text(config, "path").unwrap_or_default(),
        source: text(config, "source"),
        sensitive: config.get("content").is_some_and(Value::contains_sensitive),
        folders: folders.to_vec(),
    }
}

fn not_ours(path: &str, mark: &Ownership) -> ProviderError {
    let address = &mark.address;
    ProviderError {
        attribute: Some(AttrPath::of("path")),
        ..ProviderError::new(ErrorKind::NotOurs, format!("{path} is there already, and deployctl did not make it"))
            .with_hint(format!("to manage it from now on: deployctl import '{address}' '{path}'"))
    }
}
