//! Carries a module's plan out: exactly the plan that was shown, with the engine's events as progress.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use deployctl_sdk::{Applied, Change, ErrorKind, Operation, Progress, ProviderError, Run};

use crate::object;
use crate::plan::{self, Mode};
use crate::session::{Session, Site, cancelled};
use crate::state::State;
use crate::{claim, delete};

/// Modules that this run destroyed. A plan that was made against one of them before is void.
#[derive(Default)]
pub(crate) struct Destroyed {
    modules: Mutex<HashSet<(String, String)>>,
}

impl Destroyed {
    pub(crate) fn note(&self, path: &str, workspace: &str) {
        self.modules().insert((path.to_owned(), workspace.to_owned()));
    }

    fn has(&self, session: &Session<'_>) -> bool {
        self.modules().contains(&(session.settings.path.clone(), session.settings.workspace.clone()))
    }

    fn modules(&self) -> std::sync::MutexGuard<'_, HashSet<(String, String)>> {
        self.modules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does one operation.
pub(crate) async fn apply(site: &Site, destroyed: &Destroyed, change: &Change, run: &Run) -> Applied {
    match change.operation {
        Operation::Delete => delete::delete(site, destroyed, change, run).await,
        Operation::Create | Operation::Update | Operation::Replace => make(site, destroyed, change, run).await,
    }
}

async fn make(site: &Site, destroyed: &Destroyed, change: &Change, run: &Run) -> Applied {
    let prior = change.prior.clone();
    let (address, captured) = (&change.mark.address, &change.captured);
    let opened = Session::open(site, address, &change.config, captured, &*run.files, &run.cancel).await;
    let mut session = match opened {
        Ok(session) => session,
        Err(error) => return Applied::failed(prior, error),
    };
    if let Err(error) = claim_it(&session, change).await {
        return Applied::failed(prior, error);
    }
    let file = match plan::artefact_of(change, destroyed.has(&session)) {
        Some(bytes) => Ok(bytes.to_vec()),
        None => session.plan(Mode::Normal).await.map(|made| made.file),
    };
    let applied = match file {
        Ok(file) => session.apply(&file, &run.progress).await,
        Err(error) => Err(error),
    };
    let state = session.state().await;
    match (applied, state) {
        (Ok(()), Ok(state)) => Applied::done(object::object(&session, &change.config, state.as_ref(), captured)),
        (Ok(()), Err(error)) => Applied {
            resumes: true,
            ..Applied::failed(Some(object::object(&session, &change.config, None, captured)), error)
        },
        (Err(error), state) => failed(&session, change, state, error),
    }
}

/// A new module's state is claimed before anything is put into it, and refused if somebody else's things are in it.
async fn claim_it(session: &Session<'_>, change: &Change) -> Result<(), ProviderError> {
    let place = &session.site.place;
    if change.operation == Operation::Update || claim::is_made(place, change.mark.id) {
        return Ok(());
    }
    let state = session.state().await?;
    if let Some(state) = state.filter(|state| !state.resources.is_empty()) {
        return Err(plan::not_ours(session, &change.mark.address, state.resources.len()));
    }
    claim::make(place, change.mark.id, &object::Private::of(session, None))
}

/// The truth after an operation that failed: what the module's state says, with the configuration that is true of it.
fn failed(
    session: &Session<'_>,
    change: &Change,
    state: Result<Option<State>, ProviderError>,
    error: ProviderError,
) -> Applied {
    let is_new = change.operation != Operation::Update;
    let state = match state {
        Ok(state) => state.filter(|state| !state.is_empty()),
        // Nothing may be assumed of a state that cannot be read; the next plan looks again.
        Err(_) if is_new => {
            let object = object::object(session, &change.config, None, &change.captured);
            return Applied { resumes: true, ..Applied::failed(Some(object), error) };
        }
        Err(_) => return Applied::failed(change.prior.clone(), error),
    };
    match (is_new, state, &change.prior) {
        (true, None, _) => match claim::drop(&session.site.place, change.mark.id) {
            Ok(()) => Applied::failed(None, error),
            Err(other) => Applied::failed(None, error.with_detail([other.message])),
        },
        (true, Some(state), _) => {
            let object = object::object(session, &change.config, Some(&state), &change.captured);
            Applied { resumes: true, ..Applied::failed(Some(object), error) }
        }
        (false, state, Some(prior)) => {
            let object = object::object(session, &prior.attributes, state.as_ref(), &prior.captured);
            Applied::failed(Some(object), error)
        }
        (false, _, None) => Applied::failed(None, error),
    }
}

impl Session<'_> {
    /// Has the engine carry out a plan of its own.
    ///
    /// # Errors
    /// What the engine complains about; it has saved its state and given its lock back by then.
    pub(crate) async fn apply(&self, plan: &[u8], progress: &Progress) -> Result<(), ProviderError> {
        let file = self.workdir.hand_over("plan", plan)?;
        let settings = &self.settings;
        let invocation = self
            .on_state("apply")
            .args(["-json", "-input=false"])
            .arg(format!("-lock-timeout={}", settings.lock_timeout))
            .arg(format!("-parallelism={}", settings.parallelism))
            .args(self.state_flag())
            .arg(&file);
        let (ended, said) = self.listen(invocation, Some(progress)).await?;
        match (ended.success(), ended.stopped) {
            (true, _) => Ok(()),
            // It may have been done before it heard of that.
            (false, Some(_)) if ended.status.success() => Ok(()),
            (false, Some(_)) => {
                let lines =
                    said.diagnostics.iter().filter(|one| one.is_error()).map(|one| settings.mask.apply(&one.summary));
                Err(ProviderError { detail: lines.collect(), ..cancelled() })
            }
            (false, None) => {
                let error = self.failure("apply", &said, &ended);
                if said.diagnostics.is_empty() && !said.strays.is_empty() {
                    let message = format!("{} answered something that is not JSON", self.engine.named());
                    return Err(ProviderError { message, kind: ErrorKind::Internal, ..error });
                }
                Err(error)
            }
        }
    }
}
