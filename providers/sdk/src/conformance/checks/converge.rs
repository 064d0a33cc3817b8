//! Create, change and replace: what was planned comes about, and then there is nothing to do.

use super::super::bench::{Bench, Checked};
use super::super::law::Law;
use super::super::subject::Expected;
use crate::change::{Action, ReplaceOrder};
use crate::default_plan::planned_new;

/// Creates the case's object and takes it through its edits.
pub(super) async fn changes(bench: &mut Bench<'_>) -> Checked {
    let before = bench.subject.snapshot().await;
    let mut held = bench.nothing();
    let config = bench.case.config.clone();
    let mut desired = bench.prepare(&held, &config)?;
    let planned = bench.plan(Law::Converges, &held, &desired).await?;
    pure(bench, before).await;
    if bench.settle_down(Law::Converges, &mut held, &desired, &planned).await.is_err() {
        let _ = bench.hand.delete(&mut held).await;
        return Ok(());
    }

    for edit in bench.case.edits.clone() {
        desired = bench.prepare(&held, &edit.config)?;
        let before = bench.subject.snapshot().await;
        let planned = bench.plan(Law::EditsAreAsPredicted, &held, &desired).await?;
        pure(bench, before).await;
        let as_expected = match edit.expected {
            Expected::Nothing => planned.action == Action::NoOp,
            Expected::Update => planned.action == Action::Update,
            Expected::Replace => matches!(planned.action, Action::Replace(_)),
        };
        bench.hold(Law::EditsAreAsPredicted, as_expected, || {
            format!("an edit that must lead to {:?} is planned as {}", edit.expected, planned.action.word())
        });
        if bench.settle_down(Law::Converges, &mut held, &desired, &planned).await.is_err() {
            break;
        }
    }
    bench.unmade(held).await;
    Ok(())
}

async fn pure(bench: &mut Bench<'_>, before: Option<String>) {
    let (Some(before), Some(after)) = (before, bench.subject.snapshot().await) else { return };
    bench.hold(Law::PlanChangesNothing, before == after, || "reading and planning changed something".to_owned());
}

/// Replaces the case's object with the new one made first.
pub(super) async fn create_first(bench: &mut Bench<'_>) -> Checked {
    let law = Law::CreateFirstHandsOver;
    if !bench.schema.create_first {
        return Ok(());
    }
    let (mut held, desired) = bench.made().await?;
    let mut planned = bench.plan(law, &held, &desired).await?;
    planned.action = Action::Replace(ReplaceOrder::CreateFirst);
    planned.planned = planned_new(bench.schema, &desired.config);
    bench.examine(law);
    let done = bench.settle_down(law, &mut held, &desired, &planned).await;
    bench.unmade(held).await;
    done
}
