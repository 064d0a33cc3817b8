//! A log as rows: one for each time that something was added, under the place in the log where it begins.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::types::Type;

use super::connection::Database;
use super::lost;
use crate::crash_point;
use crate::error::Result;
use crate::state::backend::Log;

/// Begins a log; `None` if there is one already, or the lock is gone.
pub(super) async fn begin(database: &Arc<Database>, path: &str, first: &[u8]) -> Result<Option<PostgresLog>> {
    let text = "with begun as ( \
            insert into {logs} (deployment, path, epoch) select $1, $2, nextval('{versions}') where {fence} \
            on conflict (deployment, path) do nothing returning epoch \
        ), added as ( \
            insert into {log_parts} (deployment, path, epoch, place, bytes) select $1, $2, epoch, 0, $4 from begun \
            where octet_length($4) > 0 \
        ) select epoch from begun";
    let held = database.held();
    crash_point::pass();
    let rows = database
        .change(text, &[(&database.name, Type::TEXT), (&path, Type::TEXT), (&held, Type::TEXT), (&first, Type::BYTEA)])
        .await?;
    crash_point::pass();
    if let Some(row) = rows.first() {
        return Ok(Some(opened(database, path, row.get(0), first.len())));
    }
    // An earlier try of this very call, whose answer was lost, counts.
    let there = read(database, path).await?.filter(|(bytes, _)| !first.is_empty() && bytes == first);
    Ok(there.map(|(_, epoch)| opened(database, path, epoch, first.len())))
}

/// Reads a log; the number tells it from earlier ones of the same name.
pub(super) async fn read(database: &Database, path: &str) -> Result<Option<(Vec<u8>, i64)>> {
    let text = "select l.epoch, coalesce(string_agg(p.bytes, ''::bytea order by p.place), ''::bytea) from {logs} l \
        left join {log_parts} p on p.deployment = l.deployment and p.path = l.path and p.epoch = l.epoch \
        where l.deployment = $1 and l.path = $2 group by l.epoch";
    let rows = database.look(text, &[(&database.name, Type::TEXT), (&path, Type::TEXT)]).await?;
    Ok(rows.first().map(|row| (row.get(1), row.get(0))))
}

/// Ends a log.
pub(super) async fn end(database: &Database, path: &str) -> Result<()> {
    let text = "with ended as (delete from {logs} where deployment = $1 and path = $2 and {fence} returning epoch) \
        delete from {log_parts} p using ended where p.deployment = $1 and p.path = $2 and p.epoch = ended.epoch";
    crash_point::pass();
    let held = database.held();
    database.change(text, &[(&database.name, Type::TEXT), (&path, Type::TEXT), (&held, Type::TEXT)]).await?;
    crash_point::pass();
    Ok(())
}

/// A log that is there.
pub(super) fn opened(database: &Arc<Database>, path: &str, epoch: i64, length: usize) -> PostgresLog {
    PostgresLog { database: database.clone(), path: path.to_owned(), epoch, end: length as u64 }
}

/// A log that is open.
pub(super) struct PostgresLog {
    database: Arc<Database>,
    path: String,
    epoch: i64,
    end: u64,
}

#[async_trait]
impl Log for PostgresLog {
    async fn append(&mut self, place: u64, bytes: Vec<u8>) -> Result<()> {
        let text = "insert into {log_parts} (deployment, path, epoch, place, bytes) select $1, $2, $4, $5, $6 where {fence} \
            and exists (select 1 from {logs} where deployment = $1 and path = $2 and epoch = $4 for share) \
            and $5 = coalesce((select max(place + octet_length(bytes)) from {log_parts} \
                where deployment = $1 and path = $2 and epoch = $4), 0) \
            on conflict do nothing returning place";
        let (database, held) = (&self.database, self.database.held());
        let at = i64::try_from(place).unwrap_or(i64::MAX);
        crash_point::pass();
        let rows = database
            .change(
                text,
                &[
                    (&database.name, Type::TEXT),
                    (&self.path, Type::TEXT),
                    (&held, Type::TEXT),
                    (&self.epoch, Type::INT8),
                    (&at, Type::INT8),
                    (&bytes, Type::BYTEA),
                ],
            )
            .await?;
        crash_point::pass();
        if rows.is_empty() && !self.arrived(at, &bytes).await? {
            return Err(lost(&database.place(&self.path)));
        }
        self.end = place + bytes.len() as u64;
        Ok(())
    }
}

impl PostgresLog {
    /// Whether an earlier try of the same, whose answer was lost, did it.
    async fn arrived(&self, place: i64, bytes: &[u8]) -> Result<bool> {
        let text = "select 1 from {log_parts} where deployment = $1 and path = $2 and epoch = $3 and place = $4 and bytes = $5";
        let rows = self
            .database
            .look(
                text,
                &[
                    (&self.database.name, Type::TEXT),
                    (&self.path, Type::TEXT),
                    (&self.epoch, Type::INT8),
                    (&place, Type::INT8),
                    (&bytes, Type::BYTEA),
                ],
            )
            .await?;
        Ok(!rows.is_empty() && self.database.holds().await?)
    }
}
