//! One case on the bench: what every check needs, and the steps that several of them share.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio_util::sync::CancellationToken;

use super::hand::{Hand, Held};
use super::law::{Law, Report, Violation};
use super::settle::settle;
use super::subject::{Case, Subject};
use crate::address::Address;
use crate::change::{Action, PlannedChange};
use crate::default_plan::compare;
use crate::error::ProviderError;
use crate::ownership::{Ownership, ResourceId};
use crate::provider::{Applied, Connection, Found, Lost, Observed, Operation, Place, Prepared};
use crate::schema::ResourceSchema;
use crate::value::{AttrPath, Value};

/// One case with all that is needed to put it through a law.
pub(super) struct Bench<'b> {
    pub subject: &'b dyn Subject,
    pub case: &'b Case,
    pub schema: &'b ResourceSchema,
    pub place: Place,
    pub hand: Hand,
    pub report: &'b mut Report,
}

/// A check that cannot go on, for a reason that is noted already or that the check itself notes.
pub(super) struct Stop;

/// What a check ends in.
pub(super) type Checked = Result<(), Stop>;

impl<'b> Bench<'b> {
    /// Says that a law is being put to the test.
    pub fn examine(&mut self, law: Law) {
        *self.report.examined.entry(law).or_default() += 1;
    }

    /// Whether a law says nothing of this provider.
    pub fn is_beyond(&self, law: Law) -> bool {
        self.subject.beyond().contains(&law)
    }

    /// Says that a law is broken.
    pub fn broken(&mut self, law: Law, what: impl Into<String>) -> Stop {
        self.report.violations.push(Violation { law, case: self.case.name.clone(), what: what.into() });
        Stop
    }

    /// Puts a law to the test: broken unless it `holds`.
    pub fn hold(&mut self, law: Law, holds: bool, what: impl FnOnce() -> String) {
        self.examine(law);
        if !holds {
            self.broken(law, what());
        }
    }

    /// A mark that nothing bears yet.
    pub fn new_mark(&self) -> Ownership {
        Ownership {
            lineage: self.place.lineage,
            id: ResourceId::random(),
            address: Address::new(self.case.type_name.clone(), "conformance"),
        }
    }

    /// A record of nothing, with a new mark.
    pub fn nothing(&self) -> Held {
        Held::nothing(self.new_mark(), self.case.type_name.clone())
    }

    /// The case's configuration, settled and prepared.
    pub fn prepare(&mut self, held: &Held, config: &Value) -> Result<Prepared, Stop> {
        match self.prepare_or_complain(held, config) {
            Ok(prepared) => Ok(prepared),
            Err(complaint) => Err(self.broken(Law::PrepareIsPure, format!("the case's configuration: {complaint}"))),
        }
    }

    /// A configuration, settled and prepared, or why it cannot be.
    pub fn prepare_or_complain(&self, held: &Held, config: &Value) -> Result<Prepared, String> {
        let settled = settle(&self.schema.attributes, config).map_err(|mismatch| mismatch.to_string())?;
        self.hand.prepare(held, &settled).map_err(|errors| listed(&errors))
    }

    /// What to do now.
    pub async fn plan(&mut self, law: Law, held: &Held, desired: &Prepared) -> Result<PlannedChange, Stop> {
        match self.hand.plan(self.schema, held, desired).await {
            Ok(planned) => Ok(planned),
            Err(error) => Err(self.broken(law, format!("cannot be planned: {error}"))),
        }
    }

    /// Carries out a plan, and holds the provider to what the plan promised and to having nothing left to do.
    pub async fn settle_down(
        &mut self,
        law: Law,
        held: &mut Held,
        desired: &Prepared,
        planned: &PlannedChange,
    ) -> Checked {
        let word = planned.action.word();
        if let Err(error) = self.hand.carry_out(self.schema, held, desired, planned).await {
            return Err(self.broken(law, format!("{word} failed: {error}{}", details(&error))));
        }
        let Some(object) = &held.object else {
            return Err(self.broken(law, format!("{word} succeeded without an object")));
        };
        let different = broken_promises(&planned.planned, &object.attributes);
        if planned.action != Action::NoOp {
            self.hold(Law::KnownStaysKnown, different.is_empty(), || {
                format!("after {word}, not as planned: {}", paths(&different))
            });
        }
        self.nothing_to_do(law, held, desired).await
    }

    /// Holds the provider to having nothing to do.
    pub async fn nothing_to_do(&mut self, law: Law, held: &Held, desired: &Prepared) -> Checked {
        let again = self.plan(law, held, desired).await?;
        let at: Vec<AttrPath> = again.diffs.iter().chain(&again.drift).map(|diff| diff.path.clone()).collect();
        self.hold(law, again.action == Action::NoOp && again.drift.is_empty(), || {
            format!("not settled after apply: plan is {}, for {}", again.action.word(), paths(&at))
        });
        Ok(())
    }

    /// The case's object, made.
    pub async fn made(&mut self) -> Result<(Held, Prepared), Stop> {
        let mut held = self.nothing();
        let config = self.case.config.clone();
        let desired = self.prepare(&held, &config)?;
        let planned = self.plan(Law::Converges, &held, &desired).await?;
        if planned.action != Action::Create {
            return Err(self.broken(Law::Converges, format!("a new resource is planned as {}", planned.action.word())));
        }
        if let Err(error) = self.hand.carry_out(self.schema, &mut held, &desired, &planned).await {
            let _ = self.hand.delete(&mut held).await;
            return Err(self.broken(Law::Converges, format!("creation failed: {error}{}", details(&error))));
        }
        Ok((held, desired))
    }

    /// Deletes the case's object.
    pub async fn unmade(&mut self, mut held: Held) {
        if let Err(error) = self.hand.delete(&mut held).await {
            self.broken(Law::NothingIsLeft, format!("cannot be deleted: {error}{}", details(&error)));
        }
    }

    /// What `find` would be asked after a crash in the middle of an operation.
    pub fn lost(&self, held: &Held, operation: Operation, desired: &Prepared) -> Lost {
        Lost {
            mark: held.mark.clone(),
            type_name: held.type_name.clone(),
            operation,
            identity: self.hand.provider.identity(&held.type_name, &desired.config),
            prior: if operation == Operation::Create { None } else { held.object.clone() },
            config: self.schema.keeps_config.then(|| desired.config.clone()),
        }
    }

    /// Looks for one lost object.
    pub async fn find(&mut self, law: Law, lost: &Lost) -> Result<Found, Stop> {
        match self.hand.connection.find(std::slice::from_ref(lost)).await {
            Ok(mut found) if found.len() == 1 => found.pop().ok_or(Stop),
            Ok(found) => Err(self.broken(law, format!("find answered {} times for one object", found.len()))),
            Err(error) => Err(self.broken(law, format!("find failed: {error}"))),
        }
    }

    /// Holds the provider to a record that tells the truth after an operation that may have failed, and brings the resource
    /// to where it should be all the same.
    pub async fn truthful(
        &mut self,
        law: Law,
        before: &Held,
        held: &mut Held,
        desired: &Prepared,
        operation: Operation,
    ) -> Checked {
        self.examine(law);
        if let Some(recorded) = held.object.clone() {
            match self.hand.read(held).await {
                Observed::Absent => {
                    self.broken(law, format!("after {operation:?}, the record has an object that is not there"));
                }
                Observed::Present(object) => {
                    let different = compare(&recorded.attributes, &object.attributes);
                    if !different.is_empty() {
                        let at: Vec<AttrPath> = different.into_iter().map(|diff| diff.path).collect();
                        self.broken(
                            law,
                            format!("after {operation:?}, the record is not what is there: {}", paths(&at)),
                        );
                    }
                }
                Observed::AsRecorded | Observed::Unreadable { .. } => {}
            }
        } else {
            let lost = self.lost(before, operation, desired);
            if let Found::Present { object, .. } = self.find(law, &lost).await? {
                self.broken(law, format!("after {operation:?}, there is an object that the record does not have"));
                held.object = Some(object);
                held.tainted = true;
            }
        }
        let planned = self.plan(law, held, desired).await?;
        self.settle_down(law, held, desired, &planned).await
    }

    /// A connection made anew, as after a crash.
    pub async fn reconnect(&mut self) -> Result<Arc<dyn Connection>, Stop> {
        match self.subject.connect().await {
            Ok(connection) => Ok(connection),
            Err(error) => Err(self.broken(Law::FindsWhatWasLeft, format!("cannot connect again: {error}"))),
        }
    }

    /// Starts an operation and drops it in the middle, as a crash does: after it waited so many times. Whether it had ended
    /// before.
    pub async fn killed(
        &mut self,
        held: &Held,
        operation: Operation,
        desired: &Prepared,
        planned: &PlannedChange,
        waits: usize,
    ) -> bool {
        let (change, run) = self.hand.order(held, operation, Some(desired), planned, CancellationToken::new());
        let connection = self.hand.connection.clone();
        until_waited(connection.apply(&change, &run), waits).await.is_some()
    }

    /// Starts an operation and cancels it after it waited so many times. Whether it was cancelled before it ended.
    pub async fn cancelled(
        &mut self,
        held: &mut Held,
        operation: Operation,
        desired: &Prepared,
        planned: &PlannedChange,
        waits: usize,
    ) -> (Applied, bool) {
        let cancel = CancellationToken::new();
        if waits == 0 {
            cancel.cancel();
        }
        let applied = {
            let hand = self.hand.clone();
            let mut operation = pin!(hand.operate(held, operation, Some(desired), planned, cancel.clone()));
            let mut waited = 0_usize;
            std::future::poll_fn(|context| match operation.as_mut().poll(context) {
                Poll::Ready(applied) => Poll::Ready(applied),
                Poll::Pending => {
                    waited += 1;
                    if waited == waits {
                        cancel.cancel();
                        context.waker().wake_by_ref();
                    }
                    Poll::Pending
                }
            })
            .await
        };
        (applied, cancel.is_cancelled())
    }
}

/// Runs a future until it waited so many times; what it answered, if it did.
async fn until_waited<T>(future: impl Future<Output = T>, waits: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut waited = 0_usize;
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if waited >= waits => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

/// The places at which what came about differs from what was planned as known.
pub(super) fn broken_promises(planned: &Value, actual: &Value) -> Vec<AttrPath> {
    let mut broken = Vec::new();
    promises(planned, Some(actual), &AttrPath::root(), &mut broken);
    broken
}

fn promises(planned: &Value, actual: Option<&Value>, path: &AttrPath, broken: &mut Vec<AttrPath>) {
    let kept = match (planned.unmark().0, actual.map(|actual| actual.unmark().0)) {
        (Value::Unknown, _) | (Value::Null, None) => true,
        (Value::Map(planned), Some(Value::Map(actual))) => {
            for (key, member) in planned.iter() {
                promises(member, actual.get(key), &path.key(key.clone()), broken);
            }
            true
        }
        (Value::List(planned), Some(Value::List(actual))) if planned.len() == actual.len() => {
            for (index, (planned, actual)) in planned.iter().zip(actual.iter()).enumerate() {
                promises(planned, Some(actual), &path.index(index), broken);
            }
            true
        }
        (planned, Some(actual)) => planned.same(actual),
        (_, None) => false,
    };
    if !kept {
        broken.push(path.clone());
    }
}

/// Paths in a sentence.
pub(super) fn paths(paths: &[AttrPath]) -> String {
    match paths {
        [] => "no attribute".to_owned(),
        paths => paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", "),
    }
}

/// Errors in a sentence.
pub(super) fn listed(errors: &[ProviderError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn details(error: &ProviderError) -> String {
    error.detail.iter().map(|line| format!("\n  | {line}")).collect()
}
