//! The walk over the configuration's graph that makes a plan.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use deployctl_sdk::change::Note;
use deployctl_sdk::{Action, Address, CapturedFile, Diff, Digest, Object, Value, default_plan, source};
use futures_util::{StreamExt as _, stream};

use super::engines;
use super::instance::ProviderChoice;
use super::question::{Answer, Question};
use super::select::Selection;
use super::steps::{Recorded, Records, Steps};
use super::{
    Mode, Observation, OutputChange, Plan, PlanRequest, ReadCost, ResourceChange, digest, observe, risks, shape_of,
};
use crate::config::Configuration;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::lang;
use crate::model::{Node, Values};
use crate::project::{Current, Project};
use crate::state::{ProviderRef, Record, State};

/// A plan, and what applying it in the same run needs beyond it.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Records that are to be brought up to what was seen, without any action.
    pub refreshed: Vec<(Address, Option<Arc<Record>>)>,
    /// What was seen of the resources that are to be changed, where that differs from the records.
    pub observed: HashMap<Address, Option<Object>>,
}

/// Makes a plan. Writes nothing, neither to an engine nor to the state.
///
/// # Errors
/// An invalid configuration (all complaints at once), a resource that cannot be read or planned, or a target that names
/// nothing.
pub async fn plan(project: &Project, current: &Current, request: &PlanRequest) -> Result<Planned> {
    let selection = Selection::new(request, project.config(), project.graph(), &current.state)?;
    project.fetch_secrets().await?;
    let mut walk = Walk::new(project, current, request, selection);
    walk.settle_providers();
    if request.mode == Mode::RefreshOnly {
        project.lend(current.state.records.values().flat_map(|record| captured_of(record))).await?;
    }
    let observation = walk.observe().await;
    walk.read = observation.cost;
    walk.observation = observation;
    let back_to_nothing = matches!(request.mode, Mode::Rollback { .. }) && project.inputs().removed;
    if request.mode == Mode::Destroy || back_to_nothing {
        walk.destroy().await?;
    } else {
        walk.choose_create_first();
        for wave in project.graph().waves() {
            walk.visit(&wave).await;
        }
        walk.put_in_order();
        walk.orphans().await?;
        let replaced = walk.changes.iter().filter(|change| matches!(change.action, Action::Replace(_)));
        let records = replaced.filter_map(|change| current.state.records.get(&change.address));
        project.lend(records.flat_map(|record| captured_of(record))).await?;
    }
    walk.engines = current.connections.engines().await;
    walk.finish()
}

/// How many questions are put to the providers at once, as many as actions by default.
pub(super) const ASKED_AT_ONCE: usize = 10;

/// How many questions are gathered before they are asked: they hold whole configurations, so not a whole wide wave.
pub(super) const GATHERED: usize = 256;

pub(super) struct Walk<'p> {
    pub(super) project: &'p Project,
    pub(super) current: &'p Current,
    pub(super) request: &'p PlanRequest,
    pub(super) selection: Selection,
    pub(super) values: Values<'p>,
    pub(super) observation: Observation,
    /// The provider blocks' settings, by block; absent where they failed to evaluate.
    pub(super) settings: HashMap<usize, Value>,
    pub(super) create_first: HashSet<usize>,
    pub(super) changes: Vec<ResourceChange>,
    /// Which changes were planned for the resources that some `replace_triggered_by` names, by type and name. Kept apart, so
    /// that asking does not go through all changes.
    triggering: HashMap<(Arc<str>, Arc<str>), Vec<usize>>,
    pub(super) visited: HashSet<Address>,
    pub(super) refreshed: Vec<(Address, Option<Arc<Record>>)>,
    pub(super) observed: HashMap<Address, Option<Object>>,
    pub(super) unchanged: usize,
    pub(super) notes: Vec<(Address, Note)>,
    pub(super) drift: Vec<(Address, Vec<Diff>)>,
    pub(super) complaints: Vec<Diagnostic>,
    pub(super) failures: Vec<(Address, deployctl_sdk::ProviderError)>,
    /// Resource blocks of which something is neither planned nor recorded.
    pub(super) left_open: HashSet<usize>,
    pub(super) outputs: BTreeMap<Arc<str>, Value>,
    read: ReadCost,
    engines: BTreeMap<String, String>,
}

impl<'p> Walk<'p> {
    fn new(project: &'p Project, current: &'p Current, request: &'p PlanRequest, selection: Selection) -> Self {
        // What is not recorded yet is to be made: growing a large list on the way would hold it twice.
        let likely = project.config().resources.len().saturating_sub(current.state.records.len());
        Self {
            project,
            current,
            request,
            selection,
            values: Values::new(project.config(), project.variables(), project.outside()),
            observation: Observation::default(),
            settings: HashMap::new(),
            create_first: HashSet::new(),
            changes: Vec::with_capacity(likely),
            triggering: triggering(project.config()),
            visited: HashSet::new(),
            refreshed: Vec::new(),
            observed: HashMap::new(),
            unchanged: 0,
            notes: Vec::new(),
            drift: Vec::new(),
            complaints: Vec::new(),
            failures: Vec::new(),
            left_open: HashSet::new(),
            outputs: BTreeMap::new(),
            read: ReadCost::default(),
            engines: BTreeMap::new(),
        }
    }

    /// Takes in what was planned for an instance.
    pub(super) fn add_change(&mut self, change: ResourceChange) {
        if !self.triggering.is_empty() {
            let resource = (change.address.type_name.clone(), change.address.name.clone());
            if let Some(planned) = self.triggering.get_mut(&resource) {
                planned.push(self.changes.len());
            }
        }
        self.changes.push(change);
    }

    pub(super) fn state(&self) -> &'p State {
        &self.current.state
    }

    /// Evaluates the `provider` blocks that depend on no resource, so that reading can use the present settings.
    fn settle_providers(&mut self) {
        for index in 0..self.project.config().providers.len() {
            // Complaints come when the walk gets there; resources are not known yet and make their settings unknown.
            if let Ok(settings) = self.evaluate_settings(index) {
                self.settings.insert(index, settings);
            }
        }
        self.values.forget_locals();
    }

    fn evaluate_settings(&self, index: usize) -> Result<Value, Vec<Diagnostic>> {
        let Some(block) = self.project.config().providers.get(index) else { return Ok(Value::default()) };
        let Some(schema) = self.project.schemas().provider(&block.name) else { return Ok(Value::default()) };
        block.body.evaluate(&schema.settings, &self.values.top(), &format!("provider `{}`", block.name))
    }

    async fn observe(&self) -> Observation {
        let wanted = |address: &Address| {
            self.request.refresh
                && match self.values.block_of(address) {
                    Some(block) if self.request.mode != Mode::Destroy => {
                        self.selection.has(block, address) || self.selection.has_record(address)
                    }
                    _ => self.selection.has_record(address),
                }
        };
        let settings = |recorded: &ProviderRef| self.known_settings(recorded);
        let thorough = (self.request.mode == Mode::RefreshOnly).then(|| self.project.files());
        observe(self.state(), &self.current.connections, &wanted, &settings, thorough, self.project.events()).await
    }

    /// `create_before_destroy` reaches everything that the resource depends on: otherwise the old one of those would have to
    /// go while the old one of this still uses it.
    fn choose_create_first(&mut self) {
        let config = self.project.config();
        let mut todo: Vec<usize> = (0..config.resources.len())
            .filter(|index| {
                config.resources.get(*index).is_some_and(|b| b.lifecycle.create_before_destroy == Some(true))
            })
            .collect();
        while let Some(index) = todo.pop() {
            if self.create_first.insert(index) {
                todo.extend_from_slice(self.project.graph().dependencies(index));
            }
        }
    }

    /// Goes through blocks of which none needs another. What the providers are to be asked about them is gathered, so that
    /// they are asked side by side: an engine that takes its time with one does not hold up the others.
    async fn visit(&mut self, wave: &[&Node]) {
        let mut questions = Vec::new();
        for node in wave {
            match node {
                Node::Local(name) => self.local(name),
                Node::Output(name) => self.output(name),
                Node::Provider(index) => match self.evaluate_settings(*index) {
                    Ok(settings) => {
                        self.settings.insert(*index, settings);
                    }
                    Err(complaints) => self.complaints.extend(complaints),
                },
                Node::Resource(index) => self.resource(*index, &mut questions).await,
            }
        }
        self.ask(&mut questions).await;
    }

    /// Asks what was gathered, and plans with the answers.
    async fn ask(&mut self, questions: &mut Vec<Question<'p>>) {
        let (project, connections) = (self.project, &self.current.connections);
        let asked = std::mem::take(questions);
        let answers = stream::iter(asked.iter().map(|question| question.ask(project, connections)));
        let answers: Vec<Answer> = answers.buffered(ASKED_AT_ONCE).collect().await;
        for (question, answer) in asked.into_iter().zip(answers) {
            self.answered(question, answer).await;
        }
    }

    /// The waves went across the configuration; a plan goes along it.
    fn put_in_order(&mut self) {
        let (values, graph) = (&self.values, self.project.graph());
        let place = |address: &Address| values.block_of(address).map_or(usize::MAX, |block| graph.place(block));
        self.changes.sort_by_cached_key(|change| place(&change.address));
        self.notes.sort_by_cached_key(|(address, _)| place(address));
        self.drift.sort_by_cached_key(|(address, _)| place(address));
        self.failures.sort_by_cached_key(|(address, _)| place(address));
    }

    fn local(&mut self, name: &Arc<str>) {
        let Some(local) = self.project.config().locals.get(name) else { return };
        let value = lang::evaluate(&local.value, &self.values.top());
        let value = self.or_complain(value).unwrap_or(Value::Unknown);
        self.values.set_local(name.clone(), value);
    }

    pub(super) fn or_complain<T>(&mut self, result: Result<T, Vec<Diagnostic>>) -> Option<T> {
        result.map_err(|complaints| self.complaints.extend(complaints)).ok()
    }

    fn output(&mut self, name: &Arc<str>) {
        let Some(output) = self.project.config().outputs.get(name) else { return };
        let value = lang::evaluate(&output.value, &self.values.top());
        let Some(value) = self.or_complain(value) else { return };
        if value.contains_sensitive() && !output.sensitive {
            let complaint = Diagnostic::error(
                output.value.span(),
                format!("the output `{name}` shows a sensitive value"),
                "this is made from something sensitive",
            );
            let help = "say `sensitive = true` in the output, or `nonsensitive(…)` if it may be shown";
            self.complaints.push(complaint.with_help(help));
            return;
        }
        if value.contains_unknown() && self.is_left_open(name) {
            // It will not become known by applying this plan, and keeps the value that it has.
            let before = self.state().outputs.get(name).cloned();
            self.outputs.extend(before.map(|value| (name.clone(), value)));
            return;
        }
        self.outputs.insert(name.clone(), value.with_mark(output.sensitive));
    }

    /// Whether an output needs something that is neither planned nor recorded.
    fn is_left_open(&self, output: &Arc<str>) -> bool {
        let graph = self.project.graph();
        let mut todo = vec![Node::Output(output.clone())];
        let mut seen = HashSet::new();
        while let Some(node) = todo.pop() {
            if matches!(node, Node::Resource(index) if self.left_open.contains(&index)) {
                return true;
            }
            todo.extend(graph.direct(&node).filter(|needed| seen.insert((*needed).clone())).cloned());
        }
        false
    }

    async fn resource(&mut self, index: usize, questions: &mut Vec<Question<'p>>) {
        let Some(block) = self.project.config().resources.get(index) else { return };
        let shape = shape_of(block, &self.values);
        let Some(shape) = self.or_complain(shape) else {
            // Its instances cannot be told; none of them may be taken for unwanted.
            let address = block.address();
            let recorded = self.state().records.keys().filter(|recorded| address.covers(recorded));
            self.visited.extend(recorded.cloned());
            return;
        };
        let keys = shape.keys();
        self.values.set_shape(index, shape);
        let address = block.address();
        for key in keys {
            let address = address.with_key(key);
            questions.extend(self.instance(index, block, &address));
            if questions.len() >= GATHERED {
                self.ask(questions).await;
            }
        }
    }

    /// The present settings of a recorded provider, where the configuration still has its block and they are known.
    pub(super) fn known_settings(&self, recorded: &ProviderRef) -> Option<ProviderRef> {
        let blocks = self.project.config().providers.iter().enumerate();
        let (index, _) =
            blocks.into_iter().find(|(_, block)| block.name == recorded.name && block.alias == recorded.alias)?;
        let settings = self.settings.get(&index).filter(|settings| !settings.contains_unknown())?;
        Some(ProviderRef { settings: settings.clone(), ..recorded.clone() })
    }

    /// The settings a block's provider is used with.
    pub(super) fn provider_of(&self, block: &crate::config::ResourceBlock) -> ProviderChoice {
        let (name, alias) = match &block.provider {
            Some((name, alias)) => (name.clone(), alias.clone()),
            None => match self.project.schemas().resource(&block.type_name) {
                Some((provider, _)) => (Arc::from(provider.name.as_str()), None),
                None => (block.type_name.clone(), None),
            },
        };
        let mut blocks = self.project.config().providers.iter().enumerate();
        let settings = match blocks.find(|(_, block)| block.name == name && block.alias == alias) {
            Some((index, _)) => self.settings.get(&index).cloned().unwrap_or(Value::Unknown),
            None => Value::map::<Arc<str>>([]),
        };
        let reference = ProviderRef { name, alias, settings };
        if reference.settings.contains_unknown() {
            ProviderChoice::Unknown(reference)
        } else {
            ProviderChoice::Known(reference)
        }
    }

    fn finish(mut self) -> Result<Planned> {
        if !self.complaints.is_empty() {
            return Err(Error::invalid(self.project.config().sources.clone(), self.complaints));
        }
        if !self.failures.is_empty() {
            return Err(failed(&self.failures));
        }
        let recorded: &Records<'p> = &|address| {
            let record = self.current.state.records.get(address);
            record.map(|record| Recorded::of(record)).unwrap_or_default()
        };
        let waves = Steps::new(&self.changes, recorded).waves(self.changes.len());
        let outputs = self.output_changes();
        let mut plan = Plan {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: source::now(),
            mode: self.request.mode.clone(),
            environment: self.project.environment().clone(),
            lineage: self.current.state.lineage,
            serial: if self.current.exists { self.current.state.serial } else { 0 },
            targets: self.request.targets.clone(),
            excludes: self.request.excludes.clone(),
            unkept: Vec::new(),
            changes: std::mem::take(&mut self.changes),
            unchanged: self.unchanged,
            notes: std::mem::take(&mut self.notes),
            drift: std::mem::take(&mut self.drift),
            outputs,
            waves,
            read: self.read,
            digest: Digest::of(b""),
            warnings: self.warnings(),
            engines: self.engines,
        };
        if matches!(plan.mode, Mode::Rollback { .. }) {
            for change in &mut plan.changes {
                let schema = self.project.schemas().resource(&change.type_name).map(|(_, schema)| schema);
                risks::say_what_stays_lost(change, schema);
            }
        }
        plan.digest = digest::digest(&plan, &self.project.inputs(), &self.current.seal);
        Ok(Planned { plan, refreshed: self.refreshed, observed: self.observed })
    }

    /// Warnings about the configuration, and about engines that are not those that the state was made with.
    fn warnings(&self) -> Vec<String> {
        let then = &self.state().engines;
        let engines = engines::differing("the state was last changed", then, &self.engines);
        self.project.warnings().iter().cloned().chain(engines).collect()
    }

    fn output_changes(&self) -> Vec<OutputChange> {
        let before = &self.state().outputs;
        let names: std::collections::BTreeSet<&Arc<str>> = before.keys().chain(self.outputs.keys()).collect();
        names
            .into_iter()
            .filter_map(|name| {
                let (before, after) = (before.get(name), self.outputs.get(name));
                let same = match (before, after) {
                    (Some(a), Some(b)) => default_plan::compare(a, b).is_empty(),
                    _ => false,
                };
                (!same).then(|| OutputChange { name: name.clone(), before: before.cloned(), after: after.cloned() })
            })
            .collect()
    }

    /// Whether something named by a `replace_triggered_by` reference changes in this plan.
    pub(super) fn triggers(&self, expression: &lang::Expression) -> bool {
        lang::references(expression).iter().any(|reference| {
            let mut steps = reference.steps.iter();
            let Some(lang::StaticStep::Attr(name, _)) = steps.next() else { return false };
            let attribute = steps.find_map(|step| match step {
                lang::StaticStep::Attr(attribute, _) => Some(*attribute),
                _ => None,
            });
            let planned = self.triggering.get(&(Arc::from(reference.root), Arc::from(*name))).into_iter().flatten();
            planned.filter_map(|index| self.changes.get(*index)).any(|change| {
                matches!(change.action, Action::Update | Action::Replace(_) | Action::Create)
                    && self.state().records.contains_key(&change.address)
                    && attribute.is_none_or(|attribute| {
                        matches!(change.action, Action::Replace(_))
                            || change.diffs.iter().any(|diff| diff.path.attribute() == Some(attribute))
                    })
            })
        })
    }
}

/// The resources that `replace_triggered_by` names anywhere, with nothing planned for them yet.
fn triggering(config: &Configuration) -> HashMap<(Arc<str>, Arc<str>), Vec<usize>> {
    let expressions = config.resources.iter().flat_map(|block| &block.lifecycle.replace_triggered_by);
    let resources = expressions.flat_map(lang::references).filter_map(|reference| match reference.steps.first() {
        Some(lang::StaticStep::Attr(name, _)) => Some((Arc::from(reference.root), Arc::from(*name))),
        _ => None,
    });
    resources.map(|resource| (resource, Vec::new())).collect()
}

/// The files that something recorded was made from.
pub(super) fn captured_of(record: &Record) -> impl Iterator<Item = &CapturedFile> {
    record.object.iter().flat_map(|object| &object.captured)
}

fn failed(failures: &[(Address, deployctl_sdk::ProviderError)]) -> Error {
    match failures {
        [(address, error)] => {
            let failure = Error::failed(format!("{address}: {}", error.message)).with_detail(error.detail.clone());
            match &error.hint {
                Some(hint) => failure.with_hint(hint.clone()),
                None => failure,
            }
        }
        _ => Error::failed(format!("{} resources cannot be planned", failures.len()))
            .with_detail(failures.iter().map(|(address, error)| format!("{address}: {}", error.message))),
    }
}
