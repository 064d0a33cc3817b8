//! What a module's own plan says is to be done, as ours.

use std::collections::BTreeSet;

use deployctl_sdk::program::Invocation;
use deployctl_sdk::{
    Action, Change, DeletionRequest, Diff, ErrorKind, Map, Note, Object, PlanRequest, PlannedChange, ProviderError,
    Reason, ReplaceOrder, Risk, RiskKind, Unseen, Value, default_plan, fs,
};
use tokio_util::sync::CancellationToken;

use crate::init::LOCK_FILE;
use crate::module;
use crate::nested::{Lost, Nested};
use crate::object::{self, Private};
use crate::schema::attribute;
use crate::session::{Session, Site, cancelled};

/// What kind of plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To make everything as the module says.
    Normal,
    /// To remove everything.
    Destroy,
    /// To look what was changed by others.
    Refresh,
}

/// An engine's plan.
pub(crate) struct Made {
    /// What it says.
    pub(crate) nested: Nested,
    /// The plan itself.
    pub(crate) file: Vec<u8>,
    /// What the engine warned of.
    pub(crate) notes: Vec<Note>,
}

/// How many resources a risk names before it counts the rest.
const NAMED: usize = 4;

impl Session<'_> {
    /// Has the engine plan, once, and reads what it planned.
    ///
    /// # Errors
    /// What the engine complains about.
    pub(crate) async fn plan(&mut self, mode: Mode) -> Result<Made, ProviderError> {
        let file = self.workdir.passing("plan");
        let said = loop {
            let invocation = self.plan_command(mode)?.arg(format!("-out={}", file.display()));
            let (ended, said) = self.listen(invocation, None).await?;
            if ended.stopped.is_some() {
                return Err(cancelled());
            }
            if ended.success() {
                break said;
            }
            // An output shows what is sensitive to us and not to the module. It becomes sensitive, and that is all.
            let exposed = said
                .diagnostics
                .iter()
                .filter(|one| one.is_error() && one.summary == "Output refers to sensitive values");
            let exposed: BTreeSet<String> = exposed.filter_map(|one| one.output()).collect();
            if exposed.is_empty() || !self.mark_outputs(exposed)? {
                return Err(self.failure("plan", &said, &ended));
            }
        };
        let show = self.command("show").arg("-json").arg(&file);
        let text = self.answer(show, "show its plan").await?;
        let nested = Nested::read(&text, &self.engine.named(), &self.settings.secrets)?;
        let bytes = fs::read(&file)?;
        fs::remove_file(&file)?;
        let notes = said.diagnostics.iter().filter_map(|one| one.note(&self.settings.mask)).map(Note).collect();
        Ok(Made { nested, file: bytes, notes })
    }

    fn plan_command(&self, mode: Mode) -> Result<Invocation, ProviderError> {
        let settings = &self.settings;
        let mut invocation = self.on_state("plan").args(["-json", "-input=false"]);
        invocation = invocation.arg(format!("-lock-timeout={}", settings.lock_timeout));
        invocation = invocation.arg(format!("-parallelism={}", settings.parallelism));
        invocation = invocation.args(self.state_flag());
        for file in &settings.var_files {
            invocation = invocation.arg(format!("-var-file={}", self.place_of(file).display()));
        }
        if settings.vars.as_map().is_some_and(|vars| !vars.is_empty()) {
            let json = serde_json::to_vec(&settings.vars.reveal());
            let json = json.map_err(|error| ProviderError::new(ErrorKind::Internal, error.to_string()))?;
            let file = self.workdir.hand_over("vars.tfvars.json", &json)?;
            invocation = invocation.arg(format!("-var-file={}", file.display()));
        }
        Ok(match mode {
            Mode::Normal => invocation.args(settings.targets.iter().map(|target| format!("-target={target}"))),
            Mode::Refresh => invocation.arg("-refresh-only"),
            // All of it goes, whatever was left out before.
            Mode::Destroy => invocation.arg("-destroy"),
        })
    }
}

/// Plans a module that stays in the configuration.
pub(crate) async fn plan(site: &Site, request: PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
    let config = &request.desired.config;
    if let Some(mut what) = unknown_in(config) {
        let named = [attribute::PATH, attribute::INCLUDE, attribute::VAR_FILES];
        if named.iter().any(|name| config.get(name).is_some_and(Value::contains_unknown)) {
            what.push_str(", so a saved plan cannot hold its files");
        }
        return Ok(PlannedChange::new(Action::Deferred, Reason::DependsOn { what }, Value::Unknown));
    }
    let cancel = CancellationToken::new();
    let captured = &request.desired.captured;
    let mut session = Session::open(site, request.address, config, captured, request.files, &cancel).await?;
    if request.recorded.is_none() {
        refuse_foreign(&session, request.address).await?;
    }
    if let Some(recorded) = request.recorded {
        // What was secret still is, although it is not in the configuration any more.
        session.settings.keep_secret(&recorded.attributes);
    }
    let mut made = session.plan(Mode::Normal).await?;
    if !session.settings.targets.is_empty() {
        keep_others(&mut made.nested, request.observed);
    }
    let mut planned = settle(&request, config, &made.nested);
    planned.children = made.nested.children;
    planned.drift.extend(made.nested.drift);
    planned.risks = risks(&made.nested.lost);
    planned.notes = notes(&session, request.recorded, made.notes);
    planned.unseen = match () {
        () if !made.nested.lost.is_empty() && !session.settings.allow_destroy => Unseen::IfDeferredApproved,
        () if session.settings.auto_approve => Unseen::Allowed,
        () => Unseen::IfAutoApproved,
    };
    if planned.action != Action::NoOp {
        planned.artefact = Some(made.file);
    }
    Ok(planned)
}

/// A plan with targets says nothing of the outputs that it does not reach: they keep their values.
fn keep_others(nested: &mut Nested, observed: Option<&Object>) {
    let before = observed.and_then(|object| object.attributes.get(attribute::OUTPUTS)).and_then(Value::as_map);
    let mut outputs = before.cloned().unwrap_or_default();
    outputs.extend(nested.outputs.as_map().cloned().unwrap_or_default());
    nested.outputs = Value::from(outputs);
}

/// Action, reason and differences.
fn settle(request: &PlanRequest<'_>, config: &Value, nested: &Nested) -> PlannedChange {
    let planned = object::with_outputs(config, nested.outputs.clone());
    let empty = Value::from(Map::new());
    let (Some(recorded), Some(observed)) = (request.recorded, request.observed) else {
        let reason = if request.recorded.is_some() { Reason::Missing } else { Reason::New };
        let mut diffs = default_plan::compare(&empty, &planned);
        diffs.retain(|diff| diff.after.as_ref().is_some_and(|value| !value.is_null() && !is_empty(value)));
        return PlannedChange { diffs, ..PlannedChange::new(Action::Create, reason, planned) };
    };
    let drift = default_plan::compare(&recorded.attributes, &observed.attributes);
    let mut diffs = default_plan::compare(&observed.attributes, &planned);
    let forced: Vec<_> = diffs.iter_mut().filter(|diff| forces(request, diff)).collect();
    if !forced.is_empty() {
        let attributes = forced.iter().map(|diff| diff.path.clone()).collect();
        forced.into_iter().for_each(|diff| diff.forces_replacement = true);
        let reason = Reason::CannotUpdate { attributes };
        let action = Action::Replace(ReplaceOrder::DeleteFirst);
        return PlannedChange { diffs, drift, ..PlannedChange::new(action, reason, planned) };
    }
    if nested.children.is_empty() && diffs.is_empty() {
        return PlannedChange { drift, ..PlannedChange::no_op(observed.attributes.clone()) };
    }
    let configured = default_plan::compare(&object::config_of(&recorded.attributes), config);
    let reason = if !configured.is_empty() {
        Reason::Changed
    } else if recorded.captured != request.desired.captured {
        Reason::Other { text: "its source changed".to_owned() }
    } else if !drift.is_empty() || !nested.drift.is_empty() {
        Reason::Drifted
    } else {
        Reason::Changed
    };
    PlannedChange { diffs, drift, ..PlannedChange::new(Action::Update, reason, planned) }
}

fn forces(request: &PlanRequest<'_>, diff: &Diff) -> bool {
    let attribute = diff.path.attribute().and_then(|name| request.schema.attribute(name));
    attribute.is_some_and(|attribute| attribute.forces_replacement)
}

fn is_empty(value: &Value) -> bool {
    value.as_map().is_some_and(Map::is_empty) || value.as_list().is_some_and(<[Value]>::is_empty)
}

/// What cannot be decided yet, in words; `None` where all is known.
fn unknown_in(config: &Value) -> Option<String> {
    let mut places = Vec::new();
    for (name, value) in config.as_map()? {
        match value.as_map().filter(|_| &**name == attribute::VARS || &**name == attribute::ENV) {
            Some(members) => {
                let unknown = members.iter().filter(|(_, member)| member.contains_unknown());
                places.extend(unknown.map(|(member, _)| format!("{name}.{member}")));
            }
            None if value.contains_unknown() && &**name != attribute::OUTPUTS => places.push(name.to_string()),
            None => {}
        }
    }
    match places.as_slice() {
        [] => None,
        [one] => Some(format!("its {one} is known only after apply")),
        several => Some(format!("its {} are known only after apply", several.join(", "))),
    }
}

/// A state that holds something already, and that no record knows, belongs to somebody else.
async fn refuse_foreign(session: &Session<'_>, address: &deployctl_sdk::Address) -> Result<(), ProviderError> {
    match session.state().await? {
        Some(state) if !state.resources.is_empty() => Err(not_ours(session, address, state.resources.len())),
        _ => Ok(()),
    }
}

/// The refusal of a state that is not ours.
pub(crate) fn not_ours(session: &Session<'_>, address: &deployctl_sdk::Address, count: usize) -> ProviderError {
    let settings = &session.settings;
    let id = match settings.is_default_workspace() {
        true => settings.path.clone(),
        false => format!("{}@{}", settings.path, settings.workspace),
    };
    let resources = if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") };
    let message =
        format!("the state of the module {} holds {resources} already, and deployctl did not make them", settings.path);
    ProviderError::new(ErrorKind::NotOurs, message)
        .with_hint(format!("`deployctl import '{address}' '{id}'` brings the module under management as it is"))
}

fn risks(lost: &[Lost]) -> Vec<Risk> {
    let of = |replaced: bool, word: &str| {
        let names: Vec<&str> =
            lost.iter().filter(|one| one.holds && one.replaced == replaced).map(|one| one.address.as_str()).collect();
        let more = names.len().saturating_sub(NAMED);
        let named = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| Risk { kind: RiskKind::DataLoss, text: format!("{word} {named}{rest}") })
    };
    [of(false, "deletes"), of(true, "replaces")].into_iter().flatten().collect()
}

fn notes(session: &Session<'_>, recorded: Option<&Object>, mut notes: Vec<Note>) -> Vec<Note> {
    let before = recorded.map(|object| Private::read(&object.private).engine).unwrap_or_default();
    let now = session.engine.named();
    if !before.is_empty() && before != now {
        notes.push(Note(format!("it was last applied with {before}, and this is {now}")));
    }
    let pinned = session.captured.iter().any(|file| file.path.ends_with(LOCK_FILE));
    if !pinned && module::needs_plugins(session.files, session.captured, &session.settings.folder()) {
        notes.push(Note(format!("it has no {LOCK_FILE}, so another machine may choose other versions of its plugins")));
    }
    notes
}

/// Plans the removal of everything in a module.
pub(crate) async fn plan_deletion(
    site: &Site,
    request: DeletionRequest<'_>,
) -> Result<Option<PlannedChange>, ProviderError> {
    let object = request.object;
    if crate::read::is_gone(site, object)? {
        return Ok(None);
    }
    let cancel = CancellationToken::new();
    let captured = crate::delete::source_of(site, object, request.files)?;
    let files = captured.files(request.files);
    let attributes = &object.attributes;
    let mut session = Session::open(site, request.address, attributes, captured.list(), files, &cancel).await?;
    let made = session.plan(Mode::Destroy).await?;
    let mut planned = PlannedChange::new(Action::Delete, Reason::NotConfigured, Value::Null);
    planned.risks = risks(&made.nested.lost);
    planned.children = made.nested.children;
    planned.drift = made.nested.drift;
    planned.notes = made.notes;
    planned.artefact = Some(made.file);
    Ok(Some(planned))
}

/// Whether a plan from the time of planning is still meant: after the same run destroyed what it was made against, it is not.
pub(crate) fn artefact_of(change: &Change, destroyed: bool) -> Option<&[u8]> {
    change.artefact.as_deref().filter(|_| !destroyed)
}
