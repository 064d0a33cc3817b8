//! Cancelled and failed operations: the record says what is really there, and the next run goes on from it.

use tokio_util::sync::CancellationToken;

use super::super::bench::{Bench, Checked};
use super::super::law::Law;
use super::super::subject::Moment;
use crate::change::Action;
use crate::error::ErrorKind;
use crate::provider::Operation;

/// Cancels creations and updates at several moments.
pub(super) async fn cancellation(bench: &mut Bench<'_>) -> Checked {
    let law = Law::CancellationIsTruthful;
    for &waits in &bench.case.moments {
        let before = bench.nothing();
        let mut held = before.clone();
        let config = bench.case.config.clone();
        let desired = bench.prepare(&held, &config)?;
        let planned = bench.plan(law, &held, &desired).await?;
        let (applied, in_time) = bench.cancelled(&mut held, Operation::Create, &desired, &planned, waits).await;
        cancelled_or_done(bench, applied.error.as_ref().map(|error| error.kind));
        let done = bench.truthful(law, &before, &mut held, &desired, Operation::Create).await;
        bench.unmade(held).await;
        done?;
        if !in_time {
            break;
        }
    }
    let Some(config) = bench.case.edits.first().map(|edit| edit.config.clone()) else { return Ok(()) };
    for &waits in &bench.case.moments {
        let (mut held, _) = bench.made().await?;
        let desired = bench.prepare(&held, &config)?;
        let planned = bench.plan(law, &held, &desired).await?;
        if planned.action != Action::Update {
            bench.unmade(held).await;
            break;
        }
        let before = held.clone();
        let (applied, in_time) = bench.cancelled(&mut held, Operation::Update, &desired, &planned, waits).await;
        cancelled_or_done(bench, applied.error.as_ref().map(|error| error.kind));
        let done = bench.truthful(law, &before, &mut held, &desired, Operation::Update).await;
        bench.unmade(held).await;
        done?;
        if !in_time {
            break;
        }
    }
    Ok(())
}

fn cancelled_or_done(bench: &mut Bench<'_>, kind: Option<ErrorKind>) {
    let law = Law::CancellationIsTruthful;
    bench.hold(law, matches!(kind, None | Some(ErrorKind::Cancelled)), || {
        format!("a cancelled operation fails as {kind:?} and not as Cancelled")
    });
}

/// Lets operations fail, before and after they did something.
pub(super) async fn failure(bench: &mut Bench<'_>) -> Checked {
    for moment in [Moment::Before, Moment::Midway] {
        failed_creation(bench, moment).await?;
        failed_update(bench, moment).await?;
    }
    Ok(())
}

async fn failed_creation(bench: &mut Bench<'_>, moment: Moment) -> Checked {
    let law = Law::FailureIsTruthful;
    let before = bench.nothing();
    let mut held = before.clone();
    let config = bench.case.config.clone();
    let desired = bench.prepare(&held, &config)?;
    let planned = bench.plan(law, &held, &desired).await?;
    if !bench.subject.sabotage(bench.case, moment).await {
        return Ok(());
    }
    let applied =
        bench.hand.operate(&mut held, Operation::Create, Some(&desired), &planned, CancellationToken::new()).await;
    bench.hold(law, applied.error.is_some(), || format!("a creation that fails {moment:?} is taken for done"));
    let done = bench.truthful(law, &before, &mut held, &desired, Operation::Create).await;
    bench.unmade(held).await;
    done
}

async fn failed_update(bench: &mut Bench<'_>, moment: Moment) -> Checked {
    let law = Law::FailureIsTruthful;
    let Some(config) = bench.case.edits.first().map(|edit| edit.config.clone()) else { return Ok(()) };
    let (mut held, _) = bench.made().await?;
    let desired = bench.prepare(&held, &config)?;
    let planned = bench.plan(law, &held, &desired).await?;
    if planned.action != Action::Update || !bench.subject.sabotage(bench.case, moment).await {
        bench.unmade(held).await;
        return Ok(());
    }
    let before = held.clone();
    let applied =
        bench.hand.operate(&mut held, Operation::Update, Some(&desired), &planned, CancellationToken::new()).await;
    bench.hold(law, applied.error.is_some(), || format!("an update that fails {moment:?} is taken for done"));
    let done = bench.truthful(law, &before, &mut held, &desired, Operation::Update).await;
    bench.unmade(held).await;
    done
}
