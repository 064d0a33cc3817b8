//! Carries out one operation on a resource's containers.

use deployctl_sdk::{Applied, Change, Mask, Operation, ProviderError, Run};

use super::{create, delete, handover, update};
use crate::provider::Site;

/// Does one operation. Nothing that comes back in words holds what the configuration hides.
pub(crate) async fn apply(site: &Site, change: &Change, run: &Run) -> Applied {
    let applied = match change.operation {
        Operation::Create => create::create(site, change, run).await,
        Operation::Update => update::update(site, change, run).await,
        Operation::Replace => handover::replace(site, change, run).await,
        Operation::Delete => delete::delete(site, change).await,
    };
    let Some(error) = applied.error else { return applied };
    let mask = Mask::of([&change.config].into_iter().chain(change.prior.as_ref().map(|prior| &prior.attributes)));
    Applied { error: Some(masked(&mask, error)), ..applied }
}

fn masked(mask: &Mask, error: ProviderError) -> ProviderError {
    ProviderError {
        message: mask.apply(&error.message),
        hint: error.hint.map(|hint| mask.apply(&hint)),
        detail: error.detail.iter().map(|line| mask.apply(line)).collect(),
        ..error
    }
}
