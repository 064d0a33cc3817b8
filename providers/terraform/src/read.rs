//! What is really there, cheaply: the state of Terraform's local backend. What only the engine can tell is for its plan.

use deployctl_sdk::{Diff, ErrorKind, Files, Object, Observed, ProviderError, ReadRequest, Refreshed, default_plan};
use tokio_util::sync::CancellationToken;

use crate::delete;
use crate::object::{self, Private};
use crate::plan::Mode;
use crate::secrets::Secrets;
use crate::session::{Session, Site};
use crate::settings::Settings;
use crate::state::State;

/// Looks at one module.
pub(crate) fn read(site: &Site, recorded: &Object) -> Observed {
    match local_state(site, recorded) {
        Err(error) => Observed::Unreadable { reason: error.message },
        Ok(Local::Elsewhere) => Observed::AsRecorded,
        Ok(Local::State(state)) => observed(recorded, state),
    }
}

/// What can be read of a state without its engine.
enum Local {
    /// It is not in the local backend.
    Elsewhere,
    /// This, or nothing.
    State(Option<State>),
}

fn local_state(site: &Site, recorded: &Object) -> Result<Local, ProviderError> {
    let Some(file) = Private::read(&recorded.private).state else { return Ok(Local::Elsewhere) };
    let folder = site.place.root.join(Settings::of(&recorded.attributes).folder());
    State::in_file(&folder.join(file)).map(Local::State)
}

fn observed(recorded: &Object, state: Option<State>) -> Observed {
    let private = Private::read(&recorded.private);
    let had_something = !recorded.children.is_empty();
    let Some(state) = state else {
        return if had_something || !private.serial.is_empty() { Observed::Absent } else { Observed::AsRecorded };
    };
    if state.is_empty() && had_something {
        return Observed::Absent;
    }
    if private.serial == state.serial.to_string() && private.lineage == state.lineage {
        return Observed::AsRecorded;
    }
    let attributes = object::attributes(&recorded.attributes, Some(&state));
    let private = private.at(Some(&state)).to_value();
    Observed::Present(Object { attributes, private, children: state.resources, captured: recorded.captured.clone() })
}

/// Whether nothing is left of a module, as far as that can be told without its engine.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn is_gone(site: &Site, recorded: &Object) -> Result<bool, ProviderError> {
    Ok(match local_state(site, recorded)? {
        Local::Elsewhere => false,
        Local::State(state) => state.is_none_or(|state| state.resources.is_empty()),
    })
}

/// Looks at one module as its engine does.
pub(crate) async fn refresh(site: &Site, request: &ReadRequest<'_>, files: &dyn Files) -> Refreshed {
    let observed = read(site, request.recorded);
    let seen = match &observed {
        Observed::Absent | Observed::Unreadable { .. } => return Refreshed { observed, drift: Vec::new() },
        Observed::Present(object) => object.clone(),
        Observed::AsRecorded => request.recorded.clone(),
    };
    match look(site, request, &seen, files).await {
        Ok((object, drift)) => Refreshed { observed: Observed::Present(object), drift },
        Err(error) => {
            let reason = error.detail.iter().find(|line| !line.is_empty()).map(|line| format!(": {line}"));
            let reason = format!("{}{}", error.message, reason.unwrap_or_default());
            Refreshed { observed: Observed::Unreadable { reason }, drift: Vec::new() }
        }
    }
}

async fn look(
    site: &Site,
    request: &ReadRequest<'_>,
    seen: &Object,
    files: &dyn Files,
) -> Result<(Object, Vec<Diff>), ProviderError> {
    let cancel = CancellationToken::new();
    let captured = delete::source_of(site, seen, files)?;
    let (list, files) = (captured.list(), captured.files(files));
    let mut session = Session::open(site, request.address, &seen.attributes, list, files, &cancel).await?;
    let made = session.plan(Mode::Refresh).await?;
    if made.nested.outputs.contains_unknown() {
        return Err(ProviderError::new(ErrorKind::Internal, "a plan that only looks left an output unknown"));
    }
    let secrets = Secrets::of(&object::config_of(&seen.attributes));
    let attributes = object::with_outputs(&seen.attributes, secrets.mark(made.nested.outputs));
    let changed = !default_plan::compare(&seen.attributes, &attributes).is_empty();
    let object = if changed { Object { attributes, ..seen.clone() } } else { seen.clone() };
    Ok((object, made.nested.drift))
}
