//! A step with real values: what exactly the provider is to do.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::{
    Action, Change, Connection, Desired, ErrorKind, HealthReport, Object, Observed, Operation, Ownership,
    PlanRequest as ProviderRequest, PlannedChange, ProviderError, ReadRequest, Reason, ReplaceOrder, ResourceId,
    ResourceSchema, Value, default_plan, source,
};

use super::approval;
use super::run::Carrier;
use crate::config::{ResourceBlock, Retry};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Outcome, Skip};
use crate::health::{self, Patient};
use crate::plan::steps::StepKind;
use crate::plan::{Mode, ResourceChange, ignore_changes};
use crate::state::{Interrupted, ProviderRef, Record, Status};

/// A step ready to be carried out.
pub(super) struct Ready {
    /// The step.
    pub(super) step: usize,
    /// Who does it.
    pub(super) connection: Arc<dyn Connection>,
    /// The operations, one after the other; a late replacement has two, most have one.
    pub(super) operations: Vec<Change>,
    /// Old objects to be removed after that, with the identities in their marks.
    pub(super) deposed: Vec<(ResourceId, Object)>,
    /// What is recorded before it starts.
    pub(super) before: Interrupted,
    /// How often it is tried.
    pub(super) retry: Option<Retry>,
    /// How long each try may take.
    pub(super) timeout: Option<Duration>,
    /// The provider's name, for its own limit.
    pub(super) provider: Arc<str>,
    /// The state's lineage, for the marks.
    pub(super) lineage: deployctl_sdk::Lineage,
}

/// What preparing a step can come to.
pub(super) enum Preparation {
    /// It can be carried out.
    Ready(Box<Ready>),
    /// There turned out to be nothing to do.
    Nothing,
    /// It cannot be carried out.
    Not(Outcome),
}

impl Carrier<'_> {
    /// Prepares a step whose dependencies are all done.
    pub(super) async fn prepare(&mut self, step: usize) -> Preparation {
        let Some((index, kind)) = self.schedule.step(step) else { return Preparation::Nothing };
        let Some(change) = self.plan.changes.get(index) else { return Preparation::Nothing };
        let prepared = match kind {
            StepKind::Join | StepKind::Forget => return Preparation::Nothing,
            StepKind::Do(Operation::Delete) => self.prepare_delete(step, change).await,
            StepKind::RemoveDeposed => self.prepare_deposed(step, change).await,
            StepKind::Do(operation) => self.prepare_make(step, change, operation).await,
            StepKind::PlanLate => self.prepare_late(step, change).await,
        };
        match prepared {
            Ok(preparation) => preparation,
            Err(failure) => Preparation::Not(failure),
        }
    }

    async fn prepare_delete(&self, step: usize, change: &ResourceChange) -> Result<Preparation, Outcome> {
        let Some(record) = self.records.get(&change.address).cloned() else { return Ok(Preparation::Nothing) };
        let prior = match self.observed.get(&change.address) {
            Some(None) => None,
            Some(Some(object)) => Some(object.clone()),
            None => record.object.clone(),
        };
        let provider = self.usable_provider(&record.provider);
        let connection = self.connection(&provider).await?;
        let prior = prior.map(|prior| self.prior_with_secrets(change, prior));
        let operations = prior.into_iter().map(|prior| self.deletion(change, record.id, prior)).collect();
        let deposed = record.deposed.iter().map(|old| (old.id, old.object.clone())).collect();
        let timeout = self.declared(change).and_then(|block| block.timeouts.delete);
        let retry = self.declared(change).and_then(|block| block.retry);
        let before = self.before(change, Operation::Delete, record.id, Some(&record), None, None);
        let provider = change.provider.name.clone();
        let ready = Ready {
            step,
            connection,
            operations,
            deposed,
            before,
            retry,
            timeout,
            provider,
            lineage: self.plan.lineage,
        };
        Ok(Preparation::Ready(Box::new(ready)))
    }

    async fn prepare_deposed(&self, step: usize, change: &ResourceChange) -> Result<Preparation, Outcome> {
        let Some(record) = self.records.get(&change.address).cloned() else { return Ok(Preparation::Nothing) };
        if record.deposed.is_empty() {
            return Ok(Preparation::Nothing);
        }
        let connection = self.connection(&self.usable_provider(&record.provider)).await?;
        let deposed = record.deposed.iter().map(|old| (old.id, old.object.clone())).collect();
        let before = self.before(change, Operation::Delete, record.id, Some(&record), None, Some((*record).clone()));
        let (provider, operations) = (change.provider.name.clone(), Vec::new());
        let timeout = self.declared(change).and_then(|block| block.timeouts.delete);
        let ready = Ready {
            step,
            connection,
            operations,
            deposed,
            before,
            retry: self.declared(change).and_then(|block| block.retry),
            timeout,
            provider,
            lineage: self.plan.lineage,
        };
        Ok(Preparation::Ready(Box::new(ready)))
    }

    async fn prepare_make(
        &self,
        step: usize,
        change: &ResourceChange,
        operation: Operation,
    ) -> Result<Preparation, Outcome> {
        let (number, block) = self.block_of(change).ok_or_else(|| internal("its block is not in the configuration"))?;
        let schema = self.schema(block)?;
        self.dependencies_are_healthy(change)?;
        let record = self.records.get(&change.address).cloned();
        let prior = match self.observed.get(&change.address) {
            Some(object) => object.clone(),
            None => record.as_ref().and_then(|record| record.object.clone()),
        };
        let desired = self.desired(number, block, schema, change, self.originals.get(&change.address))?;
        let prepared = self.settled(&desired, block)?;
        if prepared.config.contains_withheld() {
            return Err(not_kept("it needs a secret that is not kept"));
        }
        if let Some(path) = default_plan::broken_promise(&change.planned, &prepared.config) {
            return Err(failed(format!("`{path}` came out different from what the plan showed, so nothing was done")));
        }
        let connection = self.connection(&change.provider).await?;
        // A saved plan has no secrets; those that it was made with are at hand again by now.
        let planned = change.planned.restored(&prepared.config);
        let first = operation == Operation::Replace;
        let operation = if first && !schema.hands_over { Operation::Create } else { operation };
        let mut planned_record = self.skeleton(number, block, schema, change, record.as_deref());
        planned_record.object = put_aside(schema, &prepared.config);
        let done = Change {
            mark: self.mark(change, change.id),
            type_name: change.type_name.clone(),
            operation,
            prior: if operation == Operation::Create { None } else { prior.clone() },
            config: prepared.config,
            planned,
            captured: prepared.captured,
            artefact: change.artefact.clone(),
        };
        let provider = self.project.providers().get(&change.provider.name);
        let identity = provider.and_then(|provider| provider.identity(&change.type_name, &done.config));
        let before = self.before(change, operation, change.id, record.as_deref(), identity, Some(planned_record));
        let timeout = if operation == Operation::Update { block.timeouts.update } else { block.timeouts.create };
        let ready = Ready {
            step,
            connection,
            operations: vec![done],
            // What an earlier replacement left has a step of its own, after what uses it has moved.
            deposed: Vec::new(),
            before,
            retry: block.retry,
            timeout,
            provider: change.provider.name.clone(),
            lineage: self.plan.lineage,
        };
        Ok(Preparation::Ready(Box::new(ready)))
    }

    /// A deferred resource: it is planned now, with what it waited for known.
    async fn prepare_late(&mut self, step: usize, change: &ResourceChange) -> Result<Preparation, Outcome> {
        let (number, block) = self.block_of(change).ok_or_else(|| internal("its block is not in the configuration"))?;
        let schema = self.schema(block)?;
        self.dependencies_are_healthy(change)?;
        let provider = self.settle_provider(block, change)?;
        let connection = self.connection(&provider).await?;
        let record = self.records.get(&change.address).cloned();
        let recorded = record.as_ref().and_then(|record| record.object.clone());
        let observed = self.look(&connection, change, recorded.as_ref()).await?;
        let desired = self.desired(number, block, schema, change, observed.as_ref())?;
        let prepared = self.settled(&desired, block)?;
        let request = ProviderRequest {
            schema,
            address: &change.address,
            recorded: recorded.as_ref(),
            observed: observed.as_ref(),
            desired: &prepared,
            files: self.project.files(),
        };
        let planned = connection.plan(request).await.map_err(|error| provider_failed(&error))?;
        self.events
            .send(Event::PlannedLate { address: change.address.clone(), action: planned.action.word().to_owned() });
        let tainted = record.as_ref().is_some_and(|record| record.status == Status::Tainted) && observed.is_some();
        let planned = match planned.action {
            Action::NoOp | Action::Update if tainted => late_replacement(schema, &prepared.config, planned),
            _ => planned,
        };
        let removes = matches!(planned.action, Action::Delete | Action::Replace(_));
        if removes && block.lifecycle.prevent_destroy {
            let mut outcome = failed("it would have to be replaced, and `prevent_destroy` forbids that");
            if let Outcome::Failed { hint, .. } = &mut outcome {
                *hint = Some("keep it, or set `prevent_destroy = false`".to_owned());
            }
            return Err(outcome);
        }
        if let Some(why) = approval::needed(&planned, self.options) {
            return Err(Outcome::NotStarted { why });
        }
        let operation = match planned.action {
            Action::Create => Operation::Create,
            Action::Update => Operation::Update,
            Action::Replace(_) => Operation::Create,
            _ => {
                self.values.set_instance(number, change.address.key.clone(), planned.planned);
                return Ok(Preparation::Nothing);
            }
        };
        let mut operations = Vec::new();
        if let (Action::Replace(_), Some(prior)) = (planned.action, observed.clone()) {
            operations.push(self.deletion(change, change.id, prior));
        }
        let mut planned_record = self.skeleton(number, block, schema, change, record.as_deref());
        planned_record.provider = provider.clone();
        planned_record.object = put_aside(schema, &prepared.config);
        operations.push(Change {
            mark: self.mark(change, change.id),
            type_name: change.type_name.clone(),
            operation,
            prior: if operation == Operation::Update { observed } else { None },
            config: prepared.config,
            planned: planned.planned,
            captured: prepared.captured,
            artefact: planned.artefact.map(Arc::from),
        });
        let name = self.project.providers().get(&provider.name);
        let identity = name.and_then(|name| name.identity(&change.type_name, &desired.config));
        let before = self.before(change, operation, change.id, record.as_deref(), identity, Some(planned_record));
        // The plan's own settings were not known; a recovery needs those that were used.
        let before = Interrupted { provider: provider.clone(), ..before };
        let deposed = record.iter().flat_map(|record| &record.deposed);
        let ready = Ready {
            step,
            connection,
            operations,
            deposed: deposed.map(|old| (old.id, old.object.clone())).collect(),
            before,
            retry: block.retry,
            timeout: if operation == Operation::Update { block.timeouts.update } else { block.timeouts.create },
            provider: provider.name.clone(),
            lineage: self.plan.lineage,
        };
        Ok(Preparation::Ready(Box::new(ready)))
    }

    async fn look(
        &self,
        connection: &Arc<dyn Connection>,
        change: &ResourceChange,
        recorded: Option<&Object>,
    ) -> Result<Option<Object>, Outcome> {
        let Some(recorded) = recorded else { return Ok(None) };
        let request = ReadRequest { address: &change.address, type_name: &change.type_name, id: change.id, recorded };
        match connection.read(&[request]).await.pop() {
            Some(Observed::AsRecorded) => Ok(Some(recorded.clone())),
            Some(Observed::Present(object)) => Ok(Some(object)),
            Some(Observed::Absent) => Ok(None),
            Some(Observed::Unreadable { reason }) => Err(failed(format!("it cannot be read: {reason}"))),
            None => Err(internal("its provider did not answer")),
        }
    }

    fn desired(
        &self,
        number: usize,
        block: &ResourceBlock,
        schema: &ResourceSchema,
        change: &ResourceChange,
        before: Option<&Object>,
    ) -> Result<Desired, Outcome> {
        let scope = self.values.instance(number, &change.address, None);
        for condition in &block.lifecycle.preconditions {
            crate::plan::check_condition(condition, &scope, "the precondition").map_err(|found| complaints(&found))?;
        }
        let config = block.body.evaluate(&schema.attributes, &scope, &block.type_name);
        let config = config.map_err(|found| complaints(&found))?;
        let config = ignore_changes(schema, config, &block.lifecycle.ignore_changes, before);
        if config.contains_unknown() {
            return Err(internal("something it needs is still unknown"));
        }
        Ok(Desired { address: change.address.clone(), type_name: block.type_name.clone(), config })
    }

    fn settled(&self, desired: &Desired, block: &ResourceBlock) -> Result<deployctl_sdk::Prepared, Outcome> {
        let name = self.project.schemas().resource(&block.type_name).map(|(provider, _)| provider.name.clone());
        let provider = name.and_then(|name| self.project.providers().get(&name));
        let provider = provider.ok_or_else(|| internal("its provider is not in this build"))?;
        provider.prepare(desired, self.project.files()).map_err(|errors| match errors.first() {
            Some(error) => provider_failed(error),
            None => internal("its provider refused it without a reason"),
        })
    }

    /// The settings of a provider that were not known when planning.
    fn settle_provider(&self, block: &ResourceBlock, change: &ResourceChange) -> Result<ProviderRef, Outcome> {
        let wanted = &change.provider;
        let config = self.project.config();
        let Some(index) = config.provider(&wanted.name, wanted.alias.as_deref()) else { return Ok(wanted.clone()) };
        let Some(declared) = config.providers.get(index) else { return Ok(wanted.clone()) };
        let Some(schema) = self.project.schemas().provider(&wanted.name) else { return Ok(wanted.clone()) };
        let what = format!("provider `{}` of {}", wanted.name, block.type_name);
        let settings = declared.body.evaluate(&schema.settings, &self.values.top(), &what);
        Ok(ProviderRef { settings: settings.map_err(|found| complaints(&found))?, ..wanted.clone() })
    }

    /// The present settings of a recorded provider, where the configuration still has its block and they are known.
    fn usable_provider(&self, recorded: &ProviderRef) -> ProviderRef {
        self.plan.present_settings(recorded).unwrap_or(recorded).clone()
    }

    pub(super) async fn connection(&self, provider: &ProviderRef) -> Result<Arc<dyn Connection>, Outcome> {
        let provider = self.with_secrets(provider);
        self.connections.get(&provider).await.map_err(|error| provider_failed(&error))
    }

    /// A provider whose recorded settings held a secret, with it back where the configuration still has it.
    fn with_secrets<'r>(&self, provider: &'r ProviderRef) -> Cow<'r, ProviderRef> {
        if !provider.settings.contains_withheld() {
            return Cow::Borrowed(provider);
        }
        let config = self.project.config();
        let declared = config.provider(&provider.name, provider.alias.as_deref());
        let present = declared.and_then(|index| config.providers.get(index)).and_then(|declared| {
            let schema = self.project.schemas().provider(&provider.name)?;
            declared.body.evaluate(&schema.settings, &self.values.top(), "provider").ok()
        });
        match present {
            // Where the secret was changed, the present one is the one that opens the door.
            Some(settings) if !settings.contains_unknown() => Cow::Owned(ProviderRef { settings, ..provider.clone() }),
            _ => Cow::Borrowed(provider),
        }
    }

    /// What is to be removed, with the secrets that it was made with back where the configuration still has them.
    fn prior_with_secrets(&self, change: &ResourceChange, prior: Object) -> Object {
        if !prior.attributes.contains_withheld() {
            return prior;
        }
        let present = self.values.block_of(&change.address).and_then(|number| {
            let block = self.project.config().resources.get(number)?;
            let schema = self.schema(block).ok()?;
            let scope = self.values.instance(number, &change.address, None);
            block.body.evaluate(&schema.attributes, &scope, &block.type_name).ok()
        });
        match present {
            Some(present) => Object { attributes: prior.attributes.restored(&present), ..prior },
            None => prior,
        }
    }

    fn deletion(&self, change: &ResourceChange, id: ResourceId, prior: Object) -> Change {
        Change {
            mark: self.mark(change, id),
            type_name: change.type_name.clone(),
            operation: Operation::Delete,
            prior: Some(prior),
            config: Value::Null,
            planned: Value::Null,
            captured: Vec::new(),
            artefact: if change.action == Action::Delete { change.artefact.clone() } else { None },
        }
    }

    pub(super) fn mark(&self, change: &ResourceChange, id: ResourceId) -> Ownership {
        Ownership { lineage: self.plan.lineage, id, address: change.address.clone() }
    }

    fn before(
        &self,
        change: &ResourceChange,
        operation: Operation,
        id: ResourceId,
        prior: Option<&Record>,
        identity: Option<Value>,
        planned: Option<Record>,
    ) -> Interrupted {
        Interrupted {
            address: change.address.clone(),
            id,
            type_name: change.type_name.clone(),
            provider: change.provider.clone(),
            operation,
            identity,
            prior: prior.cloned(),
            planned,
        }
    }

    pub(super) fn block_of(&self, change: &ResourceChange) -> Option<(usize, &ResourceBlock)> {
        if self.plan.mode == Mode::Destroy {
            return None;
        }
        let number = self.values.block_of(&change.address)?;
        self.project.config().resources.get(number).map(|block| (number, block))
    }

    /// The block of a resource that is removed, if the configuration still has it.
    fn declared(&self, change: &ResourceChange) -> Option<&ResourceBlock> {
        self.project.config().resources.get(self.values.block_of(&change.address)?)
    }

    fn schema(&self, block: &ResourceBlock) -> Result<&ResourceSchema, Outcome> {
        let found = self.project.schemas().resource(&block.type_name);
        found.map(|(_, schema)| schema).ok_or_else(|| internal("its type is not in this build"))
    }

    /// A dependency that stays as it is was looked at before the run; one that does not work holds its dependents back.
    fn dependencies_are_healthy(&self, change: &ResourceChange) -> Result<(), Outcome> {
        let sick = self.sick.iter().find(|sick| change.dependencies.iter().any(|needs| needs.covers(sick)));
        match sick {
            Some(address) => Err(Outcome::NotStarted { why: Skip::Needs { address: address.clone() } }),
            None => Ok(()),
        }
    }

    /// Asks once about every unchanged dependency that says how its health is seen.
    pub(super) async fn examine_unchanged(&mut self) {
        let config = self.project.config();
        let mut asked = Vec::new();
        for (address, record) in self.records.iter() {
            let Some(number) = self.values.block_of(address) else { continue };
            let Some(block) = config.resources.get(number).filter(|block| block.health.is_some()) else { continue };
            let changes = self.plan.changes.iter();
            let is_changed = changes.clone().any(|change| change.address == *address);
            let is_needed = changes.clone().any(|change| {
                change.action != Action::Delete && change.dependencies.iter().any(|needs| needs.covers(address))
            });
            let Some(object) = record.object.clone().filter(|_| is_needed && !is_changed) else { continue };
            let scope = self.values.instance(number, address, Some(object.attributes.clone()));
            let Ok(Some(check)) = health::check_of(block, &scope) else { continue };
            let Ok(connection) = self.connections.get(&record.provider).await else { continue };
            let patient = Patient { connection, type_name: record.type_name.clone(), object };
            asked.push(async move { (address.clone(), health::probe(&check, &patient).await) });
        }
        let answers = futures_util::future::join_all(asked).await;
        self.sick = answers
            .into_iter()
            .filter(|(_, report)| matches!(report, HealthReport::Unhealthy { .. } | HealthReport::Starting { .. }))
            .map(|(address, _)| address)
            .collect();
    }

    /// The record that a step is to leave, but for the object.
    fn skeleton(
        &self,
        number: usize,
        block: &ResourceBlock,
        schema: &ResourceSchema,
        change: &ResourceChange,
        record: Option<&Record>,
    ) -> Record {
        let now = source::now();
        Record {
            id: change.id,
            type_name: change.type_name.clone(),
            schema_version: schema.version,
            provider: change.provider.clone(),
            object: None,
            status: Status::Ready,
            deposed: record.map(|record| record.deposed.clone()).unwrap_or_default(),
            dependencies: self.project.dependencies(number),
            create_first: change.action == Action::Replace(ReplaceOrder::CreateFirst)
                || record.is_some_and(|record| record.create_first)
                || block.lifecycle.create_before_destroy == Some(true),
            prevent_destroy: block.lifecycle.prevent_destroy,
            host: schema.host_bound.then(|| self.connections.place().host.clone()),
            created: record.filter(|_| change.action == Action::Update).map_or(now, |record| record.created),
            updated: now,
        }
    }
}

/// The configuration, where only the journal keeps it until there is a record.
fn put_aside(schema: &ResourceSchema, config: &Value) -> Option<Object> {
    schema.keeps_config.then(|| Object::new(config.clone()))
}

/// The replacement of something half made, in place of what its provider planned.
fn late_replacement(schema: &ResourceSchema, config: &Value, planned: PlannedChange) -> PlannedChange {
    let action = Action::Replace(ReplaceOrder::DeleteFirst);
    PlannedChange { action, reason: Reason::Tainted, planned: default_plan::planned_new(schema, config), ..planned }
}

pub(super) fn failed(error: impl Into<String>) -> Outcome {
    Outcome::Failed { error: error.into(), hint: None, detail: Vec::new() }
}

fn internal(what: &str) -> Outcome {
    failed(format!("it could not be carried out: {what}"))
}

pub(super) fn provider_failed(error: &ProviderError) -> Outcome {
    match error.kind {
        ErrorKind::Cancelled => Outcome::Cancelled,
        ErrorKind::Stale => Outcome::NotStarted { why: Skip::Stale { error: error.message.clone() } },
        _ => Outcome::Failed { error: error.message.clone(), hint: error.hint.clone(), detail: error.detail.clone() },
    }
}

/// A step that lacks a secret which was left out of the record.
fn not_kept(why: &str) -> Outcome {
    let mut outcome = failed(why);
    if let Outcome::Failed { hint, .. } = &mut outcome {
        *hint = Some(
            "what it refers to must be part of the same run, so that the secret is at hand: leave `--target` out"
                .to_owned(),
        );
    }
    outcome
}

pub(super) fn complaints(found: &[Diagnostic]) -> Outcome {
    let mut lines = found.iter().map(|complaint| complaint.message.clone());
    let error = lines.next().unwrap_or_else(|| "its configuration cannot be evaluated".to_owned());
    Outcome::Failed { error, hint: found.first().and_then(|complaint| complaint.help.clone()), detail: lines.collect() }
}
