//! Older documents to the present form, one version at a time.
//!
//! Upgrades work on trees of JSON: they are rare, and must not depend on structures that move on. A resource type's own
//! changes are not made here; each type has a schema version and an upgrade of its own.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::envelope::Format;
use crate::error::{Error, Result};

/// From one version of a format to the next.
pub(crate) type Upgrade = fn(Json) -> Result<Json, &'static str>;

/// For a format of which this is the first version; step N leads from version N, so a first version of 1 has one that no
/// document ever took.
pub(crate) const NONE: &[Upgrade] = &[never];

/// The state document's.
pub(crate) const STATE: &[Upgrade] = NONE;

fn never(_: Json) -> Result<Json, &'static str> {
    Err("there never was a version 0")
}

/// Brings a body of an older version to the present one; one of the present version is answered as it is.
pub(crate) fn to_current<'b>(format: &Format, version: u32, body: &'b [u8], place: &str) -> Result<Cow<'b, [u8]>> {
    if version == format.version {
        return Ok(Cow::Borrowed(body));
    }
    let failed = |why: &str| {
        Error::failed(format!(
            "the {} in {place}, of format version {version}, cannot be upgraded: {why}",
            format.title
        ))
    };
    let mut json: Json = serde_json::from_slice(body).map_err(|error| failed(&error.to_string()))?;
    for step in format.upgrades.iter().skip(version as usize) {
        json = step(json).map_err(failed)?;
    }
    serde_json::to_vec(&json).map(Cow::Owned).map_err(|error| failed(&error.to_string()))
}
