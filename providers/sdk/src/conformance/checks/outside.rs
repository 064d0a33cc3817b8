//! What happens behind our back: removals, changes, and an engine that does not answer.

use tokio_util::sync::CancellationToken;

use super::super::bench::{Bench, Checked};
use super::super::law::Law;
use super::twice::delete_again;
use crate::change::{Action, PlannedChange, Reason};
use crate::provider::{Observed, Operation};
use crate::value::Value;

/// Removes the object behind the provider's back.
pub(super) async fn removal(bench: &mut Bench<'_>) -> Checked {
    let law = Law::RemovalIsNoticed;
    if bench.is_beyond(law) {
        return Ok(());
    }
    let (mut held, desired) = bench.made().await?;
    let Some(object) = held.object.clone() else { return Ok(()) };
    if !bench.subject.remove(bench.case, &object).await {
        bench.unmade(held).await;
        return Ok(());
    }
    let observed = bench.hand.read(&held).await;
    bench.hold(law, matches!(observed, Observed::Absent), || format!("it reads as {}", shape(&observed)));
    let gone = held.clone();
    delete_again(bench, gone).await;
    let planned = bench.plan(law, &held, &desired).await?;
    bench.hold(law, planned.action == Action::Create, || format!("it is planned as {}", planned.action.word()));
    let done = bench.settle_down(law, &mut held, &desired, &planned).await;
    bench.unmade(held).await;
    done
}

/// Changes the object behind the provider's back.
pub(super) async fn drift(bench: &mut Bench<'_>) -> Checked {
    let law = Law::DriftIsNoticed;
    if bench.is_beyond(law) {
        return Ok(());
    }
    let (mut held, desired) = bench.made().await?;
    let Some(object) = held.object.clone() else { return Ok(()) };
    if !bench.subject.tamper(bench.case, &object).await {
        bench.unmade(held).await;
        return Ok(());
    }
    let observed = bench.hand.read(&held).await;
    bench.hold(law, matches!(observed, Observed::Present(_) | Observed::Absent), || {
        format!("it reads as {}", shape(&observed))
    });
    let planned = bench.plan(law, &held, &desired).await?;
    bench.hold(law, planned.action != Action::NoOp, || "the plan has nothing to do about it".to_owned());
    let done = bench.settle_down(law, &mut held, &desired, &planned).await;
    bench.unmade(held).await;
    done
}

/// Asks an engine that does not answer.
pub(super) async fn silence(bench: &mut Bench<'_>) -> Checked {
    let law = Law::UnreadableIsNotAbsent;
    if bench.is_beyond(law) {
        return Ok(());
    }
    let (mut held, desired) = bench.made().await?;
    if !bench.subject.silence(true).await {
        bench.unmade(held).await;
        return Ok(());
    }
    let observed = bench.hand.read(&held).await;
    bench.hold(law, matches!(observed, Observed::Unreadable { .. }), || format!("it reads as {}", shape(&observed)));
    let lost = bench.lost(&held, Operation::Create, &desired);
    let found = bench.hand.connection.find(&[lost]).await;
    bench.hold(law, found.is_err(), || "find answers without an engine".to_owned());
    let planned = PlannedChange::new(Action::Delete, Reason::NotConfigured, Value::Null);
    let before = held.clone();
    let applied = bench.hand.operate(&mut held, Operation::Delete, None, &planned, CancellationToken::new()).await;
    bench.hold(law, applied.error.is_some(), || "deleting succeeds without an engine".to_owned());
    bench.hold(law, held.object.is_some(), || "a deletion that failed took the object from the record".to_owned());
    bench.subject.silence(false).await;
    if held.object.is_none() {
        held = before;
    }
    let done = bench.nothing_to_do(law, &held, &desired).await;
    bench.unmade(held).await;
    done
}

fn shape(observed: &Observed) -> &'static str {
    match observed {
        Observed::AsRecorded => "as recorded",
        Observed::Present(_) => "present",
        Observed::Absent => "absent",
        Observed::Unreadable { .. } => "unreadable",
    }
}
