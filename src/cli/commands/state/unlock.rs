//! `deployctl state unlock`: breaks a lock.

use deployctl_sdk::source;
use uuid::Uuid;

use crate::cli::Outcome;
use crate::cli::exit::Exit;
use crate::cli::prompt;
use crate::cli::session::Session;
use crate::render::text::clean;

/// Break a lock whose holder is gone.
///
/// A holder that is alive after all finds its lock gone, starts nothing more, and exits with 4.
#[derive(Debug, clap::Args)]
pub struct Unlock {
    /// The lock's id, as `deployctl state locks` shows it
    #[arg(value_name = "ID")]
    id: Uuid,
    /// Do not ask
    #[arg(long)]
    force: bool,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &Unlock) -> Outcome {
    let store = session.store().await?;
    if !arguments.force {
        prompt::must_be_possible(session.output, "unlock")?;
        for lock in store.locks().await?.iter().filter(|lock| lock.id == arguments.id) {
            let who = format!("{}@{} (process {})", lock.who, lock.host, lock.pid);
            session.output.say(&format!("{who} holds it for `{}`.\n", clean(&lock.command)));
            if let Some(job) = &lock.job {
                session.output.say(&format!("It runs in {}.\n", clean(job)));
            }
            let silent = lock.silent_for(source::now());
            session.output.say(&match silent {
                Some(silent) => format!("Its last sign of life was {} s ago: it is probably gone.\n", silent.as_secs()),
                None => "It has given a sign of life within the last minute: it may well be running.\n".to_owned(),
            });
        }
        prompt::ask(session.output, "Break the lock?", &session.interrupt).await?;
    }
    let broken = store.unlock(arguments.id).await?;
    session.output.result(&format!("The lock of {}@{} is broken.\n", broken.who, broken.host));
    Ok(Exit::Done)
}
