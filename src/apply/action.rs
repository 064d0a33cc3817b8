//! One step's operations on the engine: tried, timed, cancelled.

use std::time::Duration;

use deployctl_sdk::{
    Applied, Change, Connection, ErrorKind, Object, Operation, Progress, ProviderError, ResourceId, Run,
};
use tokio_util::sync::CancellationToken;

use super::prepare::Ready;
use crate::config::Retry;
use crate::crash_point;
use crate::event::{Event, Events};

/// How long a provider may take to come back after it was cancelled, before its step is left for the next run to look for.
const CANCEL_GRACE: Duration = Duration::from_secs(60);

/// What the operations of a step came to.
pub(super) struct Finished {
    /// The step, as it was prepared.
    pub(super) ready: Ready,
    /// The truth about the object.
    pub(super) applied: Applied,
    /// Whether an old object was deleted on the way, so that without a new one there is none.
    pub(super) deleted: bool,
    /// Old objects that could not be removed.
    pub(super) still_deposed: Vec<(ResourceId, Object)>,
    /// Whether what earlier replacements left was among this step's tasks; if not, all of it is still there.
    pub(super) cleaned: bool,
    /// Why not.
    pub(super) not_cleaned: Option<ProviderError>,
    /// Whether the provider came back at all.
    pub(super) answered: bool,
    /// How long it took.
    pub(super) took: Duration,
}

/// What all actions of a run share.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) events: Events,
    pub(super) files: std::sync::Arc<dyn deployctl_sdk::Files>,
    pub(super) cancel: CancellationToken,
}

/// Carries out a prepared step.
pub(super) async fn carry_out(ready: Ready, setting: Setting) -> Finished {
    let started = tokio::time::Instant::now();
    let mut finished = Finished {
        applied: Applied {
            object: ready.before.prior.as_ref().and_then(|prior| prior.object.clone()),
            ..Applied::default()
        },
        deleted: false,
        still_deposed: Vec::new(),
        cleaned: !ready.deposed.is_empty(),
        not_cleaned: None,
        answered: true,
        took: Duration::ZERO,
        ready,
    };
    for change in &finished.ready.operations {
        let tries = Tries { ready: &finished.ready, setting: &setting };
        let Some(applied) = tries.run(change).await else {
            finished.answered = false;
            break;
        };
        finished.deleted |= change.operation == Operation::Delete && applied.error.is_none();
        let failed = applied.error.is_some();
        finished.applied = applied;
        if failed {
            break;
        }
    }
    let failed = finished.applied.error.is_some() || !finished.answered;
    let deposed = std::mem::take(&mut finished.ready.deposed);
    for (id, object) in deposed {
        if failed {
            finished.still_deposed.push((id, object));
            continue;
        }
        if let Err(error) = remove_deposed(&finished.ready, &setting, id, &object).await {
            finished.still_deposed.push((id, object));
            finished.not_cleaned.get_or_insert(error);
        }
    }
    finished.took = started.elapsed();
    finished
}

async fn remove_deposed(
    ready: &Ready,
    setting: &Setting,
    id: ResourceId,
    object: &Object,
) -> Result<(), ProviderError> {
    let change = Change {
        mark: deployctl_sdk::Ownership { lineage: ready.lineage, id, address: ready.before.address.clone() },
        type_name: ready.before.type_name.clone(),
        operation: Operation::Delete,
        prior: Some(object.clone()),
        config: deployctl_sdk::Value::Null,
        planned: deployctl_sdk::Value::Null,
        captured: Vec::new(),
        artefact: None,
    };
    match (Tries { ready, setting }).run(&change).await {
        Some(Applied { error: None, .. }) => Ok(()),
        Some(Applied { error: Some(error), .. }) => Err(error),
        None => Err(ProviderError::new(ErrorKind::Transient, "its provider did not come back")),
    }
}

struct Tries<'r> {
    ready: &'r Ready,
    setting: &'r Setting,
}

impl Tries<'_> {
    /// Does one operation until it works, may not be tried again, or the tries are used up. `None` when the provider did not
    /// come back.
    async fn run(&self, change: &Change) -> Option<Applied> {
        let policy = self.ready.retry.unwrap_or(Retry {
            attempts: 3,
            delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(10),
        });
        let mut change = change.clone();
        let mut delay = policy.delay;
        for attempt in 1.. {
            let applied = self.once(&change).await?;
            let Some(error) = &applied.error else { return Some(applied) };
            let again = match error.kind {
                ErrorKind::Transient | ErrorKind::Unreachable => true,
                // Only an explicit `retry` block says that a plain failure is worth another try.
                ErrorKind::Refused => self.ready.retry.is_some(),
                ErrorKind::Invalid
                | ErrorKind::NotOurs
                | ErrorKind::Stale
                | ErrorKind::Cancelled
                | ErrorKind::Internal => false,
            };
            // A half-made object is for the next run, which plans to replace it.
            let half_made = change.operation == Operation::Create && applied.object.is_some();
            if !again || half_made || attempt >= policy.attempts || self.setting.cancel.is_cancelled() {
                return Some(applied);
            }
            self.setting.events.send(Event::StepRetried {
                address: change.mark.address.clone(),
                attempt: attempt + 1,
                error: error.message.clone(),
                delay_millis: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            });
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.setting.cancel.cancelled() => return Some(applied),
            }
            delay = (delay * 2).min(policy.max_delay.max(policy.delay));
            if let (Some(object), true) = (applied.object, change.operation != Operation::Create) {
                change.prior = Some(object);
            }
        }
        None
    }

    async fn once(&self, change: &Change) -> Option<Applied> {
        let cancel = self.setting.cancel.child_token();
        let (events, address) = (self.setting.events.clone(), change.mark.address.clone());
        let run = Run {
            cancel: cancel.clone(),
            progress: Progress::to(move |text| events.send(Event::StepProgress { address: address.clone(), text })),
            files: self.setting.files.clone(),
            timeout: self.ready.timeout,
        };
        let connection: &dyn Connection = &*self.ready.connection;
        let mut operation = Box::pin(async {
            crash_point::pass();
            let applied = connection.apply(change, &run).await;
            crash_point::pass();
            applied
        });
        let mut timed_out = false;
        if let Some(timeout) = self.ready.timeout {
            match tokio::time::timeout(timeout, &mut operation).await {
                Ok(applied) => return Some(applied),
                Err(_) => {
                    timed_out = true;
                    cancel.cancel();
                }
            }
        } else {
            tokio::select! {
                applied = &mut operation => return Some(applied),
                () = cancel.cancelled() => {}
            }
        }
        let mut applied = tokio::time::timeout(CANCEL_GRACE, operation).await.ok()?;
        if timed_out && applied.error.is_some() {
            let text = format!("it took longer than {:?}", self.ready.timeout.unwrap_or_default());
            let detail = applied.error.take().map(|error| error.detail).unwrap_or_default();
            applied.error = Some(ProviderError::new(ErrorKind::Refused, text).with_detail(detail));
        }
        Some(applied)
    }
}
