//! What says that a module's state is ours before there is a record of it: a small file beside our own state, named after the
//! mark, from just before a creation until the module is gone.

use std::path::PathBuf;

use deployctl_sdk::{ErrorKind, Place, ProviderError, ResourceId, Value, fs};

use crate::object::Private;

/// Claims a module's state, which is where `private` says.
///
/// # Errors
/// When the claim cannot be written.
pub(crate) fn make(place: &Place, id: ResourceId, private: &Private) -> Result<(), ProviderError> {
    let path = path(place, id);
    if let Some(folder) = path.parent() {
        fs::create_private_dir_all(folder)?;
    }
    let bytes = serde_json::to_vec(&private.to_value());
    let bytes = bytes.map_err(|error| ProviderError::new(ErrorKind::Internal, error.to_string()))?;
    fs::write_atomic(&path, &bytes, 0o600).map_err(ProviderError::from)
}

/// Where the claimed state is; `None` if it was not claimed.
///
/// # Errors
/// When the claim cannot be read.
pub(crate) fn read(place: &Place, id: ResourceId) -> Result<Option<Private>, ProviderError> {
    let bytes = fs::read_if_there(&path(place, id))?;
    let value = bytes.map(|bytes| serde_json::from_slice::<Value>(&bytes)).transpose();
    let value =
        value.map_err(|error| ProviderError::new(ErrorKind::Unreachable, format!("a claim is damaged: {error}")))?;
    Ok(value.map(|value| Private::read(&value)))
}

/// Whether it was claimed.
pub(crate) fn is_made(place: &Place, id: ResourceId) -> bool {
    path(place, id).exists()
}

/// Gives a claim up; one that was never made is given up already.
///
/// # Errors
/// When it cannot be removed.
pub(crate) fn drop(place: &Place, id: ResourceId) -> Result<(), ProviderError> {
    fs::remove_file(&path(place, id)).map_err(ProviderError::from)
}

fn path(place: &Place, id: ResourceId) -> PathBuf {
    place.data.join("terraform").join("claims").join(id.to_string())
}
