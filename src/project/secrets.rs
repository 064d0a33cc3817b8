//! The secrets of a configuration: where they come from, that all of them are at hand, and whether they are still those that a
//! plan was made with. How one is fetched is not known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployctl_sdk::Value;

use super::Project;
use crate::config::{self, Configuration};
use crate::error::{Error, ErrorKind, Result};
use crate::inputs::{Inputs, Recorder};
use crate::lang::Outside as _;
use crate::secret::{OriginError, Secrets};
use crate::state::{DataKey, Store};

impl Project {
    /// The same, as it may be recorded: with the digests of the secrets that were used.
    pub fn recorded_inputs(&self, key: &DataKey) -> Inputs {
        let secrets = self.recorder.secrets().into_iter().flat_map(|secrets| secrets.fetched());
        let secrets = secrets.map(|(name, value)| (name.to_string(), key.digest_of_secret(value)));
        Inputs { secrets: secrets.collect(), ..self.recorder.inputs() }
    }

    /// Fetches every secret that the configuration uses, side by side, so that nothing has to wait for one later.
    ///
    /// # Errors
    /// Those that are not to be had, all in one.
    pub async fn fetch_secrets(&self) -> Result<()> {
        let Some(secrets) = self.recorder.secrets() else { return Ok(()) };
        let used = self.config.used_secrets();
        let names = secrets.names().filter(|name| used.contains(&***name));
        let fetching = names.map(|name| {
            let (secrets, name) = (secrets.clone(), name.clone());
            tokio::task::spawn_blocking(move || {
                let error = secrets.value(&name).and_then(Result::err)?;
                Some((name, error))
            })
        });
        let fetched = futures_util::future::join_all(fetching).await;
        let failed: Vec<_> = fetched.into_iter().filter_map(|done| done.ok().flatten()).collect();
        let told = |(name, error): &(Arc<str>, OriginError)| format!("the secret `{name}` is not to be had: {error}");
        match failed.as_slice() {
            [] => Ok(()),
            [one] => Err(Error { hint: one.1.hint.clone(), ..Error::failed(told(one)) }),
            several => Err(Error::failed(format!("{} secrets are not to be had", several.len()))
                .with_detail(several.iter().map(told))),
        }
    }

    /// Refuses to go on from recorded inputs whose secrets have changed since.
    ///
    /// # Errors
    /// [`ErrorKind::Stale`] naming them, and secrets that are not to be had.
    pub async fn same_secrets(&self, key: &DataKey) -> Result<()> {
        let Some(recorded) = self.recorder.recorded() else { return Ok(()) };
        self.fetch_secrets().await?;
        let now = self.recorded_inputs(key).secrets;
        let changed: Vec<String> = recorded
            .secrets
            .iter()
            .filter(|(name, digest)| now.get(*name).is_some_and(|now| now != *digest))
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        match changed.as_slice() {
            [] => Ok(()),
            [one] => Err(stale_secret(&format!("the secret {one} is another one since"))),
            several => Err(stale_secret(&format!("the secrets {} are others since", several.join(", ")))),
        }
    }
}

/// Works out where secrets come from; none is fetched before it is needed.
pub(super) fn give_secrets(
    config: &Configuration,
    variables: &BTreeMap<Arc<str>, Value>,
    recorder: &Recorder,
    store: &Store,
) -> Result<()> {
    let declared = config::resolve_secrets(config, variables, recorder)?;
    let secrets = Secrets::new(recorder.root(), declared, store.keys().secrets().clone());
    recorder.give_secrets(Arc::new(secrets));
    Ok(())
}

fn stale_secret(why: &str) -> Error {
    Error::new(ErrorKind::Stale, format!("the saved plan does not fit any more: {why}"))
        .with_hint("make the plan again, and look at it again; nothing was changed")
}
