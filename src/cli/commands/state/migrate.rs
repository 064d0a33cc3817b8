//! `deployctl state migrate`: a state from where it was kept before.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueHint;

use crate::cli::Outcome;
use crate::cli::args::Locking;
use crate::cli::exit::Exit;
use crate::cli::session::{Session, folder};
use crate::config;
use crate::error::{Error, Result};
use crate::project::backend_of;
use crate::render::text::counted;
use crate::state::{BackendConfig, LockInfo, Store};

/// Take over a state from where it was kept before.
///
/// Copies the state with its revisions and history to where the configuration keeps it now, and checks that all of it
/// arrived. Nothing is removed from where it was. The old place is a folder, or a file that holds the configuration's `deployctl`
/// block as it was, with its `state` block: so a state gets from any backend to any other.
#[derive(Debug, clap::Args)]
pub struct Migrate {
    /// The folder that held `.deployctl`, or `.deployctl` itself, or a file with the `state` block as it was
    #[arg(value_name = "FROM", value_hint = ValueHint::AnyPath)]
    from: PathBuf,
    #[command(flatten)]
    locking: Locking,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &Migrate) -> Outcome {
    let (store, environment) = session.store_and_environment().await?;
    let place = old_place(&session, &arguments.from, &environment)?;
    let old = Store::open(&place, &environment).await?.encrypted_as_found(store.encryption().cloned()).await?;
    if old.place() == store.place() {
        return Err(Error::usage(format!("the state is in {} already", old.place()))
            .with_hint("change the configuration's `state` block first, and name the place where the state was"));
    }
    if session.unless_interrupted(old.export()).await?.is_none() {
        return Err(nothing_there(&environment, &old.place()));
    }
    let timeout = session.lock_timeout(arguments.locking.lock_timeout)?;
    let events = session.watcher.events();
    let held = |store: Arc<Store>| {
        let events = events.clone();
        async move { store.lock(LockInfo::of_this_process("state migrate"), timeout, &events).await }
    };
    let (old, store) = (Arc::new(old), Arc::new(store));
    let old_lock = session.unless_interrupted(held(old.clone())).await?;
    let lock = session.unless_interrupted(held(store.clone())).await?;
    let copied = old.copy_to(&store).await;
    lock.release().await?;
    old_lock.release().await?;
    session.output.result(&format!(
        "Copied {} from {} to {}; nothing was removed there.\n",
        counted(copied?, "document"),
        old.place(),
        store.place()
    ));
    Ok(Exit::Done)
}

/// The place that the command line names: a folder, or what a file says.
fn old_place(session: &Session<'_>, from: &Path, environment: &str) -> Result<BackendConfig> {
    if !from.is_file() {
        let inner = from.join(".deployctl");
        let folder = if inner.is_dir() { inner } else { from.to_owned() };
        if !folder.join(environment).is_dir() {
            return Err(nothing_there(environment, &folder.display().to_string()));
        }
        return Ok(BackendConfig::Local { folder });
    }
    let bytes = deployctl_sdk::fs::read(from).map_err(|error| Error::failed(error.to_string()))?;
    let old = config::parse(vec![(from.display().to_string(), bytes)])?;
    backend_of(&old, &folder(&session.settings.dir)?)
}

fn nothing_there(environment: &str, place: &str) -> Error {
    Error::usage(format!("there is no state of the environment `{environment}` in {place}"))
        .with_hint("name the folder that held `.deployctl`, or a file with the `state` block as it was")
}
