//! What happens to one object: the server's dry run of applying it, compared with what is there.

use std::collections::BTreeSet;

use deployctl_sdk::{Action, Diff, ErrorKind, Mask, ProviderError, ReplaceOrder, Risk, Value, diff};

use super::refusal::{Conflict, Refusal};
use super::risks;
use crate::cluster::{Cluster, How};
use crate::fields::{Fields, hide};
use crate::json::{Json, text, to_value};
use crate::mark::{self, Whose};
use crate::options::Options;
use crate::record::{Entry, Marking};
use crate::wanted::{Upcoming, Wanted};

/// What all objects of a resource are decided by.
pub(crate) struct Case<'c> {
    pub cluster: &'c Cluster,
    pub marking: &'c Marking,
    pub options: &'c Options,
    pub mask: &'c Mask,
    pub upcoming: &'c Upcoming,
    /// The resource's address, for messages.
    pub address: &'c str,
}

/// What happens to one object.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub action: Action,
    pub reason: String,
    pub diffs: Vec<Diff>,
    /// What was changed outside deployctl: from what was applied to what is there.
    pub drift: Vec<Diff>,
    pub risks: Vec<Risk>,
}

impl Verdict {
    pub(crate) fn new(action: Action, reason: impl Into<String>) -> Self {
        Self { action, reason: reason.into(), diffs: Vec::new(), drift: Vec::new(), risks: Vec::new() }
    }
}

impl Case<'_> {
    /// Decides on one object. `entry` is what was recorded of it.
    ///
    /// # Errors
    /// When the server refuses it, or what is there is not ours.
    pub(crate) async fn decide(
        &self,
        wanted: &Wanted,
        live: Option<&Json>,
        entry: Option<&Entry>,
    ) -> Result<Verdict, ProviderError> {
        if let Some(who) = &wanted.kind_made_by {
            return Ok(Verdict::new(Action::Deferred, format!("deferred: {who}")));
        }
        let Some(live) = live else { return self.creation(wanted, entry).await };
        refuse_foreign(live, wanted, self.marking, self.address)?;
        refuse_going(live, wanted)?;
        if let Some(entry) = entry
            && entry.manifest == wanted.manifest
            && entry.is_as_applied(live, &self.cluster.manager)
        {
            return Ok(Verdict::new(Action::NoOp, ""));
        }
        self.change(wanted, live, entry).await
    }

    fn marked(&self, wanted: &Wanted) -> Json {
        let mut object = wanted.object.clone();
        self.marking.put(&mut object);
        object
    }

    async fn dry_run(&self, wanted: &Wanted, force: bool) -> Result<Json, Refusal> {
        let how = How { dry_run: true, force };
        let object = self.marked(wanted);
        let answer = self.cluster.apply(&wanted.kind, &wanted.id.namespace, &object, how).await;
        let what = format!("{} ({})", wanted.id, wanted.place);
        let answer = answer.map_err(|error| Refusal::of(error, &what))?;
        serde_json::from_str(&answer).map_err(|error| {
            Refusal::Other(ProviderError::new(ErrorKind::Internal, format!("{what}: the answer is not JSON: {error}")))
        })
    }

    fn masked(&self, error: ProviderError) -> ProviderError {
        masked(error, self.mask)
    }

    async fn creation(&self, wanted: &Wanted, entry: Option<&Entry>) -> Result<Verdict, ProviderError> {
        let reason = if entry.is_some() { "was deleted outside deployctl" } else { "" };
        let made_here = || self.upcoming.namespaces.get(&wanted.id.namespace);
        match self.dry_run(wanted, false).await {
            Ok(_) => {}
            Err(Refusal::NoNamespace) => {
                return match made_here() {
                    Some(who) => Ok(Verdict::new(Action::Deferred, format!("deferred: {who}"))),
                    None => Err(self.masked(no_namespace(wanted))),
                };
            }
            Err(Refusal::Other(error)) => return Err(self.masked(error)),
            Err(Refusal::Conflicts(_) | Refusal::Immutable(_)) => {
                let text = format!("{} was made by somebody else while this was planned", wanted.id);
                return Err(ProviderError::new(ErrorKind::Transient, text));
            }
        }
        let mut verdict = Verdict::new(Action::Create, reason);
        verdict.risks.extend(risks::of_creation(&wanted.id, &wanted.object));
        Ok(verdict)
    }

    async fn change(&self, wanted: &Wanted, live: &Json, entry: Option<&Entry>) -> Result<Verdict, ProviderError> {
        let mut taken = Vec::new();
        let mut answer = self.dry_run(wanted, false).await;
        if let Err(Refusal::Conflicts(conflicts)) = answer {
            refuse_conflicts(&conflicts, wanted, entry, self.options, self.address)?;
            taken = conflicts;
            answer = self.dry_run(wanted, true).await;
        }
        match answer {
            Ok(after) => Ok(self.compared(wanted, live, &after, entry, &taken)),
            Err(Refusal::Immutable(fields)) => {
                self.refuse_unfit(wanted).await?;
                Ok(self.replacement(wanted, live, &fields))
            }
            Err(Refusal::NoNamespace) => Err(self.masked(no_namespace(wanted))),
            Err(Refusal::Other(error)) => Err(self.masked(error)),
            Err(Refusal::Conflicts(_)) => {
                let text = format!("{}: its fields are not given up by their managers", wanted.id);
                Err(ProviderError::new(ErrorKind::Refused, text))
            }
        }
    }

    /// Refuses a replacement that the server would not take once the old object is gone. It is tried under another name,
    /// for this one is taken; what only the name or the old object may be the reason for is no objection.
    ///
    /// # Errors
    /// What is wrong with the new object.
    async fn refuse_unfit(&self, wanted: &Wanted) -> Result<(), ProviderError> {
        // The names of these say what is in them.
        if matches!(wanted.id.kind.as_str(), "CustomResourceDefinition" | "APIService") {
            return Ok(());
        }
        let mut trial = self.marked(wanted);
        let start: String = wanted.id.name.chars().take(40).collect();
        trial["metadata"]["name"] = Json::from(format!("{}-anew", start.trim_end_matches(['-', '.'])));
        if wanted.id.kind == "Service" {
            without_addresses(&mut trial);
        }
        let how = How { dry_run: true, force: false };
        let Err(error) = self.cluster.apply(&wanted.kind, &wanted.id.namespace, &trial, how).await else {
            return Ok(());
        };
        match Refusal::of(error, &format!("{} ({})", wanted.id, wanted.place)) {
            Refusal::Other(error)
                if error.kind == ErrorKind::Invalid && !error.message.contains("admission webhook") =>
            {
                Err(self.masked(error))
            }
            _ => Ok(()),
        }
    }

    fn compared(
        &self,
        wanted: &Wanted,
        live: &Json,
        after: &Json,
        entry: Option<&Entry>,
        taken: &[Conflict],
    ) -> Verdict {
        let manager = &self.cluster.manager;
        let (owned, owned_after) = (Fields::applied(live, manager), Fields::applied(after, manager));
        let recorded = entry.map(|entry| Fields::from_text(&entry.owned)).unwrap_or_default();
        let fields = owned.union(&owned_after).union(&recorded);
        let diffs = diff(&fields.view(live, self.mask), &fields.view(after, self.mask));
        let new_to_us = entry.is_none();
        let as_before = entry.is_some_and(|entry| entry.manifest == wanted.manifest);
        if diffs.is_empty() && owned == owned_after && !new_to_us {
            return Verdict::new(Action::NoOp, "");
        }
        let drift = match as_before {
            true => diffs.iter().map(reversed).collect(),
            false => Vec::new(),
        };
        let reason = match (taken, diffs.is_empty()) {
            ([], true) if new_to_us => "is managed here from now on".to_owned(),
            ([], true) => ownership_changes(&owned, &owned_after),
            ([], false) if as_before => "was changed outside deployctl".to_owned(),
            ([], false) => String::new(),
            (taken, _) => who_changed(taken, &recorded.paths()),
        };
        let risks = risks::of_changes(&wanted.id, after, &diffs);
        Verdict { action: Action::Update, reason, diffs, drift, risks }
    }

    fn replacement(&self, wanted: &Wanted, live: &Json, fields: &[String]) -> Verdict {
        let before = hide(to_value(&restricted(live, &wanted.object)), self.mask);
        let after = hide(to_value(&wanted.object), self.mask);
        let secret = wanted.id.kind == "Secret";
        let mut diffs: Vec<Diff> =
            diff(&before, &after).into_iter().map(|diff| if secret { concealed(diff) } else { diff }).collect();
        for diff in &mut diffs {
            let path = diff.path.to_string();
            diff.forces_replacement =
                fields.iter().any(|field| path.starts_with(field.as_str()) || field.starts_with(&path));
        }
        let reason = format!("cannot be changed in place: {}", fields.join(", "));
        let risks = vec![risks::of_replacement(&wanted.id)];
        Verdict { action: Action::Replace(ReplaceOrder::DeleteFirst), reason, diffs, drift: Vec::new(), risks }
    }
}

/// Takes out of a Service what no two of them can have.
fn without_addresses(service: &mut Json) {
    let Some(spec) = service.get_mut("spec").and_then(Json::as_object_mut) else { return };
    spec.retain(|field, value| !matches!(field.as_str(), "clusterIP" | "clusterIPs") || *value == "None");
    spec.remove("healthCheckNodePort");
    for port in spec.get_mut("ports").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(port) = port.as_object_mut() {
            port.remove("nodePort");
        }
    }
}

/// Refuses what bears no mark of ours.
///
/// # Errors
/// That it is not ours, and how it could be.
pub(crate) fn refuse_foreign(
    live: &Json,
    wanted: &Wanted,
    marking: &Marking,
    address: &str,
) -> Result<(), ProviderError> {
    let id = &wanted.id;
    let hint = match id.namespace.as_str() {
        "" => format!("take it over with `deployctl import '{address}' {}/{}`, or rename it", id.kind, id.name),
        namespace => {
            format!(
                "take it over with `deployctl import '{address}' {}/{namespace}/{}`, or rename it",
                id.kind, id.name
            )
        }
    };
    let error = |text: String| Err(ProviderError::new(ErrorKind::NotOurs, text).with_hint(hint.clone()));
    match mark::whose(live, marking.lineage, marking.id) {
        Whose::Ours => Ok(()),
        Whose::Nobodys => error(format!("{id} is there already and is not managed here")),
        Whose::AnotherStates => {
            let text = format!("{id} belongs to another state");
            let hint = "remove it from that state first, with `deployctl state rm` there";
            Err(ProviderError::new(ErrorKind::NotOurs, text).with_hint(hint))
        }
        Whose::Sibling => {
            let by = mark::maker(live).unwrap_or("another resource");
            let text = format!("{id} belongs to {by}");
            let hint = "take it out of one of them and apply, or rename the resource with `deployctl state mv`";
            Err(ProviderError::new(ErrorKind::NotOurs, text).with_hint(hint))
        }
    }
}

/// Refuses what is being deleted: nothing that is applied to it would last.
fn refuse_going(live: &Json, wanted: &Wanted) -> Result<(), ProviderError> {
    if live.pointer("/metadata/deletionTimestamp").is_none_or(Json::is_null) {
        return Ok(());
    }
    let why = match finalizers(live).as_slice() {
        [] => "it is not gone yet".to_owned(),
        names => format!("it waits for the finalizer {}", names.join(", ")),
    };
    let text = format!("{} is being deleted: {why}", wanted.id);
    Err(ProviderError::new(ErrorKind::Transient, text).with_hint("plan again when it is gone"))
}

/// What holds an object that is deleted.
pub(crate) fn finalizers(object: &Json) -> Vec<&str> {
    let list = |pointer: &str| object.pointer(pointer).and_then(Json::as_array).into_iter().flatten();
    list("/metadata/finalizers").chain(list("/spec/finalizers")).filter_map(Json::as_str).collect()
}

fn no_namespace(wanted: &Wanted) -> ProviderError {
    let namespace = &wanted.id.namespace;
    let text = format!("{} ({}): there is no namespace {namespace}", wanted.id, wanted.place);
    ProviderError::new(ErrorKind::Invalid, text)
        .with_hint("add a manifest of it; where another resource makes it, name that in `depends_on`")
}

/// Refuses to take fields that others had before we first claimed them, unless that is allowed.
///
/// # Errors
/// The fields with their managers.
pub(crate) fn refuse_conflicts(
    conflicts: &[Conflict],
    wanted: &Wanted,
    entry: Option<&Entry>,
    options: &Options,
    address: &str,
) -> Result<(), ProviderError> {
    let claimed = entry.map(|entry| Fields::from_text(&entry.owned).paths()).unwrap_or_default();
    let theirs: Vec<&Conflict> = conflicts.iter().filter(|conflict| !claims(&claimed, &conflict.field)).collect();
    if theirs.is_empty() || options.force_conflicts {
        return Ok(());
    }
    let lines: Vec<String> =
        theirs.iter().map(|conflict| format!("{} is owned by {}", shown(&conflict.field), conflict.manager)).collect();
    let text = match lines.as_slice() {
        [only] => format!("{}: {only}", wanted.id),
        lines => format!("{}: {} fields are owned by others", wanted.id, lines.len()),
    };
    let hint = format!("leave them out of the manifest, or take them over with `force_conflicts = true` in {address}");
    let detail = if lines.len() > 1 { lines } else { Vec::new() };
    Err(ProviderError::new(ErrorKind::NotOurs, text).with_hint(hint).with_detail(detail))
}

/// Whether a field, or what it is in or has in it, was applied by us.
fn claims(claimed: &BTreeSet<String>, field: &str) -> bool {
    let is_step = |rest: &str| rest.starts_with(['.', '[']);
    claimed.contains(field)
        || claimed.iter().any(|own| own.strip_prefix(field).is_some_and(is_step))
        || claimed.iter().any(|own| !own.is_empty() && field.strip_prefix(own.as_str()).is_some_and(is_step))
}

fn who_changed(taken: &[Conflict], claimed: &BTreeSet<String>) -> String {
    let mut managers: Vec<(&str, Vec<&str>, bool)> = Vec::new();
    for conflict in taken {
        let drifted = claims(claimed, &conflict.field);
        match managers.iter_mut().find(|(manager, _, drift)| *manager == conflict.manager && *drift == drifted) {
            Some((_, fields, _)) => fields.push(shown(&conflict.field)),
            None => managers.push((&conflict.manager, vec![shown(&conflict.field)], drifted)),
        }
    }
    let said = managers.into_iter().map(|(manager, fields, drifted)| match drifted {
        true => format!("{manager} changed {}", fields.join(", ")),
        false => format!("takes {} from {manager}", fields.join(", ")),
    });
    said.collect::<Vec<_>>().join("; ")
}

fn ownership_changes(before: &Fields, after: &Fields) -> String {
    let (before, after) = (before.paths(), after.paths());
    let listed = |fields: Vec<&String>| match fields.as_slice() {
        [one] => shown(one).to_owned(),
        many => format!("{} fields", many.len()),
    };
    let gained: Vec<&String> = after.difference(&before).collect();
    let lost: Vec<&String> = before.difference(&after).collect();
    match (gained.is_empty(), lost.is_empty()) {
        (false, true) => format!("owns {} from now on, with the value that is there", listed(gained)),
        (true, false) => format!("gives up {}, which stays as it is", listed(lost)),
        _ => "other fields are owned, with the values that are there".to_owned(),
    }
}

fn shown(field: &str) -> &str {
    field.trim_start_matches('.')
}

fn reversed(diff: &Diff) -> Diff {
    Diff { before: diff.after.clone(), after: diff.before.clone(), ..diff.clone() }
}

/// What an object has of the members that another one has.
fn restricted(live: &Json, like: &Json) -> Json {
    match (live, like) {
        (Json::Object(live), Json::Object(like)) => {
            let both =
                live.iter().filter_map(|(name, member)| Some((name.clone(), restricted(member, like.get(name)?))));
            Json::Object(both.collect())
        }
        (Json::Array(live), Json::Array(like)) if live.len() == like.len() => {
            Json::Array(live.iter().zip(like).map(|(live, like)| restricted(live, like)).collect())
        }
        (live, _) => live.clone(),
    }
}

/// A difference in a Secret, of which only digests are told.
fn concealed(diff: Diff) -> Diff {
    let inside = diff.path.attribute().is_some_and(|name| matches!(name, "data" | "stringData"));
    let conceal = |value: &Value| {
        let json = serde_json::to_string(&crate::json::of_value(value)).unwrap_or_default();
        Value::from(format!("sha256:{}", deployctl_sdk::Digest::of(json.as_bytes()).short())).into_sensitive()
    };
    match inside {
        true => Diff { before: diff.before.as_ref().map(conceal), after: diff.after.as_ref().map(conceal), ..diff },
        false => diff,
    }
}

/// The error without secrets that the server quoted.
pub(crate) fn masked(error: ProviderError, mask: &Mask) -> ProviderError {
    ProviderError {
        message: mask.apply(&error.message),
        detail: error.detail.iter().map(|line| mask.apply(line)).collect(),
        ..error
    }
}

/// Whether an object is gone or another one by now.
pub(crate) fn is_same(object: &Json, uid: &str) -> bool {
    text(object, "/metadata/uid") == uid
}
