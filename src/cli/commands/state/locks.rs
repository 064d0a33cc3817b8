//! `deployctl state locks`: who holds the lock.

use jiff::Timestamp;

use crate::cli::Outcome;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::render::table::{Cell, table};
use crate::render::text::clean;
use crate::render::time::since;

/// Show who holds the lock.
#[derive(Debug, clap::Args)]
pub struct Locks {}

/// Runs it.
pub async fn run(session: Session<'_>) -> Outcome {
    let store = session.store().await?;
    let locks = store.locks().await?;
    let output = session.output;
    if output.json {
        output.document(&locks)?;
    } else if locks.is_empty() {
        output.say("Nobody holds the lock.\n");
    } else {
        let now = Timestamp::now();
        let row = |lock: &crate::state::LockInfo| -> [Cell; 5] {
            [
                lock.id.to_string().into(),
                format!("{}@{}", clean(&lock.who), clean(&lock.host)).into(),
                lock.pid.to_string().into(),
                since(lock.at, now).into(),
                clean(&lock.command).into(),
            ]
        };
        let rows: Vec<_> = locks.iter().map(row).collect();
        output.result(&table(["LOCK", "WHO", "PID", "SINCE", "COMMAND"], &rows, output.out));
    }
    Ok(Exit::Done)
}
