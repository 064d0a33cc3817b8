//! Reading many objects at once: one list for all that bear our mark, and questions for single ones side by side.

use std::collections::HashMap;

use deployctl_docker_client::EngineError;
use deployctl_sdk::{Found, Lost, Observed, ReadRequest, ResourceId};
use futures_util::{StreamExt as _, stream};

use crate::mark::{self, Labels};
use crate::provider::Site;

/// How many single questions are asked of the engine at a time.
pub(crate) const AT_ONCE: usize = 16;

/// Asks about each item, several at a time; the answers are in the order of the items.
pub(crate) async fn side_by_side<T, R, F>(items: impl IntoIterator<Item = T>, ask: impl FnMut(T) -> F) -> Vec<R>
where
    F: Future<Output = R>,
{
    // Collected first, so that the iterator's own borrows do not have to live as long as the questions.
    let questions: Vec<F> = items.into_iter().map(ask).collect();
    stream::iter(questions).buffered(AT_ONCE).collect().await
}

/// The same answer for all: it cannot be told.
pub(crate) fn unreadable(batch: &[ReadRequest<'_>], error: &EngineError) -> Vec<Observed> {
    batch.iter().map(|_| Observed::Unreadable { reason: error.to_string() }).collect()
}

/// Objects that bear this lineage's mark, by the id in it.
pub(crate) fn by_mark<T>(
    site: &Site,
    objects: Vec<T>,
    labels: impl Fn(&T) -> Option<&Labels>,
) -> HashMap<ResourceId, T> {
    let ours = objects.into_iter().filter_map(|object| {
        let mark = mark::of(labels(&object)?)?;
        (mark.lineage == site.place.lineage).then_some((mark.id, object))
    });
    ours.collect()
}

/// Finds what an interrupted run may have left among all that bears our mark. What was imported is looked up one by one.
pub(crate) async fn find<T, F>(
    lost: &[&Lost],
    ours: &HashMap<ResourceId, T>,
    found: impl Fn(&Lost, &T) -> Found,
    imported: impl Fn(deployctl_sdk::Object) -> F,
) -> Vec<Found>
where
    F: Future<Output = Found>,
{
    side_by_side(lost, |lost| {
        let known = ours.get(&lost.mark.id).map(|object| found(lost, object));
        let alone = lost.prior.as_ref().filter(|prior| mark::is_imported(prior)).cloned().map(&imported);
        async move {
            match (known, alone) {
                (Some(found), _) => found,
                (None, Some(alone)) => alone.await,
                (None, None) => Found::Absent,
            }
        }
    })
    .await
}
