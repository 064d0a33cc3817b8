//! Runs a playbook for good, and records host by host how it went.

use std::time::Duration;

use deployctl_sdk::{
    Applied, Change, ErrorKind, Object, Operation, Place, ProviderError, ResourceSchema, Run as Setting,
};

use crate::children::listed;
use crate::config::{number, text};
use crate::run::{self, Order};
use crate::tally::Tally;
use crate::workspace::{self, Workspace};
use crate::{children, destroy, record, secrets};

/// Does one operation.
pub(crate) async fn apply(place: &Place, schema: &ResourceSchema, change: &Change, setting: &Setting) -> Applied {
    let prior = change.prior.clone();
    match change.operation {
        Operation::Create => make(place, schema, change, setting).await,
        Operation::Update if is_only_recorded(change) => record_only(place, change, setting),
        Operation::Update => make(place, schema, change, setting).await,
        Operation::Delete => destroy::destroy(place, change, setting).await,
        Operation::Replace => {
            let message = "ansible_playbook is not replaced in one operation";
            Applied::failed(prior, ProviderError::new(ErrorKind::Internal, message))
        }
    }
}

/// Whether the plan promised the results of the last run: then there is none.
fn is_only_recorded(change: &Change) -> bool {
    change.planned.as_map().is_some_and(|planned| planned.get("hosts").is_some_and(|hosts| !hosts.is_unknown()))
}

fn record_only(place: &Place, change: &Change, setting: &Setting) -> Applied {
    let Some(prior) = &change.prior else {
        return Applied::failed(None, ProviderError::new(ErrorKind::Internal, "there is no record to change"));
    };
    if let Err(error) = keep(place, change, setting) {
        return Applied::failed(Some(prior.clone()), error);
    }
    Applied::done(Object { attributes: change.planned.clone(), ..prior.clone() })
}

async fn make(place: &Place, schema: &ResourceSchema, change: &Change, setting: &Setting) -> Applied {
    match execute(place, change, setting).await {
        Ok((tally, cancelled, lost)) => {
            let ended = tally.counts.is_some() && !cancelled;
            let prior = change.prior.as_ref();
            let object = record::after_run(schema, &change.config, &change.captured, prior, &tally, ended);
            match verdict(&tally, cancelled).or(lost) {
                None => Applied::done(object),
                Some(error) => Applied { resumes: true, ..Applied::failed(Some(object), error) },
            }
        }
        // Nothing was begun: what was there still is.
        Err(error) => {
            if change.prior.is_none() {
                // Best effort: without a record nobody asks for it again, and the error that matters is the one answered.
                let _ = workspace::let_go(place, change.mark.id);
            }
            Applied { resumes: true, ..Applied::failed(change.prior.clone(), error) }
        }
    }
}

/// What a run came to, whether it was cancelled, and what is wrong with where it wrote.
type Executed = (Tally, bool, Option<ProviderError>);

async fn execute(place: &Place, change: &Change, setting: &Setting) -> Result<Executed, ProviderError> {
    if setting.cancel.is_cancelled() {
        return Err(ProviderError::new(ErrorKind::Cancelled, "cancelled before the playbook was run"));
    }
    let workspace = Workspace::of(place, &change.captured, &*setting.files, &setting.cancel).await?;
    keep(place, change, setting)?;
    let playbook = text(&change.config, "playbook").unwrap_or_default();
    let mask = secrets::mask(&change.config, change.prior.as_ref());
    let former = run::former(&workspace, change.prior.as_ref(), &change.captured, &*setting.files)?;
    let order = Order {
        place,
        config: &change.config,
        playbook: &playbook,
        captured: &change.captured,
        workspace: &workspace,
        mask: &mask,
        former: &former,
        check: false,
        hosts: None,
    };
    let (tally, cancelled) = with_retries(&order, setting).await?;
    let written = workspace.written(&change.captured);
    let lost = (!written.is_empty()).then(|| written_beside_the_playbook(&written));
    Ok((tally, cancelled, lost))
}

/// Relative paths of tasks on this machine start at the playbook's folder, and that is a copy.
fn written_beside_the_playbook(written: &[String]) -> ProviderError {
    let message =
        format!("the playbook wrote into its own folder, which is a copy that goes away: {}", listed(written));
    ProviderError::new(ErrorKind::Refused, message)
        .with_hint("give its tasks absolute paths, for example with `extra_vars = { target = abspath(\"out\") }`")
}

/// Runs a playbook, and again for hosts that could not be reached.
pub(crate) async fn with_retries(order: &Order<'_>, setting: &Setting) -> Result<(Tally, bool), ProviderError> {
    let say = |text: String| setting.progress.say(text);
    let first = order.run(&setting.cancel, &say).await?;
    let (mut tally, mut cancelled) = (first.tally, first.cancelled);
    let mut delay = Duration::from_secs(1);
    for _ in 0..number(order.config, "unreachable_retries").unwrap_or(0) {
        let hosts = tally.hosts();
        let away: Vec<String> =
            hosts.iter().filter(|(_, ended)| ended.is_unreachable()).map(|(host, _)| host.clone()).collect();
        if away.is_empty() || cancelled {
            break;
        }
        let names: Vec<String> = away.iter().map(|host| tally.shown(host)).collect();
        say(format!("cannot be reached, trying again in {} s: {}", delay.as_secs(), listed(&names)));
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = setting.cancel.cancelled() => {
                cancelled = true;
                break;
            }
        }
        delay *= 2;
        match (Order { hosts: Some(&away), ..*order }).run(&setting.cancel, &say).await {
            Ok(run) => {
                cancelled |= run.cancelled;
                tally.followed_by(run.tally);
            }
            Err(error) if error.kind == ErrorKind::Cancelled => {
                cancelled = true;
                break;
            }
            // What the first run did stands; the hosts stay unreachable.
            Err(_) => break,
        }
    }
    Ok((tally, cancelled))
}

/// What went wrong on which host, if anything did.
pub(crate) fn verdict(tally: &Tally, cancelled: bool) -> Option<ProviderError> {
    if cancelled {
        return Some(ProviderError::new(ErrorKind::Cancelled, "the playbook was cancelled on the way"));
    }
    let hosts = tally.hosts();
    let lines: Vec<String> =
        record::failed(&hosts).flat_map(|(host, ended)| in_words(tally, host, ended.word())).collect();
    let failed = record::failed(&hosts).count();
    if failed == 0 {
        return None;
    }
    let unreachable = hosts.values().filter(|ended| ended.is_unreachable()).count();
    let message = match (failed, unreachable) {
        (failed, unreachable) if failed == unreachable => {
            format!("{failed} of {} hosts cannot be reached", hosts.len())
        }
        (failed, 0) => format!("the playbook failed on {failed} of {} hosts", hosts.len()),
        (failed, unreachable) => format!(
            "the playbook failed on {} of {} hosts, and {unreachable} cannot be reached",
            failed - unreachable,
            hosts.len()
        ),
    };
    let error = ProviderError::new(ErrorKind::Refused, message).with_detail(lines);
    Some(error.with_hint("what was done is recorded host by host; the next apply goes on"))
}

fn in_words(tally: &Tally, host: &str, word: &str) -> Vec<String> {
    let shown = tally.shown(host);
    let Some(failure) = tally.last_failure(host) else { return vec![format!("{shown}: {word}")] };
    if failure.hidden {
        return vec![format!("{shown}: {}: {word}, and what it said is hidden by no_log", failure.task)];
    }
    let mut lines = failure.message.lines();
    let first = children::first_line(lines.next().unwrap_or(word));
    let head = format!("{shown}: {}: {first}", failure.task);
    std::iter::once(head).chain(lines.take(4).map(|line| format!("  {line}"))).collect()
}

/// Keeps what the playbook that undoes it will need, or lets go of what an earlier run kept.
fn keep(place: &Place, change: &Change, setting: &Setting) -> Result<(), ProviderError> {
    match text(&change.config, "destroy_playbook") {
        Some(_) => workspace::keep(place, change.mark.id, &change.captured, &*setting.files),
        None => workspace::let_go(place, change.mark.id),
    }
}
