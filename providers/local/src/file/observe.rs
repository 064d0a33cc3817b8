//! What is really at a file's path, told in the type's attributes.

use std::path::Path;

use deployctl_sdk::{
    AttrPath, Digest, ErrorKind, Found, Lost, Object, Observed, Operation, Ownership, Place, ProviderError,
    ResourceSchema, Value,
};

use super::disk::{self, Seen};
use super::prepare::{show_mode, size_of};
use crate::attributes::{refused, settled, text, with};
use crate::claim::{self, Claim};

/// Compares one recorded file with the real one.
pub(crate) fn read(place: &Place, recorded: &Object) -> Observed {
    let Some(path) = text(&recorded.attributes, "path") else {
        return Observed::Unreadable { reason: "its record names no path".to_owned() };
    };
    match disk::look(&place.root.join(&path)) {
        Err(error) => Observed::Unreadable { reason: error.to_string() },
        Ok(Seen::Nothing) => Observed::Absent,
        Ok(Seen::Other(what)) => Observed::Unreadable { reason: format!("{path} is {what} now") },
        Ok(Seen::File { bytes, mode }) => compare(recorded, &bytes, mode),
    }
}

fn compare(recorded: &Object, bytes: &[u8], mode: Option<u32>) -> Observed {
    let attributes = &recorded.attributes;
    let digest = Digest::of(bytes).to_string();
    let mode = mode.map(show_mode).or_else(|| text(attributes, "mode")).unwrap_or_default();
    let same_content = attributes.get("digest").and_then(Value::as_str) == Some(&digest);
    if same_content && attributes.get("mode").and_then(Value::as_str) == Some(&mode) {
        return Observed::AsRecorded;
    }
    let mut members = vec![("mode", Value::from(mode))];
    if !same_content {
        let sensitive = attributes.get("content").is_some_and(Value::contains_sensitive)
            || attributes.get("digest").is_some_and(Value::contains_sensitive);
        if attributes.get("content").is_some() {
            members.push(("content", text_of(bytes).with_mark(sensitive)));
        }
        members.push(("digest", Value::from(digest).with_mark(sensitive)));
        members.push(("size", size_of(bytes.len() as u64).with_mark(sensitive)));
    }
    Observed::Present(Object { attributes: with(attributes, members), ..recorded.clone() })
}

/// The content as text; null if it is none, which then differs from every text.
fn text_of(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or(Value::Null, Value::from)
}

/// Looks for a file that an interrupted run may have made. While there is a note of it and anything that it led to (a
/// folder, a half-written file), there is something to clean up, so it counts as there.
///
/// # Errors
/// When the place cannot be looked at.
pub(crate) fn find(place: &Place, schema: &ResourceSchema, lost: &Lost) -> Result<Found, ProviderError> {
    let prior = lost.prior.as_ref().filter(|_| lost.operation != Operation::Create);
    let named = prior.and_then(|prior| text(&prior.attributes, "path"));
    let identity = || lost.identity.as_ref().and_then(Value::as_str).map(str::to_owned);
    let Some(path) = named.or_else(identity) else { return Ok(Found::CannotTell) };
    let claim = claim::find(&place.data, lost.mark.id, &path).map_err(refused)?;
    if let Some(prior) = prior {
        return match read(place, prior) {
            Observed::AsRecorded => Ok(Found::Present { object: prior.clone(), complete: true }),
            Observed::Present(object) => Ok(Found::Present { object, complete: true }),
            Observed::Absent if claim.is_some() && lost.operation == Operation::Delete => {
                Ok(Found::Present { object: prior.clone(), complete: true })
            }
            Observed::Absent => Ok(Found::Absent),
            Observed::Unreadable { reason } => Err(refused(reason)),
        };
    }
    let Some(claim) = claim else { return Ok(Found::Absent) };
    let full = place.root.join(&path);
    match disk::look(&full).map_err(refused)? {
        Seen::File { bytes, mode } => {
            Ok(Found::Present { object: describe(schema, &claim, &bytes, mode), complete: true })
        }
        Seen::Other(what) => Err(refused(format!("{path} is {what} now"))),
        Seen::Nothing => {
            let half_written = disk::is_taken(&disk::temporary(&full, lost.mark.id)).map_err(refused)?;
            if half_written || claim.folders.iter().any(|folder| place.root.join(folder).exists()) {
                return Ok(Found::Present { object: describe(schema, &claim, &[], None), complete: false });
            }
            Ok(Found::Absent)
        }
    }
}

/// All files that there are notes of.
///
/// # Errors
/// When the notes or the files cannot be read.
pub(crate) fn find_all(place: &Place, schema: &ResourceSchema) -> Result<Vec<(Ownership, Object)>, ProviderError> {
    let mut found = Vec::new();
    for claim in claim::all(&place.data).map_err(refused)? {
        if let Seen::File { bytes, mode } = disk::look(&place.root.join(&claim.path)).map_err(refused)? {
            found.push((claim.mark.clone(), describe(schema, &claim, &bytes, mode)));
        }
    }
    Ok(found)
}

/// Describes an existing file so that it can be managed.
///
/// # Errors
/// When there is none, or it cannot be described.
pub(crate) fn import(
    place: &Place,
    schema: &ResourceSchema,
    path: &str,
    mark: &Ownership,
) -> Result<Object, ProviderError> {
    let full = place.root.join(path);
    match disk::look(&full).map_err(refused)? {
        Seen::File { bytes, mode } => {
            let claim = Claim {
                mark: mark.clone(),
                path: path.to_owned(),
                source: None,
                sensitive: false,
                folders: Vec::new(),
            };
            claim::make(&place.data, &claim).map_err(refused)?;
            Ok(describe(schema, &claim, &bytes, mode))
        }
        Seen::Nothing => Err(not_importable(&full, "there is no such file")),
        Seen::Other(what) => Err(not_importable(&full, &format!("it is {what}"))),
    }
}

fn not_importable(path: &Path, why: &str) -> ProviderError {
    ProviderError {
        attribute: Some(AttrPath::of("path")),
        ..ProviderError::new(ErrorKind::Refused, format!("cannot import {}: {why}", path.display()))
    }
}

fn describe(schema: &ResourceSchema, claim: &Claim, bytes: &[u8], mode: Option<u32>) -> Object {
    let marked = |value: Value| value.with_mark(claim.sensitive);
    let content = if claim.source.is_some() { Value::Null } else { marked(text_of(bytes)) };
    let config = Value::map([
        ("path", Value::from(claim.path.as_str())),
        ("content", content),
        ("source", claim.source.as_deref().map_or(Value::Null, Value::from)),
        ("mode", Value::from(show_mode(mode.unwrap_or(0o644)))),
    ]);
    let digest = marked(Value::from(Digest::of(bytes).to_string()));
    let computed = vec![("digest", digest), ("size", marked(size_of(bytes.len() as u64)))];
    Object { private: private(&claim.folders), ..Object::new(settled(schema, &config, computed)) }
}

/// What is kept of a file besides its attributes: the folders that were made for it.
pub(crate) fn private(folders: &[String]) -> Value {
    Value::map([("folders", Value::list(folders.iter().map(|folder| Value::from(folder.as_str()))))])
}
