//! `deployctl state rotate-key`: another key for everything that the state consists of.

use crate::cli::Outcome;
use crate::cli::args::Locking;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::render::text::counted;
use crate::state::LockInfo;

/// Encrypt the state under a new key.
///
/// Makes a new data key, wraps it as the configuration's `encryption` block says, and brings the state, its revisions, its
/// history and its captured files under it. A state that was not encrypted becomes so. If it is interrupted, run it again: it
/// goes on. Plans that were saved before cannot be applied any more.
#[derive(Debug, clap::Args)]
pub struct RotateKey {
    /// Undo the encryption instead; then take the `encryption` block away
    #[arg(long)]
    decrypt: bool,
    #[command(flatten)]
    locking: Locking,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &RotateKey) -> Outcome {
    let store = session.store().await?;
    let timeout = session.lock_timeout(arguments.locking.lock_timeout)?;
    let events = session.watcher.events();
    let lock = store.lock(LockInfo::of_this_process("state rotate-key"), timeout, &events);
    let lock = session.unless_interrupted(lock).await?;
    let rotated = match arguments.decrypt {
        true => store.decrypt(&lock).await,
        false => store.rotate_key(&lock).await,
    };
    lock.release().await?;
    let rotated = rotated?;
    let documents = counted(rotated.documents, "document");
    let again = if rotated.resumed { ", going on with a rotation that was interrupted" } else { "" };
    session.output.result(&match rotated.key {
        Some(key) => format!("Encrypted {documents} under the data key {key}{again}.\n"),
        None => format!("Decrypted {documents}. Take the `encryption` block away now.\n"),
    });
    Ok(Exit::Done)
}
