//! Which revisions are kept, and how the others go with what only they need.
//!
//! Contents are kept once however many need them, so one that nobody needs now may be needed again in a moment, by the run of
//! somebody who took the lock meanwhile. So the place itself is asked whose the lock is before each few deletions, and what the
//! holder's own memory says is not believed.

use std::collections::HashSet;

use deployctl_sdk::source;
use futures_util::stream::{self, StreamExt as _};

use super::blobs;
use super::document::ProviderRef;
use super::lock::Lock;
use super::revision::{Revision, path_of};
use super::store::{AT_ONCE, Store};
use crate::error::Result;

/// How many documents are removed before the lock is looked at again.
const AT_A_TIME: usize = 500;

/// Which revisions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The last so many.
    pub revisions: u64,
    /// And everything of the last so many days.
    pub days: u64,
}

/// What pruning removed, or would.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pruned {
    /// The serials of revisions.
    pub revisions: Vec<u64>,
    /// How many contents that no revision needs any more.
    pub contents: usize,
    /// The revisions that stay.
    pub kept: Vec<Revision>,
    /// The providers that the states of those that go had resources of, as far as these could still be read.
    pub providers: Vec<ProviderRef>,
}

impl Pruned {
    /// Whether there is nothing to be removed.
    pub fn is_nothing(&self) -> bool {
        self.revisions.is_empty() && self.contents == 0
    }
}

impl Store {
    /// Removes revisions that need not be kept, and contents that none needs.
    ///
    /// # Errors
    /// When something cannot be read or removed, or the lock is lost; then it can be done again.
    pub async fn prune(&self, lock: &Lock, retention: Retention, dry_run: bool) -> Result<Pruned> {
        lock.confirm().await?;
        let (goes, kept) = self.by_age(retention).await?;
        let mut needed: HashSet<String> =
            kept.iter().flat_map(Revision::needs).map(|digest| blobs::path_of(&digest)).collect();
        if let Some(run) = self.load().await?.run {
            // Its revision is yet to come.
            needed.extend(run.files.values().chain(&run.inputs).map(blobs::path_of));
        }
        let mut unneeded = self.backend.list(blobs::FOLDER).await?;
        unneeded.retain(|path| !needed.contains(path));
        let providers = self.providers_of(&goes).await;
        if !dry_run {
            let old: Vec<String> = goes.iter().map(|revision| path_of(revision.serial)).collect();
            // The contents last: a revision that is there can be brought back.
            self.remove(lock, &old).await?;
            self.remove(lock, &unneeded).await?;
        }
        let revisions = goes.iter().map(|revision| revision.serial).collect();
        Ok(Pruned { revisions, contents: unneeded.len(), kept, providers })
    }

    /// The revisions that need not be kept, and the others.
    async fn by_age(&self, retention: Retention) -> Result<(Vec<Revision>, Vec<Revision>)> {
        let mut revisions = self.revisions().await?;
        let now = source::now().as_second();
        let young = i64::try_from(retention.days).unwrap_or(i64::MAX).saturating_mul(86_400);
        let last = usize::try_from(retention.revisions.max(1)).unwrap_or(usize::MAX);
        let latest = revisions.split_off(revisions.len().saturating_sub(last));
        let (goes, mut kept): (Vec<_>, Vec<_>) =
            revisions.into_iter().partition(|revision| now - revision.at.as_second() >= young);
        kept.extend(latest);
        Ok((goes, kept))
    }

    /// Whose resources there were in the states that these revisions ended in. Each state is read once, and let go of at once.
    async fn providers_of(&self, revisions: &[Revision]) -> Vec<ProviderRef> {
        let mut seen = HashSet::new();
        let once: Vec<&Revision> = revisions.iter().filter(|revision| seen.insert(revision.state)).collect();
        let states = stream::iter(once).map(|revision| async move { self.state_of(revision).await.ok() });
        let mut states = std::pin::pin!(states.buffered(AT_ONCE));
        let mut found: Vec<ProviderRef> = Vec::new();
        while let Some(state) = states.next().await {
            for record in state.iter().flat_map(|state| state.records.values()) {
                if !found.contains(&record.provider) {
                    found.push(record.provider.clone());
                }
            }
        }
        found
    }

    /// Removes documents as long as the lock is held.
    async fn remove(&self, lock: &Lock, paths: &[String]) -> Result<()> {
        for some in paths.chunks(AT_A_TIME) {
            lock.confirm().await?;
            self.backend.delete_all(some).await?;
        }
        Ok(())
    }
}
