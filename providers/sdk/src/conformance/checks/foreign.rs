//! What is not ours: an object that bears another state's mark, and one that stands where ours would.

use tokio_util::sync::CancellationToken;

use super::super::bench::{Bench, Checked};
use super::super::hand::Held;
use super::super::law::Law;
use crate::change::{Action, PlannedChange, Reason};
use crate::default_plan::planned_new;
use crate::error::ErrorKind;
use crate::provider::{Applied, Found, Operation, Prepared};
use crate::value::Value;

const LAW: Law = Law::NotOursIsUntouched;

/// Goes on with an object that another state has taken over.
pub(super) async fn disowned(bench: &mut Bench<'_>) -> Checked {
    if bench.is_beyond(LAW) {
        return Ok(());
    }
    let (held, desired) = bench.made().await?;
    let Some(object) = held.object.clone() else { return Ok(()) };
    if !bench.subject.disown(bench.case, &object).await {
        bench.unmade(held).await;
        return Ok(());
    }
    let before = bench.subject.snapshot().await;
    let edits: Vec<Value> = bench.case.edits.iter().map(|edit| edit.config.clone()).collect();
    for config in edits {
        let desired = bench.prepare(&held, &config)?;
        let planned = PlannedChange::new(Action::Update, Reason::Changed, planned_new(bench.schema, &desired.config));
        let applied = attempt(bench, &held, Operation::Update, Some(&desired), &planned).await;
        refused(bench, "an update", &applied);
    }
    let planned = PlannedChange::new(Action::Delete, Reason::NotConfigured, Value::Null);
    // Our object is gone, so a deletion may succeed, as long as it leaves the other's alone.
    let applied = attempt(bench, &held, Operation::Delete, None, &planned).await;
    if applied.error.is_some() {
        refused(bench, "a deletion", &applied);
    }
    let lost = bench.lost(&held, Operation::Create, &desired);
    if let Ok(Found::Present { .. }) = bench.find(LAW, &lost).await {
        bench.broken(LAW, "find takes an object that bears another state's mark");
    }
    untouched(bench, before).await;
    bench.subject.clear_foreign(bench.case).await;
    Ok(())
}

/// Creates where something that is not ours stands already.
pub(super) async fn in_the_way(bench: &mut Bench<'_>) -> Checked {
    if !bench.subject.occupy(bench.case).await {
        return Ok(());
    }
    let before = bench.subject.snapshot().await;
    let held = bench.nothing();
    let config = bench.case.config.clone();
    let desired = bench.prepare(&held, &config)?;
    let planned = PlannedChange::new(Action::Create, Reason::New, planned_new(bench.schema, &desired.config));
    let applied = attempt(bench, &held, Operation::Create, Some(&desired), &planned).await;
    refused(bench, "a creation", &applied);
    bench.hold(LAW, applied.object.is_none(), || "a refused creation is recorded as an object".to_owned());
    let lost = bench.lost(&held, Operation::Create, &desired);
    if let Ok(Found::Present { .. }) = bench.find(LAW, &lost).await {
        bench.broken(LAW, "find takes what stands in the way for ours");
    }
    untouched(bench, before).await;
    bench.subject.clear_foreign(bench.case).await;
    Ok(())
}

async fn attempt(
    bench: &Bench<'_>,
    held: &Held,
    operation: Operation,
    desired: Option<&Prepared>,
    planned: &PlannedChange,
) -> Applied {
    let mut held = held.clone();
    bench.hand.operate(&mut held, operation, desired, planned, CancellationToken::new()).await
}

fn refused(bench: &mut Bench<'_>, what: &str, applied: &Applied) {
    let kind = applied.error.as_ref().map(|error| error.kind);
    bench.hold(LAW, kind == Some(ErrorKind::NotOurs), || match kind {
        Some(kind) => format!("{what} is refused as {kind:?} and not as NotOurs"),
        None => format!("{what} is not refused"),
    });
}

async fn untouched(bench: &mut Bench<'_>, before: Option<String>) {
    let (Some(before), Some(after)) = (before, bench.subject.snapshot().await) else { return };
    bench.hold(LAW, before == after, || "something that is not ours was changed".to_owned());
}
