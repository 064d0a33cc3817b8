//! Brings a module that is there already, with its state, under management.

use deployctl_sdk::{ErrorKind, Object, Ownership, ProviderError, Value};
use tokio_util::sync::CancellationToken;

use crate::disk::Disk;
use crate::schema::attribute;
use crate::session::{Session, Site};
use crate::settings::DEFAULT_WORKSPACE;
use crate::{object, source};

/// Describes the module that `id` names: its folder, and `@WORKSPACE` after it.
///
/// # Errors
/// When there is no such module, it cannot be initialised, or its state is empty.
pub(crate) async fn import(site: &Site, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
    let (path, workspace) = id.rsplit_once('@').unwrap_or((id, DEFAULT_WORKSPACE));
    let path = source::normal(path);
    let config = |binary: &str| {
        Value::map([
            (attribute::PATH, Value::from(path.to_string_lossy().into_owned())),
            (attribute::WORKSPACE, Value::from(workspace)),
            (attribute::BINARY, Value::from(binary)),
        ])
    };
    let disk = Disk::new(site.place.root.clone());
    let captured = source::capture(&disk, &path, &[], &[]);
    let captured = captured.map_err(|errors| errors.into_iter().next().unwrap_or_else(|| nothing(id)))?;
    let cancel = CancellationToken::new();
    // A block may name the other program; the next plan says which.
    let binary = match site.engines.get("terraform", &site.place.root).await {
        Ok(_) => "terraform",
        Err(_) => "tofu",
    };
    let config = config(binary);
    let session = Session::open(site, &mark.address, &config, &captured, &disk, &cancel).await?;
    let state = session.state().await?.filter(|state| !state.is_empty()).ok_or_else(|| nothing(id))?;
    Ok(object::object(&session, &config, Some(&state), &captured))
}

fn nothing(id: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Refused,
        format!("the module {id} has nothing in its state, so there is nothing to import"),
    )
    .with_hint("`deployctl apply` creates it")
}
