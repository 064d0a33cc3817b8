//! What happens when a playbook's resource goes: the playbook that undoes it is run, where there is one.

use deployctl_sdk::{
    Applied, Change, ErrorKind, Note, Object, Place, ProviderError, Removal, Risk, RiskKind, Run as Setting,
};

use crate::apply::{verdict, with_retries};
use crate::config::text;
use crate::run::Order;
use crate::secrets;
use crate::workspace::{self, Workspace};

/// What destroying it means.
pub(crate) fn removal(object: &Object) -> Removal {
    match text(&object.attributes, "destroy_playbook") {
        Some(playbook) => {
            let text = format!("{playbook} is run on its hosts; what that does is unpredictable");
            Removal { risks: vec![Risk { kind: RiskKind::Unpredictable, text }], ..Removal::default() }
        }
        None => {
            let text = "it has no `destroy_playbook`, so nothing on its hosts is undone: it is forgotten";
            Removal { forgets: true, notes: vec![Note(text.to_owned())], ..Removal::default() }
        }
    }
}

/// Runs the playbook that undoes it. Without one there is nothing to do.
pub(crate) async fn destroy(place: &Place, change: &Change, setting: &Setting) -> Applied {
    let Some(prior) = &change.prior else { return Applied::gone() };
    let Some(playbook) = text(&prior.attributes, "destroy_playbook") else { return Applied::gone() };
    match run(place, change, prior, &playbook, setting).await {
        Ok(()) => match workspace::let_go(place, change.mark.id) {
            Ok(()) => Applied::gone(),
            Err(error) => Applied::failed(Some(prior.clone()), error),
        },
        Err(error) => Applied::failed(Some(prior.clone()), error),
    }
}

async fn run(
    place: &Place,
    change: &Change,
    prior: &Object,
    playbook: &str,
    setting: &Setting,
) -> Result<(), ProviderError> {
    if setting.cancel.is_cancelled() {
        return Err(ProviderError::new(ErrorKind::Cancelled, "cancelled before its `destroy_playbook` was run"));
    }
    let workspace = match Workspace::of_kept(place, change.mark.id, &setting.cancel).await? {
        Some(workspace) => workspace,
        // Kept elsewhere, if the state is shared; the checkout may still have the same files.
        None => {
            let laid_out = Workspace::of(place, &prior.captured, &*setting.files, &setting.cancel).await;
            laid_out.map_err(|_| lost(playbook))?
        }
    };
    let mask = secrets::mask(&prior.attributes, Some(prior));
    let order = Order {
        place,
        config: &prior.attributes,
        playbook,
        captured: &prior.captured,
        workspace: &workspace,
        mask: &mask,
        former: &[],
        check: false,
        hosts: None,
    };
    let (tally, cancelled) = with_retries(&order, setting).await?;
    verdict(&tally, cancelled).map_or(Ok(()), Err)
}

fn lost(playbook: &str) -> ProviderError {
    let message = format!("{playbook} as it was applied is not on this machine");
    ProviderError::new(ErrorKind::Refused, message)
        .with_hint("destroy it from where it was applied, or give it up with `deployctl state rm`")
}
