//! Doing it twice: a run that is repeated because nobody knows whether it happened must not do it a second time.

use tokio_util::sync::CancellationToken;

use super::super::bench::{Bench, Checked, broken_promises, paths};
use super::super::hand::Held;
use super::super::law::Law;
use crate::change::{Action, PlannedChange, Reason};
use crate::provider::{Operation, Prepared};
use crate::value::Value;

/// Creates, updates and deletes twice each.
pub(super) async fn check(bench: &mut Bench<'_>) -> Checked {
    let law = Law::TwiceIsOnce;
    let before = bench.subject.leftovers().await;
    let mut held = bench.nothing();
    let config = bench.case.config.clone();
    let desired = bench.prepare(&held, &config)?;
    let planned = bench.plan(law, &held, &desired).await?;
    let mut done = twice(bench, &mut held, Operation::Create, &desired, &planned).await;

    for edit in bench.case.edits.clone() {
        if done.is_err() {
            break;
        }
        let desired = bench.prepare(&held, &edit.config)?;
        let planned = bench.plan(law, &held, &desired).await?;
        if planned.action == Action::Update {
            done = twice(bench, &mut held, Operation::Update, &desired, &planned).await;
        }
    }

    let again = held.clone();
    bench.unmade(held).await;
    delete_again(bench, again).await;
    if let (Some(before), Some(after)) = (before, bench.subject.leftovers().await) {
        bench.hold(law, before.len() == after.len(), || format!("something was made twice: {}", after.join(", ")));
    }
    done
}

async fn twice(
    bench: &mut Bench<'_>,
    held: &mut Held,
    operation: Operation,
    desired: &Prepared,
    planned: &PlannedChange,
) -> Checked {
    let law = Law::TwiceIsOnce;
    let prior = held.clone();
    for time in ["first", "second"] {
        // The second time knows no more than the first did: its record was lost.
        let mut attempt = prior.clone();
        let applied =
            bench.hand.operate(&mut attempt, operation, Some(desired), planned, CancellationToken::new()).await;
        if attempt.object.is_some() {
            *held = attempt;
        }
        if let Some(error) = applied.error {
            bench.examine(law);
            return Err(bench.broken(law, format!("{operation:?} fails the {time} time: {error}")));
        }
    }
    let actual = held.object.as_ref().map(|object| object.attributes.clone()).unwrap_or_default();
    let different = broken_promises(&planned.planned, &actual);
    bench.hold(law, different.is_empty(), || {
        format!("after {operation:?} twice, not as planned: {}", paths(&different))
    });
    bench.nothing_to_do(law, held, desired).await
}

/// Deletes what is gone.
pub(super) async fn delete_again(bench: &mut Bench<'_>, mut held: Held) {
    let law = Law::DeleteOfGoneSucceeds;
    if held.object.is_none() {
        return;
    }
    let planned = PlannedChange::new(Action::Delete, Reason::NotConfigured, Value::Null);
    let applied = bench.hand.operate(&mut held, Operation::Delete, None, &planned, CancellationToken::new()).await;
    bench.hold(law, applied.error.is_none(), || {
        format!("it fails: {}", applied.error.as_ref().map(ToString::to_string).unwrap_or_default())
    });
    bench.hold(law, held.object.is_none(), || "the record still has an object afterwards".to_owned());
}
