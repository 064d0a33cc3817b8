//! After a crash: what an interrupted run left is found by its mark or identity, and by nothing else.

use super::super::bench::{Bench, Checked};
use super::super::hand::Held;
use super::super::law::Law;
use crate::default_plan::compare;
use crate::provider::{Found, Operation};

const LAW: Law = Law::FindsWhatWasLeft;

/// Finds an object whose creation finished and was never recorded, in a batch with one that never was.
pub(super) async fn whole(bench: &mut Bench<'_>) -> Checked {
    let (held, desired) = bench.made().await?;
    let never = bench.nothing();
    let mut lost_never = bench.lost(&never, Operation::Create, &desired);
    // By identity alone the two could not be told apart.
    lost_never.identity = None;
    let lost = [lost_never.clone(), bench.lost(&held, Operation::Create, &desired), lost_never];
    let connection = bench.reconnect().await?;
    let hand = bench.hand.on(connection);
    match hand.connection.find(&lost).await {
        Err(error) => {
            bench.broken(LAW, format!("find failed: {error}"));
        }
        Ok(found) => {
            bench.hold(Law::AnswersInOrder, found.len() == lost.len(), || {
                format!("{} answers for {} lost objects", found.len(), lost.len())
            });
            for position in [0, 2] {
                if let Some(Found::Present { .. }) = found.get(position) {
                    bench.broken(LAW, "find finds what never was");
                }
            }
            match found.get(1) {
                Some(Found::Present { object, complete }) => {
                    bench.hold(LAW, *complete, || "a whole object is found as half made".to_owned());
                    let recorded = held.object.as_ref().map(|object| &object.attributes);
                    let same = recorded.is_some_and(|recorded| compare(recorded, &object.attributes).is_empty());
                    bench.hold(LAW, same, || "what is found differs from what was made".to_owned());
                }
                Some(Found::Absent) => bench.hold(LAW, false, || "an object that was made is not found".to_owned()),
                Some(Found::CannotTell) | None => {}
            }
        }
    }
    read_order(bench, &held).await;
    bench.unmade(held).await;
    Ok(())
}

async fn read_order(bench: &mut Bench<'_>, held: &Held) {
    let Some(recorded) = &held.object else { return };
    let request = crate::provider::ReadRequest {
        address: &held.mark.address,
        type_name: &held.type_name,
        id: held.mark.id,
        recorded,
    };
    let answers = bench.hand.connection.read(&[request, request]).await.len();
    bench.hold(Law::AnswersInOrder, answers == 2, || format!("{answers} answers for two reads"));
    let none = bench.hand.connection.read(&[]).await.len();
    bench.hold(Law::AnswersInOrder, none == 0, || format!("{none} answers for no reads"));
}

/// Kills a creation at several moments and goes on from what is found.
pub(super) async fn after_a_kill(bench: &mut Bench<'_>) -> Checked {
    for &waits in &bench.case.moments {
        let mut held = bench.nothing();
        let config = bench.case.config.clone();
        let desired = bench.prepare(&held, &config)?;
        let planned = bench.plan(LAW, &held, &desired).await?;
        let ended = bench.killed(&held, Operation::Create, &desired, &planned, waits).await;
        let connection = bench.reconnect().await?;
        bench.hand = bench.hand.on(connection);
        let lost = bench.lost(&held, Operation::Create, &desired);
        bench.examine(LAW);
        if let Found::Present { object, complete } = bench.find(LAW, &lost).await? {
            held.object = Some(object);
            held.tainted = !complete;
        }
        // Whatever was left: from here the next run must come to the same end.
        let planned = bench.plan(LAW, &held, &desired).await?;
        let done = bench.settle_down(LAW, &mut held, &desired, &planned).await;
        bench.unmade(held).await;
        done?;
        if ended {
            break;
        }
    }
    Ok(())
}
