//! The engine's hand: reads, plans and carries out one resource's change in the same steps as a run of deployctl, and keeps
//! the record. Everything that was said on the way is collected, so that it can be searched for secrets.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::change::{Action, PlannedChange, Reason, ReplaceOrder};
use crate::error::{ErrorKind, ProviderError};
use crate::files::Files;
use crate::object::Object;
use crate::ownership::{Ownership, ResourceId};
use crate::provider::{
    Applied, Change, Connection, Desired, Observed, Operation, PlanRequest, Prepared, Progress, Provider, ReadRequest,
    Run,
};
use crate::schema::ResourceSchema;
use crate::value::Value;

/// What is recorded about one resource.
#[derive(Debug, Clone)]
pub struct Held {
    /// Its mark.
    pub mark: Ownership,
    /// Its type.
    pub type_name: Arc<str>,
    /// The object, where there is one.
    pub object: Option<Object>,
    /// Whether it is half made.
    pub tainted: bool,
    /// What is left of earlier replacements, with the mark it bears.
    pub deposed: Vec<(Ownership, Object)>,
}

impl Held {
    /// A record of nothing yet.
    pub fn nothing(mark: Ownership, type_name: Arc<str>) -> Self {
        Self { mark, type_name, object: None, tainted: false, deposed: Vec::new() }
    }

    /// Writes down the truth after an operation.
    fn note(&mut self, applied: &Applied) {
        self.object.clone_from(&applied.object);
        self.tainted = applied.tainted;
        self.deposed.extend(applied.deposed.iter().map(|object| (self.mark.clone(), object.clone())));
    }
}

/// A connection, used as the engine uses it.
#[derive(Clone)]
pub struct Hand {
    /// The provider.
    pub provider: Arc<dyn Provider>,
    /// The connection.
    pub connection: Arc<dyn Connection>,
    /// The captured files.
    pub files: Arc<dyn Files>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Hand {
    /// A hand on a connection.
    pub fn new(provider: Arc<dyn Provider>, connection: Arc<dyn Connection>, files: Arc<dyn Files>) -> Self {
        Self { provider, connection, files, said: Arc::default() }
    }

    /// The same hand on another connection.
    #[must_use]
    pub fn on(&self, connection: Arc<dyn Connection>) -> Self {
        Self { connection, ..self.clone() }
    }

    /// Every text so far that a person might see.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes down a text that a person might see.
    pub fn hear(&self, text: String) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    fn heard(&self, error: ProviderError) -> ProviderError {
        self.hear(format!("{error:?}"));
        error
    }

    /// Checks and settles a configuration.
    ///
    /// # Errors
    /// The provider's complaints.
    pub fn prepare(&self, held: &Held, config: &Value) -> Result<Prepared, Vec<ProviderError>> {
        let desired =
            Desired { address: held.mark.address.clone(), type_name: held.type_name.clone(), config: config.clone() };
        let prepared = self.provider.prepare(&desired, &*self.files);
        prepared.map_err(|errors| errors.into_iter().map(|error| self.heard(error)).collect())
    }

    /// What is really there.
    pub async fn read(&self, held: &Held) -> Observed {
        let Some(recorded) = &held.object else { return Observed::Absent };
        let request =
            ReadRequest { address: &held.mark.address, type_name: &held.type_name, id: held.mark.id, recorded };
        let observed = self.connection.read(&[request]).await.into_iter().next();
        self.hear(format!("{observed:?}"));
        observed.unwrap_or(Observed::Unreadable { reason: "the provider gave no answer".to_owned() })
    }

    /// Reads, and says what to do.
    ///
    /// # Errors
    /// When it cannot be read or planned.
    pub async fn plan(
        &self,
        schema: &ResourceSchema,
        held: &Held,
        desired: &Prepared,
    ) -> Result<PlannedChange, ProviderError> {
        let observed = match self.read(held).await {
            Observed::AsRecorded => held.object.clone(),
            Observed::Present(object) => Some(object),
            Observed::Absent => None,
            Observed::Unreadable { reason } => {
                return Err(self.heard(ProviderError::new(ErrorKind::Unreachable, reason)));
            }
        };
        let unchanged = observed.is_some() && observed == held.object;
        let request = PlanRequest {
            schema,
            address: &held.mark.address,
            recorded: held.object.as_ref(),
            observed: if unchanged { held.object.as_ref() } else { observed.as_ref() },
            desired,
            files: &*self.files,
        };
        let mut planned = self.connection.plan(request).await.map_err(|error| self.heard(error))?;
        if held.tainted && observed.is_some() && !matches!(planned.action, Action::Replace(_)) {
            planned.action = Action::Replace(ReplaceOrder::DeleteFirst);
            planned.reason = Reason::Tainted;
            planned.planned = crate::default_plan::planned_new(schema, &desired.config);
        }
        self.hear(format!("{planned:?}"));
        Ok(planned)
    }

    /// Does one operation and keeps the record.
    pub async fn operate(
        &self,
        held: &mut Held,
        operation: Operation,
        desired: Option<&Prepared>,
        planned: &PlannedChange,
        cancel: CancellationToken,
    ) -> Applied {
        let (change, run) = self.order(held, operation, desired, planned, cancel);
        let applied = self.connection.apply(&change, &run).await;
        if let Some(error) = &applied.error {
            self.hear(format!("{error:?}"));
        }
        self.hear(format!("{:?}", applied.object));
        held.note(&applied);
        applied
    }

    /// The change and the run that [`operate`](Hand::operate) hands to the provider.
    pub fn order(
        &self,
        held: &Held,
        operation: Operation,
        desired: Option<&Prepared>,
        planned: &PlannedChange,
        cancel: CancellationToken,
    ) -> (Change, Run) {
        let said = self.said.clone();
        let progress = Progress::to(move |text| said.lock().unwrap_or_else(PoisonError::into_inner).push(text));
        let change = Change {
            mark: held.mark.clone(),
            type_name: held.type_name.clone(),
            operation,
            prior: if operation == Operation::Create { None } else { held.object.clone() },
            config: desired.map(|desired| desired.config.clone()).unwrap_or_default(),
            planned: if desired.is_some() { planned.planned.clone() } else { Value::Null },
            captured: desired.map(|desired| desired.captured.clone()).unwrap_or_default(),
            artefact: planned.artefact.as_deref().map(Arc::from),
        };
        (change, Run { cancel, progress, files: self.files.clone(), timeout: None })
    }

    /// Carries out a planned action, as the engine would.
    ///
    /// # Errors
    /// What failed; the record holds the truth about it.
    pub async fn carry_out(
        &self,
        schema: &ResourceSchema,
        held: &mut Held,
        desired: &Prepared,
        planned: &PlannedChange,
    ) -> Result<(), ProviderError> {
        let never = CancellationToken::new;
        let applied = match planned.action {
            Action::Create => self.operate(held, Operation::Create, Some(desired), planned, never()).await,
            Action::Update => self.operate(held, Operation::Update, Some(desired), planned, never()).await,
            Action::Replace(ReplaceOrder::DeleteFirst) => {
                self.delete(held).await?;
                self.operate(held, Operation::Create, Some(desired), planned, never()).await
            }
            Action::Replace(ReplaceOrder::CreateFirst) if schema.hands_over => {
                let (old_id, prior) = (held.mark.id, held.object.clone());
                held.mark.id = ResourceId::random();
                let applied = self.operate(held, Operation::Replace, Some(desired), planned, never()).await;
                if applied.error.is_some() && held.object == prior {
                    held.mark.id = old_id;
                }
                applied
            }
            Action::Replace(ReplaceOrder::CreateFirst) => {
                // Both stand for a while, so the new one is given an identity of its own.
                let old = held.object.take().map(|object| (held.mark.clone(), object));
                held.mark.id = ResourceId::random();
                let applied = self.operate(held, Operation::Create, Some(desired), planned, never()).await;
                held.deposed.extend(old);
                applied
            }
            Action::Delete => return self.delete(held).await,
            Action::NoOp | Action::Read | Action::Forget | Action::Deferred => return Ok(()),
        };
        match applied.error {
            Some(error) => Err(error),
            None => self.sweep(held).await,
        }
    }

    /// Deletes the object and what is left of earlier ones.
    ///
    /// # Errors
    /// What failed; the record holds the truth about it.
    pub async fn delete(&self, held: &mut Held) -> Result<(), ProviderError> {
        if held.object.is_some() {
            let planned = PlannedChange::new(Action::Delete, Reason::NotConfigured, Value::Null);
            let applied = self.operate(held, Operation::Delete, None, &planned, CancellationToken::new()).await;
            if let Some(error) = applied.error {
                return Err(error);
            }
        }
        self.sweep(held).await
    }

    async fn sweep(&self, held: &mut Held) -> Result<(), ProviderError> {
        let planned = PlannedChange::new(Action::Delete, Reason::Deposed, Value::Null);
        while let Some((mark, object)) = held.deposed.pop() {
            let mut old = Held { object: Some(object.clone()), ..Held::nothing(mark.clone(), held.type_name.clone()) };
            let applied = self.operate(&mut old, Operation::Delete, None, &planned, CancellationToken::new()).await;
            if let Some(error) = applied.error {
                held.deposed.push((mark, object));
                return Err(error);
            }
        }
        Ok(())
    }
}
