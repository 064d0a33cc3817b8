//! The lock: an advisory lock of the session, which the server gives back when the session ends, and a row that says whose it
//! is. Every write looks at the row; so a holder whose session broke, and whose lock somebody took, writes nothing more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::Database;
use super::schema;
use crate::error::{Error, Result};
use crate::state::backend::{Acquired, HeldLock};
use crate::state::lock::{HEARTBEAT, LockInfo};

/// How long giving a lock back may take when the run ends in an error.
const GIVING_BACK: Duration = Duration::from_secs(10);

/// How long a session that is being ended may take.
const ENDING: Duration = Duration::from_secs(3);

/// What the advisory lock is on, as it stands in statements; such locks are a whole database's, whatever the schema.
fn advisory(database: &Database) -> String {
    let schema = database.settings.schema.replace('\'', "''");
    format!("hashtextextended('deployctl {schema} ' || $1, 0)")
}

/// Tries to take the lock. That of a session that is over is taken over if its heart has stopped too.
pub(super) async fn acquire(database: &Arc<Database>, info: &LockInfo) -> Result<Acquired> {
    schema::migrate(database).await?;
    let advisory = advisory(database);
    let name = (&database.name as &(dyn tokio_postgres::types::ToSql + Sync), Type::TEXT);
    let text = format!("select pg_try_advisory_lock({advisory})");
    // The one after the other on the server, and both on their way at once.
    let (tried, previous) = tokio::try_join!(database.change(&text, std::slice::from_ref(&name)), held(database))?;
    let free = tried.first().is_some_and(|row| row.get(0));
    if !free {
        return match previous {
            Some((holder, _)) => Ok(Acquired::Taken(holder)),
            // Between the advisory lock and its row.
            None => Ok(Acquired::Taken(LockInfo::unknown())),
        };
    }
    let text = "insert into {locks} (deployment, id, info, session) values ($1, $2::text::uuid, $3, pg_backend_pid()) \
        on conflict (deployment) do update set id = excluded.id, info = excluded.info, session = excluded.session, \
        heartbeat = now() where {locks}.id is null or {locks}.id = excluded.id \
        or {locks}.heartbeat < now() - interval '60 seconds' returning 1";
    let (id, content) = (info.id.to_string(), text_of(info)?);
    let taken = database.change(text, &[name.clone(), (&id, Type::TEXT), (&content, Type::TEXT)]).await?;
    if taken.is_empty() {
        database.change(&format!("select pg_advisory_unlock({advisory})"), &[name]).await?;
        let holder = held(database).await?.map_or_else(LockInfo::unknown, |(holder, _)| holder);
        return Ok(Acquired::Taken(holder));
    }
    database.set_held(Some(info.id));
    let lost = Arc::new(AtomicBool::new(false));
    let heartbeat = tokio::spawn(beat(database.clone(), info.id, lost.clone()));
    let held = PostgresLock { database: database.clone(), id: info.id, lost, heartbeat };
    let previous = previous.map(|(holder, _)| holder).filter(|holder| holder.id != info.id);
    Ok(Acquired::Held { held: Box::new(held), previous })
}

fn text_of(info: &LockInfo) -> Result<String> {
    serde_json::to_string(info).map_err(|error| Error::failed(error.to_string()))
}

/// Who holds the lock, and with which session.
async fn held(database: &Database) -> Result<Option<(LockInfo, Option<i32>)>> {
    // The server's clock alone says how long ago the last sign of life was.
    let text = "select info, session, extract(epoch from now() - heartbeat)::float8 from {locks} where deployment = $1 and id is not null";
    let rows = database.look(text, &[(&database.name, Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (text, session, silent): (String, Option<i32>, f64) = (row.get(0), row.get(1), row.get(2));
    let mut info: LockInfo = serde_json::from_str(&text).map_err(|_| {
        Error::failed(format!("{} is not a lock that this deployctl can read", database.place("lock")))
            .with_hint("a newer deployctl may hold it")
    })?;
    let silent = jiff::SignedDuration::try_from_secs_f64(silent).unwrap_or_default();
    info.heartbeat = deployctl_sdk::source::now().checked_sub(silent).unwrap_or(info.heartbeat);
    Ok(Some((info, session)))
}

/// Who holds the lock.
pub(super) async fn holder(database: &Database) -> Result<Option<LockInfo>> {
    Ok(held(database).await?.map(|(info, _)| info))
}

/// Breaks the lock of that identity, and ends its session, as far as the rights go: the row is what counts.
pub(super) async fn break_lock(database: &Database, id: Uuid) -> Result<Option<LockInfo>> {
    let Some((info, session)) = held(database).await?.filter(|(info, _)| info.id == id) else { return Ok(None) };
    let text = "update {locks} set id = null, info = null, session = null where deployment = $1 and id = $2::text::uuid returning 1";
    let broken = database.change(text, &[(&database.name, Type::TEXT), (&id.to_string(), Type::TEXT)]).await?;
    if broken.is_empty() {
        return Ok(None);
    }
    if let Some(session) = session {
        let _ = tokio::time::timeout(ENDING, end_session(database, session)).await;
    }
    Ok(Some(info))
}

/// Ends a session that has an advisory lock, and waits until that is free.
async fn end_session(database: &Database, session: i32) {
    let text = "select pg_terminate_backend(pid) from pg_locks where pid = $1 and locktype = 'advisory' and pid <> pg_backend_pid()";
    while let Ok(rows) = database.change(text, &[(&session, Type::INT4)]).await {
        if rows.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Gives signs of life until the lock is lost, and takes the advisory lock again after the session broke.
async fn beat(database: Arc<Database>, id: Uuid, lost: Arc<AtomicBool>) {
    let (id, advisory) = (id.to_string(), advisory(&database));
    let text = format!(
        "update {{locks}} set heartbeat = now(), session = pg_backend_pid() where deployment = $1 and id = $2::text::uuid \
         returning session <> pg_backend_pid() or pg_try_advisory_lock({advisory})"
    );
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        match database.change(&text, &[(&database.name, Type::TEXT), (&id, Type::TEXT)]).await {
            Ok(rows) if rows.is_empty() => {
                lost.store(true, Ordering::Relaxed);
                return;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = %error.message, "the lock's heartbeat could not be written"),
        }
    }
}

/// The lock, held.
struct PostgresLock {
    database: Arc<Database>,
    id: Uuid,
    lost: Arc<AtomicBool>,
    heartbeat: JoinHandle<()>,
}

impl PostgresLock {
    async fn give_back(&self) -> Result<()> {
        self.heartbeat.abort();
        self.database.set_held(None);
        let text =
            "update {locks} set id = null, info = null, session = null where deployment = $1 and id = $2::text::uuid";
        let id = self.id.to_string();
        let parameters: super::connection::Parameters<'_> = &[(&self.database.name, Type::TEXT), (&id, Type::TEXT)];
        let row = self.database.change(text, parameters);
        tokio::try_join!(row, self.database.change("select pg_advisory_unlock_all()", &[])).map(|_| ())
    }
}

#[async_trait]
impl HeldLock for PostgresLock {
    /// Known from the heartbeat; every write looks at the lock's row besides.
    async fn is_held(&self) -> Result<bool> {
        Ok(!self.lost.load(Ordering::Relaxed))
    }

    async fn confirm(&self) -> Result<bool> {
        self.database.holds().await
    }

    async fn release(&self) -> Result<()> {
        self.give_back().await
    }
}

impl Drop for PostgresLock {
    fn drop(&mut self) {
        self.heartbeat.abort();
        if self.database.held().is_empty() || self.lost.load(Ordering::Relaxed) {
            return;
        }
        crate::state::lock::finish(async {
            let _ = tokio::time::timeout(GIVING_BACK, self.give_back()).await;
        });
    }
}
