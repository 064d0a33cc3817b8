//! `deployctl state migrate`: a state from where it was kept before.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueHint;

use crate::cli::Outcome;
use crate::cli::args::Locking;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::error::Error;
use crate::render::text::counted;
use crate::state::{BackendConfig, LockInfo, Store};

/// Take over a state from another folder.
///
/// Copies the state with its revisions and history to where the configuration keeps it now, and checks that all of it
/// arrived. Nothing is removed from where it was.
#[derive(Debug, clap::Args)]
pub struct Migrate {
    /// The folder where it was kept: the one that held `.deployctl`, or `.deployctl` itself
    #[arg(value_name = "FROM", value_hint = ValueHint::DirPath)]
    from: PathBuf,
    #[command(flatten)]
    locking: Locking,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &Migrate) -> Outcome {
    let (store, environment) = session.store_and_environment().await?;
    let inner = arguments.from.join(".deployctl");
    let folder = if inner.is_dir() { inner } else { arguments.from.clone() };
    if !folder.join(&*environment).is_dir() {
        return Err(Error::usage(format!(
            "there is no state of the environment `{environment}` in {}",
            folder.display()
        ))
        .with_hint("name the folder that held `.deployctl`"));
    }
    let old = Store::open(&BackendConfig::Local { folder: folder.clone() }, &environment).await?;
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
        "Copied {} from {}; nothing was removed there.\n",
        counted(copied?, "document"),
        folder.display()
    ));
    Ok(Exit::Done)
}
