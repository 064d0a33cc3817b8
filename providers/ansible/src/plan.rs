//! What to do with a playbook: what a check run foresees, and what changed since it was applied last.

use deployctl_sdk::{
    Action, ErrorKind, Note, Object, Place, PlanRequest, PlannedChange, ProviderError, Reason, Risk, RiskKind, Value,
    default_plan,
};
use tokio_util::sync::CancellationToken;

use crate::children::{Foreseen, drift, foresee, listed};
use crate::config::{self, ONLY_RECORDED, RESULTS, text, with};
use crate::record;
use crate::run::{self, Order};
use crate::workspace::Workspace;
use crate::{capture, secrets};

/// Plans one playbook. Answers the version of Ansible too, if it was met.
///
/// # Errors
/// When a check run cannot be made, or no host of a playbook that was applied answers.
pub(crate) async fn plan(
    place: &Place,
    request: &PlanRequest<'_>,
    cancel: &CancellationToken,
) -> Result<(PlannedChange, Option<String>), ProviderError> {
    let config = &request.desired.config;
    if let Some(mut what) = waits_for(config) {
        let named = ["playbook", "destroy_playbook", "collections_path"];
        if named.iter().any(|name| config.get(name).is_some_and(Value::contains_unknown)) {
            what.push_str(", so a saved plan cannot hold its files");
        }
        return Ok((PlannedChange::new(Action::Deferred, Reason::DependsOn { what }, Value::Unknown), None));
    }
    let foreseen = match config::is_checked(config) {
        true => Some(check(place, request, cancel).await?),
        false => None,
    };
    let version = foreseen.as_ref().and_then(|foreseen| foreseen.version.clone());
    let recorded = request.recorded.filter(|_| request.observed.is_some());
    let Some(recorded) = recorded else { return Ok((creation(request, foreseen), version)) };
    let since = Since::of(request, recorded);
    let mut change = match &foreseen {
        Some(foreseen) => by_check(request, recorded, &since, foreseen)?,
        None => by_digest(request, recorded, &since),
    };
    if let Some(foreseen) = foreseen {
        describe(&mut change, foreseen, Some(recorded));
    }
    Ok((change, version))
}

/// What is not known yet, in words. A check run needs all of it, and a comparison the files.
fn waits_for(config: &Value) -> Option<String> {
    let needed = |name: &str| config::is_checked(config) || matches!(name, "playbook" | "inventory" | "plan");
    let members = config.as_map()?.iter();
    let names: Vec<String> = members
        .filter(|(name, value)| needed(name) && value.contains_unknown())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("its {one} is known only after apply")),
        _ => Some(format!("its {} are known only after apply", names.join(" and "))),
    }
}

async fn check(
    place: &Place,
    request: &PlanRequest<'_>,
    cancel: &CancellationToken,
) -> Result<Foreseen, ProviderError> {
    let desired = request.desired;
    let workspace = Workspace::of(place, &desired.captured, request.files, cancel).await?;
    let mask = secrets::mask(&desired.config, request.recorded);
    let former = run::former(&workspace, request.recorded, &desired.captured, request.files)?;
    let playbook = text(&desired.config, "playbook").unwrap_or_default();
    let order = Order {
        place,
        config: &desired.config,
        playbook: &playbook,
        captured: &desired.captured,
        workspace: &workspace,
        mask: &mask,
        former: &former,
        check: true,
        hosts: None,
    };
    let run = order.run(cancel, &|_| {}).await?;
    if run.cancelled {
        return Err(ProviderError::new(ErrorKind::Cancelled, "the check run was cancelled"));
    }
    Ok(foresee(&run.tally))
}

fn creation(request: &PlanRequest<'_>, foreseen: Option<Foreseen>) -> PlannedChange {
    let planned = with_digest(&default_plan::planned_new(request.schema, &request.desired.config), request);
    let diffs = default_plan::compare(&Value::map::<&str>([]), &planned);
    let mut change = PlannedChange { diffs, ..PlannedChange::new(Action::Create, Reason::New, planned) };
    match foreseen {
        Some(foreseen) => describe(&mut change, foreseen, None),
        None => change.risks.push(not_checked()),
    }
    change
}

/// What changed since the playbook was applied last.
struct Since {
    /// The attributes that have it run again when they change.
    runs: bool,
    /// Those that are only recorded.
    records: bool,
    /// The captured files.
    files: bool,
    /// What the last run left undone.
    unfinished: Option<String>,
}

impl Since {
    fn of(request: &PlanRequest<'_>, recorded: &Object) -> Self {
        let kept = default_plan::planned_kept(request.schema, &request.desired.config, &recorded.attributes);
        let diffs = default_plan::compare(&recorded.attributes, &kept);
        let names = diffs.iter().filter_map(|diff| diff.path.attribute());
        let digest = capture::digest(&request.desired.captured);
        Self {
            runs: names.clone().any(|name| !ONLY_RECORDED.contains(&name)),
            records: names.clone().any(|name| ONLY_RECORDED.contains(&name)),
            files: text(&recorded.attributes, "source_digest") != Some(digest),
            unfinished: record::unfinished(recorded),
        }
    }

    /// Whether playbook, roles, inventory and variables are those of the last run.
    fn nothing(&self) -> bool {
        !self.runs && !self.files
    }
}

fn by_check(
    request: &PlanRequest<'_>,
    recorded: &Object,
    since: &Since,
    foreseen: &Foreseen,
) -> Result<PlannedChange, ProviderError> {
    if let Some(left) = &since.unfinished {
        return Ok(go_on(request, recorded, left));
    }
    if !foreseen.changes.is_empty() {
        let mut change = run_again(request, recorded, if since.nothing() { Reason::Drifted } else { Reason::Changed });
        if since.nothing() {
            change.drift = drift(&foreseen.changes);
        }
        return Ok(change);
    }
    if foreseen.nobody_answers && since.nothing() {
        let message = format!("no host of it can be reached: {}", listed(&foreseen.unreachable));
        return Err(ProviderError::new(ErrorKind::Unreachable, message)
            .with_hint("plan again when they answer, or leave it out with `--exclude`"));
    }
    let in_doubt = foreseen.unpredictable.is_some() || !foreseen.unreachable.is_empty();
    if since.runs || (since.files && in_doubt) {
        return Ok(run_again(request, recorded, Reason::Changed));
    }
    let mut change = leave_or_record(request, recorded, since);
    if since.files {
        let text = "its files changed since it was applied; a check run of them finds nothing to do";
        change.notes.push(Note(text.to_owned()));
    }
    Ok(change)
}

fn by_digest(request: &PlanRequest<'_>, recorded: &Object, since: &Since) -> PlannedChange {
    if let Some(left) = &since.unfinished {
        return PlannedChange { risks: vec![not_checked()], ..go_on(request, recorded, left) };
    }
    if since.nothing() {
        return leave_or_record(request, recorded, since);
    }
    PlannedChange { risks: vec![not_checked()], ..run_again(request, recorded, Reason::Changed) }
}

fn go_on(request: &PlanRequest<'_>, recorded: &Object, left: &str) -> PlannedChange {
    let text = format!("the last run did not come to its end on {left}");
    run_again(request, recorded, Reason::Other { text })
}

fn run_again(request: &PlanRequest<'_>, recorded: &Object, reason: Reason) -> PlannedChange {
    let config = &request.desired.config;
    let planned = with_digest(&default_plan::planned_update(request.schema, config, &recorded.attributes), request);
    let diffs = default_plan::compare(&recorded.attributes, &planned);
    let mut change = PlannedChange { diffs, ..PlannedChange::new(Action::Update, reason, planned) };
    if text(&recorded.attributes, "source_digest") != text(&change.planned, "source_digest") {
        let text = "what the playbook did before and does not mention any more stays as it is";
        change.notes.push(Note(text.to_owned()));
    }
    change
}

/// Nothing is run: at most the record is brought up to the configuration.
fn leave_or_record(request: &PlanRequest<'_>, recorded: &Object, since: &Since) -> PlannedChange {
    if !since.records {
        return PlannedChange::no_op(recorded.attributes.clone());
    }
    let planned = default_plan::planned_kept(request.schema, &request.desired.config, &recorded.attributes);
    let diffs = default_plan::compare(&recorded.attributes, &planned);
    let mut change = PlannedChange { diffs, ..PlannedChange::new(Action::Update, Reason::Changed, planned) };
    change.notes.push(Note("the playbook is not run, the change is only recorded".to_owned()));
    change
}

fn with_digest(planned: &Value, request: &PlanRequest<'_>) -> Value {
    with(planned, [("source_digest", Value::from(capture::digest(&request.desired.captured)))])
}

/// Says what a check run saw.
fn describe(change: &mut PlannedChange, foreseen: Foreseen, recorded: Option<&Object>) {
    let runs = RESULTS.iter().any(|name| change.planned.get(name).is_some_and(Value::is_unknown));
    let mut note = |text: String| change.notes.push(Note(text));
    for host in &foreseen.unreachable {
        note(format!("cannot be reached, so what would change there is not known: {host}"));
    }
    for play in &foreseen.without_hosts {
        note(format!("no host belongs to the play `{play}`"));
    }
    if !foreseen.failures.is_empty() {
        note(format!(
            "the check run stopped early, for what it only looks at may need what a run makes: {}",
            listed(&foreseen.failures)
        ));
    }
    if let (Some(before), Some(now)) = (recorded.and_then(record::version), &foreseen.version)
        && minor(before) != minor(now)
    {
        note(format!("it was last run by ansible-core {before}, and this is {now}"));
    }
    match (foreseen.unpredictable, runs) {
        (Some(text), true) => change.risks.push(Risk { kind: RiskKind::Unpredictable, text }),
        (Some(text), false) => {
            change
                .notes
                .push(Note(format!("{text}; nothing of the playbook, its inventory and its variables changed")));
        }
        (None, _) => {}
    }
    if runs {
        change.children = foreseen.children;
    }
}

fn not_checked() -> Risk {
    let text = "it is planned by comparing files and variables, so what its tasks do is unpredictable".to_owned();
    Risk { kind: RiskKind::Unpredictable, text }
}

/// The first two numbers of a version.
fn minor(version: &str) -> Vec<&str> {
    version.split('.').take(2).collect()
}
