//! Removes everything in a module, from the source that it was last applied from.

use deployctl_sdk::{Applied, CapturedFile, Change, ErrorKind, Files, Object, ProviderError, Run};

use crate::apply::Destroyed;
use crate::disk::Disk;
use crate::object;
use crate::plan::Mode;
use crate::prepare::texts;
use crate::schema::attribute;
use crate::session::{Session, Site};
use crate::settings::Settings;
use crate::{claim, read, source};

/// Removes what is recorded; what is gone already is removed.
pub(crate) async fn delete(site: &Site, destroyed: &Destroyed, change: &Change, run: &Run) -> Applied {
    let Some(prior) = &change.prior else { return Applied::gone() };
    let failed = |error| Applied::failed(Some(prior.clone()), error);
    let settings = Settings::of(&prior.attributes);
    match read::is_gone(site, prior) {
        Ok(false) => {}
        Ok(true) => return gone(site, destroyed, change, &settings).unwrap_or_else(failed),
        Err(error) => return failed(error),
    }
    let captured = match source_of(site, prior, &*run.files) {
        Ok(captured) => captured,
        Err(error) => return failed(error),
    };
    let (list, files) = (captured.list(), captured.files(&*run.files));
    let opened = Session::open(site, &change.mark.address, &prior.attributes, list, files, &run.cancel).await;
    let mut session = match opened {
        Ok(session) => session,
        Err(error) => return failed(error),
    };
    let file = match &change.artefact {
        Some(bytes) => Ok(bytes.to_vec()),
        None => session.plan(Mode::Destroy).await.map(|made| made.file),
    };
    let applied = match file {
        Ok(file) => session.apply(&file, &run.progress).await,
        Err(error) => Err(error),
    };
    let left = match session.state().await {
        Ok(state) => state,
        Err(error) => return failed(applied.err().unwrap_or(error)),
    };
    let is_empty = left.as_ref().is_none_or(|state| state.resources.is_empty());
    match applied {
        Ok(()) if is_empty => {
            let removed = session.workdir.remove();
            removed.and_then(|()| gone(site, destroyed, change, &settings)).unwrap_or_else(failed)
        }
        Ok(()) => {
            let message = "something is left in the module after everything in it was to be deleted";
            let object = object::object(&session, &prior.attributes, left.as_ref(), &prior.captured);
            Applied::failed(Some(object), ProviderError::new(ErrorKind::Refused, message))
        }
        Err(error) => {
            let object = object::object(&session, &prior.attributes, left.as_ref(), &prior.captured);
            Applied::failed(Some(object), error)
        }
    }
}

fn gone(site: &Site, destroyed: &Destroyed, change: &Change, settings: &Settings) -> Result<Applied, ProviderError> {
    claim::drop(&site.place, change.mark.id)?;
    destroyed.note(&settings.path, &settings.workspace);
    Ok(Applied::gone())
}

/// The source of a recorded module.
pub(crate) enum Source {
    /// As it was captured, and still to be had.
    Captured(Vec<CapturedFile>),
    /// As it is now, where nothing was captured or it cannot be had any more.
    Present(Vec<CapturedFile>, Disk),
}

impl Source {
    /// The files.
    pub(crate) fn list(&self) -> &[CapturedFile] {
        match self {
            Self::Captured(list) | Self::Present(list, _) => list,
        }
    }

    /// Where their contents are.
    pub(crate) fn files<'f>(&'f self, files: &'f dyn Files) -> &'f dyn Files {
        match self {
            Self::Captured(_) => files,
            Self::Present(_, disk) => disk,
        }
    }
}

/// Finds the source of a recorded module.
///
/// # Errors
/// When it is neither kept nor in its folder.
pub(crate) fn source_of(site: &Site, object: &Object, files: &dyn Files) -> Result<Source, ProviderError> {
    let kept = !object.captured.is_empty() && object.captured.iter().all(|file| files.content(&file.digest).is_ok());
    if kept {
        return Ok(Source::Captured(object.captured.clone()));
    }
    let settings = Settings::of(&object.attributes);
    let disk = Disk::new(site.place.root.clone());
    let include = texts(object.attributes.get(attribute::INCLUDE));
    let present = source::capture(&disk, &settings.folder(), &include, &settings.var_files);
    present.map(|list| Source::Present(list, disk)).map_err(|errors| {
        let why = errors.first().map(|error| error.message.clone()).unwrap_or_default();
        let message = format!("the source of the module {} is not to be had any more: {why}", settings.path);
        ProviderError::new(ErrorKind::Refused, message)
            .with_hint("put the module back where it was, or drop it from the state with `deployctl state rm`")
    })
}
