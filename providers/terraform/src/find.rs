//! What an interrupted run left of a module.

use deployctl_sdk::{ErrorKind, Found, Lost, Object, Observed, Operation, ProviderError, Value};

use crate::object::{self, Private};
use crate::schema::attribute;
use crate::session::Site;
use crate::settings::Settings;
use crate::state::State;
use crate::{claim, read};

/// What finds a module again: nothing in it is secret.
pub(crate) fn identity(config: &Value) -> Option<Value> {
    let names = [attribute::PATH, attribute::WORKSPACE, attribute::BINARY];
    let members = names.iter().map(|name| Some((*name, config.get(name).filter(|value| !value.is_unknown())?.clone())));
    members.collect::<Option<Vec<_>>>().map(Value::map)
}

/// Looks for one module.
///
/// # Errors
/// When its state cannot be read.
pub(crate) fn find(site: &Site, lost: &Lost) -> Result<Found, ProviderError> {
    match (&lost.prior, lost.operation) {
        (Some(prior), Operation::Update | Operation::Delete) => match read::read(site, prior) {
            Observed::AsRecorded => Ok(Found::Present { object: prior.clone(), complete: true }),
            Observed::Present(object) => Ok(Found::Present { object, complete: true }),
            Observed::Absent => Ok(Found::Absent),
            Observed::Unreadable { reason } => Err(ProviderError::new(ErrorKind::Unreachable, reason)),
        },
        _ => created(site, lost),
    }
}

/// A module that was being created: its state is ours if it was claimed. What of it is missing, the next plan shows.
fn created(site: &Site, lost: &Lost) -> Result<Found, ProviderError> {
    if lost.identity.is_none() {
        return Ok(Found::CannotTell);
    }
    let Some(config) = lost.config.as_ref().or(lost.identity.as_ref()) else { return Ok(Found::CannotTell) };
    let Some(private) = claim::read(&site.place, lost.mark.id)? else { return Ok(Found::Absent) };
    let settings = Settings::of(config);
    let Some(file) = &private.state else {
        // Only the engine can look into another backend. The next plan has it do that.
        return Ok(present(config, &private, None));
    };
    let state = State::in_file(&site.place.root.join(settings.folder()).join(file))?;
    Ok(match state.filter(|state| !state.is_empty()) {
        Some(state) => present(config, &private.at(Some(&state)), Some(state)),
        None => Found::Absent,
    })
}

fn present(config: &Value, private: &Private, state: Option<State>) -> Found {
    let attributes = object::attributes(config, state.as_ref());
    let children = state.map(|state| state.resources).unwrap_or_default();
    let object = Object { attributes, private: private.to_value(), children, captured: Vec::new() };
    Found::Present { object, complete: true }
}
