//! The simulated provider with one thing wrong at a time.

use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::conformance::Law;
use deployctl_sdk::sim::{Sim, World};
use deployctl_sdk::{
    Action, Applied, Change, Connection, Desired, Files, Found, Lost, Observed, Operation, Place, PlanRequest,
    PlannedChange, Prepared, Provider, ProviderError, ProviderSchema, ReadRequest, Reason, Run, Type, Value,
};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    AttributeTwice,
    PrepareCounts,
    PrepareRefusesUnknown,
    BreaksItsWord,
    NeverSettles,
    PlanTouches,
    ReadsBackwards,
    DeleteInsists,
    CreatesTwice,
    CancelForgets,
    CancelIgnoredAsFailure,
    FailureForgets,
    FailureInvents,
    TakesOver,
    FindsNothing,
    FindsAnything,
    SilenceIsAbsence,
    BlindToDrift,
    BlindToRemoval,
    CreateFirstTakesTheNewOne,
    TellsSecrets,
    RecordsSecretsOpenly,
    IdentityTellsSecrets,
    ReplacesForAnything,
    LeavesThings,
}

impl Flaw {
    pub const ALL: [Flaw; 25] = [
        Self::AttributeTwice,
        Self::PrepareCounts,
        Self::PrepareRefusesUnknown,
        Self::BreaksItsWord,
        Self::NeverSettles,
        Self::PlanTouches,
        Self::ReadsBackwards,
        Self::DeleteInsists,
        Self::CreatesTwice,
        Self::CancelForgets,
        Self::CancelIgnoredAsFailure,
        Self::FailureForgets,
        Self::FailureInvents,
        Self::TakesOver,
        Self::FindsNothing,
        Self::FindsAnything,
        Self::SilenceIsAbsence,
        Self::BlindToDrift,
        Self::BlindToRemoval,
        Self::CreateFirstTakesTheNewOne,
        Self::TellsSecrets,
        Self::RecordsSecretsOpenly,
        Self::IdentityTellsSecrets,
        Self::ReplacesForAnything,
        Self::LeavesThings,
    ];

    pub fn breaks(self) -> Law {
        match self {
            Self::AttributeTwice => Law::SchemaIsSane,
            Self::PrepareCounts | Self::PrepareRefusesUnknown => Law::PrepareIsPure,
            Self::BreaksItsWord => Law::KnownStaysKnown,
            Self::NeverSettles => Law::Converges,
            Self::PlanTouches => Law::PlanChangesNothing,
            Self::ReadsBackwards => Law::AnswersInOrder,
            Self::DeleteInsists => Law::DeleteOfGoneSucceeds,
            Self::CreatesTwice => Law::TwiceIsOnce,
            Self::CancelForgets | Self::CancelIgnoredAsFailure => Law::CancellationIsTruthful,
            Self::FailureForgets | Self::FailureInvents => Law::FailureIsTruthful,
            Self::TakesOver => Law::NotOursIsUntouched,
            Self::FindsNothing | Self::FindsAnything => Law::FindsWhatWasLeft,
            Self::SilenceIsAbsence => Law::UnreadableIsNotAbsent,
            Self::BlindToDrift => Law::DriftIsNoticed,
            Self::BlindToRemoval => Law::RemovalIsNoticed,
            Self::CreateFirstTakesTheNewOne => Law::CreateFirstHandsOver,
            Self::TellsSecrets | Self::RecordsSecretsOpenly => Law::SecretsStayHidden,
            Self::IdentityTellsSecrets => Law::IdentityHoldsNoSecret,
            Self::ReplacesForAnything => Law::EditsAreAsPredicted,
            Self::LeavesThings => Law::NothingIsLeft,
        }
    }
}

pub struct FlawedProvider {
    sim: Arc<Sim>,
    world: World,
    flaw: Flaw,
    schema: ProviderSchema,
    prepared: std::sync::atomic::AtomicI64,
}

impl FlawedProvider {
    pub fn new(sim: Arc<Sim>, world: World, flaw: Flaw) -> Self {
        let mut schema = sim.schema().clone();
        if flaw == Flaw::AttributeTwice {
            let again = deployctl_sdk::Attribute::optional("size", Type::Bool, "Once more.");
            schema.resources[0].attributes.push(again);
        }
        Self { sim, world, flaw, schema, prepared: std::sync::atomic::AtomicI64::new(0) }
    }
}

#[async_trait]
impl Provider for FlawedProvider {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn prepare(&self, desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
        let mut prepared = self.sim.prepare(desired, files)?;
        match self.flaw {
            Flaw::PrepareCounts => {
                let count = self.prepared.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                prepared.config = with(&prepared.config, "size", Value::from(count));
            }
            Flaw::PrepareRefusesUnknown if desired.config.get("size").is_some_and(Value::is_unknown) => {
                return Err(vec![ProviderError::new(deployctl_sdk::ErrorKind::Invalid, "`size` is no number")]);
            }
            _ => {}
        }
        Ok(prepared)
    }

    fn identity(&self, type_name: &str, config: &Value) -> Option<Value> {
        match self.flaw {
            Flaw::IdentityTellsSecrets => config.get("secret").map(Value::reveal),
            _ => self.sim.identity(type_name, config),
        }
    }

    async fn configure(&self, settings: &Value, place: &Place) -> Result<Arc<dyn Connection>, ProviderError> {
        let inner = self.sim.configure(settings, place).await?;
        Ok(Arc::new(FlawedConnection { inner, world: self.world.clone(), flaw: self.flaw, place: place.clone() }))
    }
}

struct FlawedConnection {
    inner: Arc<dyn Connection>,
    world: World,
    flaw: Flaw,
    place: Place,
}

fn with(base: &Value, name: &'static str, value: Value) -> Value {
    let mut members = base.as_map().cloned().unwrap_or_default();
    members.insert(name.into(), value);
    Value::from(members)
}

#[async_trait]
impl Connection for FlawedConnection {
    async fn read(&self, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
        let answers = self.inner.read(batch).await;
        if self.flaw == Flaw::ReadsBackwards && batch.len() > 1 {
            return answers.into_iter().skip(1).collect();
        }
        let flawed = |answer| match (self.flaw, answer) {
            (Flaw::SilenceIsAbsence, Observed::Unreadable { .. }) => Observed::Absent,
            (Flaw::BlindToDrift, Observed::Present(_)) => Observed::AsRecorded,
            (Flaw::BlindToRemoval, Observed::Absent) => Observed::AsRecorded,
            (_, answer) => answer,
        };
        answers.into_iter().map(flawed).collect()
    }

    async fn plan(&self, request: PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
        let had_one = request.observed.is_some();
        if self.flaw == Flaw::PlanTouches {
            for number in self.world.things().into_keys() {
                self.world.meddle(number, |thing| thing.generation += 1);
            }
        }
        let mut planned = self.inner.plan(request).await?;
        match self.flaw {
            Flaw::NeverSettles if had_one && planned.action == Action::NoOp => {
                planned.action = Action::Update;
                planned.reason = Reason::Changed;
            }
            Flaw::ReplacesForAnything if planned.action == Action::Update => {
                planned.action = Action::Replace(deployctl_sdk::ReplaceOrder::DeleteFirst);
            }
            Flaw::TellsSecrets => {
                let told = request.desired.config.get("secret").map(Value::reveal);
                planned.notes.push(deployctl_sdk::Note(format!("the secret is {told:?}")));
            }
            _ => {}
        }
        Ok(planned)
    }

    async fn apply(&self, change: &Change, run: &Run) -> Applied {
        let mut change = change.clone();
        match (self.flaw, change.operation) {
            (Flaw::BreaksItsWord, Operation::Create | Operation::Update) => {
                change.config = with(&change.config, "size", Value::from(77));
            }
            (Flaw::CreatesTwice, Operation::Create) => self.unmark(&change),
            (Flaw::TakesOver, _) => self.take_over(&mut change),
            (Flaw::DeleteInsists, Operation::Delete) => {
                let there = change.prior.as_ref().and_then(World::number_of);
                if !there.is_some_and(|number| self.world.things().contains_key(&number)) {
                    let error = ProviderError::new(deployctl_sdk::ErrorKind::Refused, "there is no such thing");
                    return Applied::failed(change.prior, error);
                }
            }
            (Flaw::LeavesThings, Operation::Delete) => return Applied::gone(),
            _ => {}
        }
        let mut applied = self.inner.apply(&change, run).await;
        let kind = applied.error.as_ref().map(|error| error.kind);
        let was_cancelled = kind == Some(deployctl_sdk::ErrorKind::Cancelled);
        match self.flaw {
            Flaw::CancelForgets if was_cancelled => applied.object = None,
            Flaw::CancelIgnoredAsFailure if was_cancelled => {
                applied.error = Some(ProviderError::new(deployctl_sdk::ErrorKind::Refused, "it went wrong"));
            }
            Flaw::FailureForgets if kind.is_some() && !was_cancelled => applied.object = None,
            Flaw::FailureInvents if kind.is_some() && !was_cancelled => {
                let object = applied.object.get_or_insert_default();
                object.attributes = with(&object.attributes, "size", Value::from(55));
            }
            Flaw::CreateFirstTakesTheNewOne if change.operation == Operation::Create => {
                // The old one, wherever it is, goes for the new one's sake, and takes the new one with it.
                let others = self.world.things().into_iter().filter(|(_, thing)| !thing.belongs_to(&change.mark));
                if others.filter(|(_, thing)| thing.is_of(self.place.lineage)).count() > 0
                    && let Some(number) = applied.object.as_ref().and_then(World::number_of)
                {
                    self.world.remove(number);
                }
            }
            Flaw::RecordsSecretsOpenly => {
                if let Some(object) = &mut applied.object {
                    object.private = with(&object.private, "sent", change.config.reveal());
                }
            }
            _ => {}
        }
        applied
    }

    async fn find(&self, lost: &[Lost]) -> Result<Vec<Found>, ProviderError> {
        let found = self.inner.find(lost).await?;
        match self.flaw {
            Flaw::FindsNothing => Ok(found.into_iter().map(|_| Found::Absent).collect()),
            Flaw::FindsAnything => {
                let any = self.world.things().into_iter().next();
                let object = any.map(|(number, thing)| thing.object(number));
                let flawed = |found| match (found, &object) {
                    (Found::Absent, Some(object)) => Found::Present { object: object.clone(), complete: true },
                    (found, _) => found,
                };
                Ok(found.into_iter().map(flawed).collect())
            }
            _ => Ok(found),
        }
    }
}

impl FlawedConnection {
    /// Forgets that an object of this mark is there already.
    fn unmark(&self, change: &Change) {
        for (number, thing) in self.world.things() {
            if thing.belongs_to(&change.mark) {
                self.world.meddle(number, |thing| {
                    if let Some(mark) = &mut thing.mark {
                        mark.id = deployctl_sdk::ResourceId::random();
                    }
                    thing.config.insert("name".into(), Value::from("the first of two"));
                });
            }
        }
    }

    /// Puts our mark on whatever stands there.
    fn take_over(&self, change: &mut Change) {
        for (number, thing) in self.world.things() {
            if !thing.is_of(self.place.lineage) {
                self.world.meddle(number, |thing| thing.mark = Some(change.mark.clone()));
            }
        }
    }
}
