//! `deployctl state`: looking at the state, and mending it. One file each.

mod diff;
mod list;
mod locks;
mod migrate;
mod mv;
mod prune;
mod pull;
mod push;
mod recover;
mod rm;
mod rotate_key;
mod show;
mod unlock;

use std::sync::Arc;

use deployctl_sdk::Address;

use crate::cli::Outcome;
use crate::cli::args::Locking;
use crate::cli::environment::Settings;
use crate::cli::output::Output;
use crate::cli::session::{self, Session};
use crate::error::{Error, Result};
use crate::event::Events;
use crate::state::{Lock, LockInfo, State as Recorded, Store};

/// Look at the state, and mend it.
#[derive(Debug, clap::Subcommand)]
pub enum State {
    List(list::List),
    Show(show::Show),
    Diff(diff::Diff),
    Mv(mv::Mv),
    Rm(rm::Rm),
    Pull(pull::Pull),
    Push(push::Push),
    Locks(locks::Locks),
    Unlock(unlock::Unlock),
    Recover(recover::Recover),
    Prune(prune::Prune),
    Migrate(migrate::Migrate),
    RotateKey(rotate_key::RotateKey),
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, command: State) -> Outcome {
    session::run(settings, output, false, |session| async move {
        match command {
            State::List(arguments) => list::run(session, &arguments).await,
            State::Show(arguments) => show::run(session, &arguments).await,
            State::Diff(arguments) => diff::run(session, &arguments).await,
            State::Mv(arguments) => mv::run(session, &arguments).await,
            State::Rm(arguments) => rm::run(session, &arguments).await,
            State::Pull(_) => pull::run(session).await,
            State::Push(arguments) => push::run(session, &arguments).await,
            State::Locks(_) => locks::run(session).await,
            State::Unlock(arguments) => unlock::run(session, &arguments).await,
            State::Recover(arguments) => recover::run(session, &arguments).await,
            State::Prune(arguments) => prune::run(session, &arguments).await,
            State::Migrate(arguments) => migrate::run(session, &arguments).await,
            State::RotateKey(arguments) => rotate_key::run(session, &arguments).await,
        }
    })
}

/// A state that is being edited by hand.
struct Editing {
    store: Store,
    environment: Arc<str>,
    lock: Lock,
    state: Recorded,
}

impl Editing {
    /// Takes the lock and reads the state.
    async fn begin(session: &Session<'_>, command: &str, locking: &Locking) -> Result<Self> {
        let (store, environment) = session.store_and_environment().await?;
        let timeout = session.lock_timeout(locking.lock_timeout)?;
        let events: Events = session.watcher.events();
        let lock = store.lock(LockInfo::of_this_process(command), timeout, &events);
        let lock = session.unless_interrupted(lock).await?;
        let loaded = store.load().await?;
        if loaded.run.is_some() {
            lock.release().await?;
            return Err(Error::failed("an earlier run was interrupted, and what it did is not settled yet")
                .with_hint("`deployctl apply` settles it; then edit the state"));
        }
        Ok(Self { store, environment, lock, state: loaded.state })
    }

    /// Writes the edited state, with a line in the history.
    async fn finish(self, command: &str) -> Result<Recorded> {
        let saved = self.store.save(&self.lock, self.state, command).await;
        self.lock.release().await?;
        saved
    }

    /// Gives the lock back, with nothing changed.
    async fn give_up<T>(self, error: Error) -> Result<T> {
        self.lock.release().await?;
        Err(error)
    }
}

/// The addresses that a target covers.
fn covered(state: &Recorded, target: &Address) -> Vec<Address> {
    state.records.keys().filter(|address| target.covers(address)).cloned().collect()
}

/// Changes what other records depend on.
fn redirect(state: &mut Recorded, change: impl Fn(&Address) -> Option<Address>) {
    for record in state.records.values_mut() {
        let changed = record.dependencies.iter().any(|address| change(address).as_ref() != Some(address));
        if changed {
            let record = Arc::make_mut(record);
            record.dependencies = record.dependencies.iter().filter_map(&change).collect();
        }
    }
}
