//! `deployctl state locks`: who holds the lock.

use deployctl_sdk::source;
use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::render::table::{Cell, table};
use crate::render::text::clean;
use crate::render::time::since;
use crate::state::LockInfo;

/// Show who holds the lock.
#[derive(Debug, clap::Args)]
pub struct Locks {}

#[derive(Serialize)]
struct Document<'l> {
    format_version: u32,
    locks: &'l [LockInfo],
}

/// Runs it.
pub async fn run(session: Session<'_>) -> Outcome {
    let store = session.store().await?;
    let locks = store.locks().await?;
    let output = session.output;
    if output.json {
        output.document(&Document { format_version: 1, locks: &locks })?;
    } else if locks.is_empty() {
        output.say("Nobody holds the lock.\n");
    } else {
        let now = source::now();
        let row = |lock: &LockInfo| -> [Cell; 6] {
            [
                lock.id.to_string().into(),
                format!("{}@{}", clean(&lock.who), clean(&lock.host)).into(),
                lock.pid.to_string().into(),
                since(lock.at, now).into(),
                match lock.silent_for(now) {
                    Some(_) => format!("{} ago: gone?", since(lock.heartbeat, now)).into(),
                    None => since(lock.heartbeat, now).into(),
                },
                clean(&lock.command).into(),
            ]
        };
        let rows: Vec<_> = locks.iter().map(row).collect();
        output.result(&table(["LOCK", "WHO", "PID", "SINCE", "ALIVE", "COMMAND"], &rows, output.out));
        for job in locks.iter().filter_map(|lock| lock.job.as_deref()) {
            output.result(&format!("in {}\n", clean(job)));
        }
    }
    Ok(Exit::Done)
}
