//! The plan of one resource instance.

use std::sync::Arc;

use super::question::{Answer, Question};
use super::walk::Walk;
use super::{Mode, ResourceChange, Seen, check_condition, risks};
use crate::config::{IgnoreChanges, ResourceBlock};
use crate::diagnostic::Diagnostic;
use crate::health::{self, Patient};
use crate::state::{ProviderRef, Record, Status};
use deployctl_sdk::{
    Action, Address, Attribute, Desired, Diff, HealthReport, Map, Object, PlannedChange, Prepared, ProviderError,
    Reason, ReplaceOrder, ResourceId, ResourceSchema, Risk, RiskKind, Value, default_plan, patch,
};

/// The provider of a resource, with its settings if they are known.
pub enum ProviderChoice {
    /// They are.
    Known(ProviderRef),
    /// They are known only after apply, so nothing can be asked of it yet.
    Unknown(ProviderRef),
}

/// The configuration with what `ignore_changes` names as it was before.
pub fn ignore_changes(
    schema: &ResourceSchema,
    config: Value,
    ignore: &IgnoreChanges,
    before: Option<&Object>,
) -> Value {
    let Some(before) = before.map(|object| &object.attributes) else { return config };
    match ignore {
        IgnoreChanges::None => config,
        IgnoreChanges::All => {
            let settable = schema.attributes.iter().filter(|attribute| !attribute.read_only);
            let kept = settable.filter_map(|attribute| {
                let value = before.get(&attribute.name).filter(|value| !value.is_null())?;
                Some((Arc::from(attribute.name.as_str()), value.clone()))
            });
            Value::from(kept.collect::<Map>())
        }
        IgnoreChanges::Paths(paths) => {
            let kept: Vec<Diff> = paths
                .iter()
                .map(|path| {
                    let after = path.look_up(before).filter(|value| !value.is_null()).cloned();
                    Diff { path: path.clone(), before: None, after, forces_replacement: false }
                })
                .collect();
            patch(&config, &kept)
        }
    }
}

impl<'p> Walk<'p> {
    /// Plans one instance and sets its value for what depends on it, or answers what must be asked for that.
    pub(super) fn instance(
        &mut self,
        index: usize,
        block: &'p ResourceBlock,
        address: &Address,
    ) -> Option<Question<'p>> {
        self.visited.insert(address.clone());
        if !self.selection.has(index, address) || self.request.mode == Mode::RefreshOnly {
            self.leave(index, address);
            return None;
        }
        match self.question(index, block, address) {
            Some(Turn::Ask(question)) => return Some(*question),
            Some(Turn::Decided(decision)) => self.decided(index, address, Some(decision)),
            None => self.decided(index, address, None),
        }
        None
    }

    /// Plans the instance that a question was about.
    pub(super) async fn answered(&mut self, question: Question<'p>, answer: Answer) {
        let (index, address) = (question.index, question.address.clone());
        let decision = self.decide(question, answer).await;
        self.decided(index, &address, decision);
    }

    fn decided(&mut self, index: usize, address: &Address, decision: Option<Decision>) {
        let planned = match decision {
            Some(Decision::Change(change)) => {
                let planned = change.planned.clone();
                self.add_change(*change);
                planned
            }
            Some(Decision::Stays(attributes)) => {
                self.unchanged += 1;
                attributes
            }
            None => Value::Unknown,
        };
        self.values.set_instance(index, address.key.clone(), planned);
    }

    /// An instance that is only looked at: its value is what is there.
    fn leave(&mut self, index: usize, address: &Address) {
        let Some(record) = self.state().records.get(address) else {
            self.values.set_instance(index, address.key.clone(), Value::Unknown);
            self.left_open.insert(index);
            return;
        };
        self.unchanged += 1;
        let refresh = self.request.mode == Mode::RefreshOnly && self.selection.has(index, address);
        let attributes = match refresh {
            true => self.refresh(address, record),
            false => record.object.as_ref().map_or(Value::Unknown, |object| object.attributes.clone()),
        };
        self.values.set_instance(index, address.key.clone(), attributes);
    }

    /// Brings a record up to what was seen, as `--refresh-only` does. Answers the attributes that are there.
    pub(super) fn refresh(&mut self, address: &Address, record: &Record) -> Value {
        let recorded = record.object.as_ref();
        let attributes = recorded.map_or(Value::Unknown, |object| object.attributes.clone());
        match self.observation.take(address) {
            Seen::Present(object) => {
                let mut drift = default_plan::compare(&attributes, &object.attributes);
                drift.extend(self.observation.take_inside(address));
                if !drift.is_empty() {
                    self.drift.push((address.clone(), drift));
                }
                let attributes = object.attributes.clone();
                let fresh = Record { object: Some(object), ..record.clone() };
                self.refreshed.push((address.clone(), Some(Arc::new(fresh))));
                attributes
            }
            Seen::Absent => {
                let path = deployctl_sdk::AttrPath::root();
                let gone = Diff { path, before: Some(attributes), after: None, forces_replacement: false };
                self.drift.push((address.clone(), vec![gone]));
                self.refreshed.push((address.clone(), None));
                Value::Unknown
            }
            Seen::AsRecorded => {
                let inside = self.observation.take_inside(address);
                if !inside.is_empty() {
                    self.drift.push((address.clone(), inside));
                }
                attributes
            }
            Seen::Unreadable { .. } => attributes,
        }
    }

    fn question(&mut self, index: usize, block: &'p ResourceBlock, address: &Address) -> Option<Turn<'p>> {
        let record = self.state().records.get(address);
        let (_, schema) = self.project.schemas().resource(&block.type_name)?;
        self.check_preconditions(index, block, address)?;
        let scope = self.values.instance(index, address, None);
        let config = block.body.evaluate(&schema.attributes, &scope, &block.type_name);
        let config = self.or_complain(config)?;
        let provider = match self.provider_of(block) {
            ProviderChoice::Known(provider) => provider,
            ProviderChoice::Unknown(provider) => {
                let what = format!("the settings of its provider `{}`", provider.name);
                return Some(Turn::Decided(self.deferred(index, block, address, record, schema, provider, what)));
            }
        };
        let seen = self.observation.take(address);
        let elsewhere = self.where_else(address, &seen)?;
        let prepared = Prepared { config: Value::default(), captured: Vec::new() };
        let address = address.clone();
        let mut question = Question { index, block, address, record, schema, provider, seen, elsewhere, prepared };
        let config = ignore_changes(schema, config, &block.lifecycle.ignore_changes, question.observed());
        question.prepared = self.prepare(block, &question.address, config)?;
        Some(Turn::Ask(Box::new(question)))
    }

    async fn decide(&mut self, question: Question<'p>, answer: Answer) -> Option<Decision> {
        let Question { index, block, ref address, record, schema, .. } = question;
        let planned = match self.take_in(block, address, answer)? {
            Asked::Planned(planned) => planned,
            Asked::Deferred(what) => {
                return Some(self.deferred(index, block, address, record, schema, question.provider, what));
            }
        };
        let observed = question.observed();
        let recorded = record.map(|record| &**record);
        let planned = self.overrule(block, address, recorded, schema, &question.prepared, observed, planned).await;
        self.check_postconditions(index, block, address, &planned.planned)?;
        if let (Some(reason), true) = (&question.elsewhere, planned.action != Action::NoOp) {
            let error = ProviderError::new(deployctl_sdk::ErrorKind::Refused, reason.clone())
                .with_hint("run this on that host");
            self.failures.push((address.clone(), error));
            return None;
        }
        let (provider, prepared) = (question.provider.clone(), question.prepared.clone());
        let change = self.change(index, block, address, record, schema, provider, prepared, planned);
        Some(self.settle(index, change, record, observed, &question.seen, question.elsewhere.clone()))
    }

    /// A change that does nothing is counted, and its record brought up to what was seen.
    fn settle(
        &mut self,
        index: usize,
        change: ResourceChange,
        record: Option<&Arc<Record>>,
        observed: Option<&Object>,
        seen: &Seen,
        elsewhere: Option<String>,
    ) -> Decision {
        let address = change.address.clone();
        if change.action != Action::NoOp {
            if record.is_some() && !matches!(seen, Seen::AsRecorded) {
                self.observed.insert(address, observed.cloned());
            }
            return Decision::Change(Box::new(change));
        }
        if let Some(record) = record {
            let fresh = self.refreshed_record(index, &change, record, observed);
            if fresh != **record {
                self.refreshed.push((address.clone(), Some(Arc::new(fresh))));
            }
        }
        self.notes.extend(change.notes.iter().map(|note| (address.clone(), note.clone())));
        self.notes.extend(elsewhere.map(|reason| (address.clone(), deployctl_sdk::Note(reason))));
        if !change.drift.is_empty() {
            self.drift.push((address, change.drift));
        }
        Decision::Stays(change.planned)
    }

    /// The record as it is to be when nothing is done: what was seen, and what the configuration says about it.
    fn refreshed_record(
        &self,
        index: usize,
        change: &ResourceChange,
        record: &Record,
        observed: Option<&Object>,
    ) -> Record {
        Record {
            object: observed.cloned().or_else(|| record.object.clone()),
            status: Status::Ready,
            dependencies: change.dependencies.clone(),
            create_first: self.create_first.contains(&index),
            prevent_destroy: self.project.config().resources.get(index).is_some_and(|b| b.lifecycle.prevent_destroy),
            provider: change.provider.clone(),
            ..record.clone()
        }
    }

    /// Why something cannot be checked from here, if it lives elsewhere; nothing if it cannot be read though it lives here.
    fn where_else(&mut self, address: &Address, seen: &Seen) -> Option<Option<String>> {
        match seen {
            Seen::Unreadable { reason, elsewhere: true } => Some(Some(reason.clone())),
            Seen::Unreadable { reason, elsewhere: false } => {
                let error =
                    ProviderError::new(deployctl_sdk::ErrorKind::Unreachable, format!("cannot be read: {reason}"))
                        .with_hint("plan again when it can be read, or leave it out with `--exclude`");
                self.failures.push((address.clone(), error));
                None
            }
            Seen::AsRecorded | Seen::Present(_) | Seen::Absent => Some(None),
        }
    }

    fn prepare(&mut self, block: &ResourceBlock, address: &Address, config: Value) -> Option<Prepared> {
        let (schema, _) = self.project.schemas().resource(&block.type_name)?;
        let provider = self.project.providers().get(&schema.name)?;
        let desired = Desired { address: address.clone(), type_name: block.type_name.clone(), config };
        match provider.prepare(&desired, self.project.files()) {
            Ok(prepared) => Some(prepared),
            Err(errors) => {
                let complaints = errors.iter().map(|error| complaint(block, error));
                self.complaints.extend(complaints);
                None
            }
        }
    }

    fn take_in(&mut self, block: &ResourceBlock, address: &Address, answer: Answer) -> Option<Asked> {
        match answer {
            Ok(planned) if planned.action == Action::Deferred => {
                let what = match &planned.reason {
                    Reason::DependsOn { what } => what.clone(),
                    _ => "something that is known only after apply".to_owned(),
                };
                Some(Asked::Deferred(what))
            }
            Ok(planned) => Some(Asked::Planned(planned)),
            Err(error) if error.kind == deployctl_sdk::ErrorKind::Invalid => {
                self.complaints.push(complaint(block, &error));
                None
            }
            Err(error) => {
                self.failures.push((address.clone(), error));
                None
            }
        }
    }

    /// What overrules the provider's answer: an earlier run's failure, `--replace`, `replace_triggered_by`, bad health.
    #[allow(clippy::too_many_arguments)] // All of it is needed; a struct would only be built to be taken apart.
    async fn overrule(
        &mut self,
        block: &ResourceBlock,
        address: &Address,
        record: Option<&Record>,
        schema: &ResourceSchema,
        prepared: &Prepared,
        observed: Option<&Object>,
        planned: PlannedChange,
    ) -> PlannedChange {
        let Some(record) = record else { return planned };
        let Some(observed) = observed else { return planned };
        let replace = |reason: Reason, planned: PlannedChange| {
            if matches!(planned.action, Action::Replace(_)) {
                return PlannedChange { reason, ..planned };
            }
            let new = default_plan::planned_new(schema, &prepared.config);
            let diffs = default_plan::compare(&observed.attributes, &new);
            PlannedChange { action: Action::Replace(ReplaceOrder::DeleteFirst), reason, planned: new, diffs, ..planned }
        };
        if record.status == Status::Tainted {
            return replace(Reason::Tainted, planned);
        }
        if self.request.replaces.iter().any(|named| named.covers(address)) {
            return replace(Reason::Requested, planned);
        }
        if let Some(expression) = block.lifecycle.replace_triggered_by.iter().find(|e| self.triggers(e)) {
            let sources = &self.project.config().sources;
            let span = expression.span();
            let text = sources.get(span.file).and_then(|s| s.text.get(span.start as usize..span.end as usize));
            let reference = text.unwrap_or_default().trim().to_owned();
            return replace(Reason::TriggeredBy { reference }, planned);
        }
        let in_doubt = record.status == Status::Unhealthy && planned.action == Action::NoOp;
        if in_doubt && !self.is_healthy(block, address, observed, record).await {
            let new = default_plan::planned_update(schema, &prepared.config, &observed.attributes);
            let diffs = default_plan::compare(&observed.attributes, &new);
            return PlannedChange { action: Action::Update, reason: Reason::Unhealthy, planned: new, diffs, ..planned };
        }
        if planned.action == Action::NoOp && !record.deposed.is_empty() {
            return PlannedChange { action: Action::Update, reason: Reason::Deposed, ..planned };
        }
        planned
    }

    /// Asks once whether something that was not healthy is by now.
    async fn is_healthy(&self, block: &ResourceBlock, address: &Address, object: &Object, record: &Record) -> bool {
        let Some(index) = self.values.block_of(address) else { return true };
        let scope = self.values.instance(index, address, Some(object.attributes.clone()));
        let Ok(Some(check)) = health::check_of(block, &scope) else { return true };
        let Ok(connection) = self.current.connections.get(&record.provider).await else { return false };
        let patient = Patient { connection, type_name: record.type_name.clone(), object: object.clone() };
        health::probe(&check, &patient).await == HealthReport::Healthy
    }

    fn check_preconditions(&mut self, index: usize, block: &ResourceBlock, address: &Address) -> Option<()> {
        let mut holds = Some(());
        for condition in &block.lifecycle.preconditions {
            let scope = self.values.instance(index, address, None);
            if let Err(complaints) = check_condition(condition, &scope, &format!("the precondition of {address}")) {
                self.complaints.extend(complaints);
                holds = None;
            }
        }
        holds
    }

    /// What must hold afterwards, as far as it is known already.
    fn check_postconditions(
        &mut self,
        index: usize,
        block: &ResourceBlock,
        address: &Address,
        planned: &Value,
    ) -> Option<()> {
        let mut holds = Some(());
        for condition in &block.lifecycle.postconditions {
            let scope = self.values.instance(index, address, Some(planned.clone()));
            if let Err(complaints) = check_condition(condition, &scope, &format!("the postcondition of {address}")) {
                self.complaints.extend(complaints);
                holds = None;
            }
        }
        holds
    }

    #[allow(clippy::too_many_arguments)] // As above.
    fn deferred(
        &mut self,
        index: usize,
        block: &ResourceBlock,
        address: &Address,
        record: Option<&Arc<Record>>,
        schema: &ResourceSchema,
        provider: ProviderRef,
        what: String,
    ) -> Decision {
        let planned = PlannedChange::new(Action::Deferred, Reason::DependsOn { what }, Value::Unknown);
        let prepared = Prepared { config: Value::Unknown, captured: Vec::new() };
        let change = self.change(index, block, address, record, schema, provider, prepared, planned);
        Decision::Change(Box::new(change))
    }

    #[allow(clippy::too_many_arguments)] // As above.
    fn change(
        &self,
        index: usize,
        block: &ResourceBlock,
        address: &Address,
        record: Option<&Arc<Record>>,
        schema: &ResourceSchema,
        provider: ProviderRef,
        prepared: Prepared,
        planned: PlannedChange,
    ) -> ResourceChange {
        let create_first = self.create_first.contains(&index);
        let action = match planned.action {
            Action::Replace(_) if create_first && schema.create_first => Action::Replace(ReplaceOrder::CreateFirst),
            Action::Replace(_) => Action::Replace(ReplaceOrder::DeleteFirst),
            other => other,
        };
        let id = match (action, record) {
            (Action::Replace(ReplaceOrder::CreateFirst), _) | (_, None) => ResourceId::random(),
            (_, Some(record)) => record.id,
        };
        // A provider that hands over does so with all parts of a resource alike, and is not told the order when it plans.
        let mut children = planned.children;
        for child in children.iter_mut().filter(|child| schema.hands_over && matches!(child.action, Action::Replace(_)))
        {
            child.action = action;
        }
        let mut change = ResourceChange {
            address: address.clone(),
            id,
            type_name: block.type_name.clone(),
            provider,
            action,
            reason: planned.reason,
            dependencies: self.project.dependencies(index),
            unchanged_attributes: unchanged_attributes(&planned.planned, &planned.diffs),
            at_default: if action == Action::Create { at_default(schema, &planned.planned) } else { Vec::new() },
            planned: planned.planned,
            diffs: planned.diffs,
            drift: planned.drift,
            children,
            risks: planned.risks,
            notes: planned.notes,
            captured: prepared.captured,
            artefact: planned.artefact.map(Arc::from),
            position: match planned.action {
                Action::NoOp => None,
                _ => self.project.config().sources.position(block.span),
            },
        };
        if create_first && !schema.create_first && matches!(action, Action::Replace(_)) {
            let text = "two of them cannot stand side by side, so the old one goes first all the same".to_owned();
            change.risks.push(Risk { kind: RiskKind::Interrupts, text });
        }
        risks::assess(&mut change, Some(schema), block.lifecycle.prevent_destroy && record.is_some());
        change
    }
}

/// What is planned for one instance.
enum Decision {
    /// Something is done.
    Change(Box<ResourceChange>),
    /// It stays as it is, with these attributes.
    Stays(Value),
}

/// How far an instance can be planned without its provider.
enum Turn<'p> {
    /// To the end.
    Decided(Decision),
    /// Up to this.
    Ask(Box<Question<'p>>),
}

/// What the provider wants.
enum Asked {
    Planned(PlannedChange),
    Deferred(String),
}

/// A provider's complaint about the configuration, at its place.
fn complaint(block: &ResourceBlock, error: &ProviderError) -> Diagnostic {
    let span = error.attribute.as_ref().and_then(|path| block.body.span_of(path)).unwrap_or(block.span);
    let diagnostic = Diagnostic::error(span, error.message.clone(), "");
    // The engine's own words, and what to do about them.
    let help: Vec<&str> = error.detail.iter().chain(&error.hint).map(String::as_str).collect();
    if help.is_empty() { diagnostic } else { diagnostic.with_help(help.join("\n")) }
}

fn at_default(schema: &ResourceSchema, planned: &Value) -> Vec<String> {
    let by_default = |attribute: &&Attribute| {
        let value = planned.get(&attribute.name);
        attribute.default.as_ref().zip(value).is_some_and(|(default, value)| value.same(default))
    };
    schema.attributes.iter().filter(by_default).map(|attribute| attribute.name.clone()).collect()
}

fn unchanged_attributes(planned: &Value, diffs: &[Diff]) -> usize {
    let Some(attributes) = planned.as_map() else { return 0 };
    attributes
        .iter()
        .filter(|(name, value)| !value.is_null() && !diffs.iter().any(|diff| diff.path.attribute() == Some(name)))
        .count()
}
