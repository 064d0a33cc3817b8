//! The plan of one resource: a verdict on each object, put together.

pub(crate) mod assemble;
pub(crate) mod decide;
mod offline;
pub(crate) mod refusal;
pub(crate) mod risks;

use std::collections::HashSet;

use deployctl_sdk::{
    Action, ErrorKind, Note, PlanRequest, PlannedChange, Prepared, ProviderError, Value, default_plan,
};
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use crate::cluster::AT_ONCE;
use crate::id::Id;
use crate::look::{Found, Target, look};
use crate::mark;
use crate::options::Options;
use crate::record::{Entry, Marking, Record};
use crate::site::Site;
use crate::sources::{self, Rendered, Rendering};
use crate::wanted::{self, Upcoming, Wanted};
use decide::{Case, Verdict};

/// An object with what happens to it.
pub(crate) struct Decided {
    pub id: Id,
    pub verdict: Verdict,
}

/// Plans one resource.
///
/// # Errors
/// When something in it cannot be, the cluster does not answer, or what is there is not ours.
pub(crate) async fn plan(site: &Site, request: &PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
    let base = default_plan::plan(request)?;
    let config = &request.desired.config;
    if config.contains_unknown() {
        let text = "its objects are checked when all of its configuration is known";
        return Ok(PlannedChange { notes: vec![Note(text.to_owned())], ..base });
    }
    let options = Options::of(config).map_err(sources::first)?;
    let record = request.recorded.map(Record::of).unwrap_or_default();
    let reached = site.cluster.kinds().await;
    if let Err(error) = &reached
        && error.kind == ErrorKind::Unreachable
        && (options.offline || site.cluster.may_be_offline())
    {
        return offline::plan(request, base, &record, &options, error);
    }
    let plan = Plan { site, request, options, record, address: request.address.to_string() };
    let Settled { wanted, hooks } = plan.wanted(request.desired).await?;
    let decided = plan.decide(&wanted).await?;
    let mut planned = assemble::assemble(request, base, &plan.record, &wanted, decided);
    if !hooks.is_empty() && planned.action != Action::NoOp {
        let text = format!("hooks of the chart are not run here: {}", hooks.join(", "));
        planned.notes.push(Note(text));
    }
    Ok(planned)
}

struct Plan<'p> {
    site: &'p Site,
    request: &'p PlanRequest<'p>,
    options: Options,
    record: Record,
    address: String,
}

impl Plan<'_> {
    /// The objects that are wanted.
    async fn wanted(&self, prepared: &Prepared) -> Result<Settled, ProviderError> {
        let cancel = CancellationToken::new();
        wanted(self.site, prepared, self.request.files, &self.options, &self.address, &cancel).await
    }

    async fn decide(&self, wanted: &[Wanted]) -> Result<Vec<Decided>, ProviderError> {
        let live = self.live(wanted).await?;
        let upcoming = self.site.upcoming();
        let marking = Marking {
            lineage: self.site.lineage,
            id: self.record.id,
            address: if self.record.address.is_empty() { self.address.clone() } else { self.record.address.clone() },
        };
        let mask = wanted::mask(&self.request.desired.config, wanted.iter().map(|wanted| &wanted.object));
        let case = Case {
            cluster: &self.site.cluster,
            marking: &marking,
            options: &self.options,
            mask: &mask,
            upcoming: &upcoming,
            address: &self.address,
        };
        let entries = self.record.by_id();
        let asked: Vec<_> =
            wanted.iter().map(|one| decided(&case, one, &live, entries.get(&one.id).copied())).collect();
        let mut answers = stream::iter(asked).buffered(AT_ONCE);
        let mut all = Vec::with_capacity(wanted.len());
        let mut problems = Vec::new();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(decided) => all.push(decided),
                Err(error) => problems.push(error),
            }
        }
        if !problems.is_empty() {
            return Err(sources::first(problems));
        }
        let kept: HashSet<&Id> = wanted.iter().map(|wanted| &wanted.id).collect();
        let mut gone: Vec<&Entry> = self.record.entries.iter().filter(|entry| !kept.contains(&entry.id)).collect();
        gone.sort_by_key(|entry| std::cmp::Reverse(crate::wave::of(&entry.id.group, &entry.id.kind)));
        all.extend(self.deletions(&gone).await?);
        Ok(all)
    }

    /// What is there of what is wanted: what was just read need not be asked again.
    async fn live(&self, wanted: &[Wanted]) -> Result<Found, ProviderError> {
        let (mut found, unknown) = self.site.take_seen(wanted.iter().map(|wanted| &wanted.id));
        let targets = wanted
            .iter()
            .filter(|wanted| unknown.contains(&wanted.id) && wanted.kind_made_by.is_none())
            .map(|wanted| Target { id: &wanted.id, kind: &wanted.kind });
        found.extend(look(&self.site.cluster, targets.collect(), None).await?);
        Ok(found)
    }

    /// What is recorded and not wanted any more: deleted, if it is there and ours.
    async fn deletions(&self, gone: &[&Entry]) -> Result<Vec<Decided>, ProviderError> {
        let kinds = self.site.cluster.kinds().await?;
        let (mut found, unknown) = self.site.take_seen(gone.iter().map(|entry| &entry.id));
        let targets = gone.iter().filter(|entry| unknown.contains(&entry.id)).filter_map(|entry| {
            let kind = kinds.get(&entry.api_version, &entry.id.kind);
            let kind = kind.or_else(|| kinds.of_group(&entry.id.group, &entry.id.kind))?;
            Some(Target { id: &entry.id, kind })
        });
        found.extend(look(&self.site.cluster, targets.collect(), None).await?);
        let decided = gone.iter().filter_map(|entry| {
            let live = found.get(&entry.id)?;
            let ours = mark::whose(live, self.site.lineage, self.record.id) == mark::Whose::Ours;
            let verdict = match ours {
                true => Verdict {
                    risks: risks::of_deletion(&entry.id).into_iter().collect(),
                    ..Verdict::new(Action::Delete, "no longer in the manifests")
                },
                false => Verdict::new(Action::Forget, "no longer in the manifests, and not ours any more"),
            };
            Some(Decided { id: entry.id.clone(), verdict })
        });
        Ok(decided.collect())
    }
}

async fn decided(
    case: &Case<'_>,
    wanted: &Wanted,
    live: &Found,
    entry: Option<&Entry>,
) -> Result<Decided, ProviderError> {
    let verdict = case.decide(wanted, live.get(&wanted.id), entry).await?;
    Ok(Decided { id: wanted.id.clone(), verdict })
}

/// What a configuration asks for, settled on a cluster.
pub(crate) struct Settled {
    /// The objects.
    pub wanted: Vec<Wanted>,
    /// What of a chart is left out: hooks, each with when it would be run.
    pub hooks: Vec<String>,
}

/// The objects that a configuration wants, settled on the cluster.
///
/// # Errors
/// When something in it cannot be, or the cluster does not answer.
pub(crate) async fn wanted(
    site: &Site,
    prepared: &Prepared,
    files: &dyn deployctl_sdk::Files,
    options: &Options,
    address: &str,
    cancel: &CancellationToken,
) -> Result<Settled, ProviderError> {
    let kinds = site.cluster.kinds().await?;
    let namespace = site.cluster.namespace().await?;
    let version = match prepared.config.get("chart") {
        Some(_) => site.cluster.version().await.ok(),
        None => None,
    };
    let release = release_of(address);
    let rendering = Rendering {
        release: &release,
        namespace: options.namespace.as_deref().unwrap_or(namespace),
        version: version.as_deref(),
        cancel,
    };
    let Rendered { documents, hooks } = sources::documents(prepared, files, &rendering).await?;
    let mut own = Upcoming::default();
    own.add(&documents, "this resource");
    let upcoming = site.and_upcoming(&own);
    site.announce(&documents, address);
    let wanted = wanted::settle(documents, &kinds, &upcoming, options, namespace)?;
    let hooks =
        hooks.iter().map(|hook| format!("{} {} ({})", hook.kind(), hook.name(), hook.hook().unwrap_or_default()));
    Ok(Settled { wanted, hooks: hooks.collect() })
}

/// The name of a release after the resource that has it.
fn release_of(address: &str) -> String {
    let name = address.rsplit('.').next().unwrap_or_default().to_lowercase();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    name.trim_matches('-').to_owned()
}

/// The objects as an attribute has them.
pub(crate) fn listed<'i>(objects: impl Iterator<Item = (&'i Id, &'i str)>) -> Value {
    Value::list(objects.map(|(id, api_version)| {
        Value::map([
            ("api_version", Value::from(api_version)),
            ("kind", Value::from(id.kind.as_str())),
            ("namespace", Value::from(id.namespace.as_str())),
            ("name", Value::from(id.name.as_str())),
        ])
    }))
}
