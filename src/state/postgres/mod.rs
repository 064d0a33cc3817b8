//! The state in a PostgreSQL database, for a team that has one.
//!
//! Each write is one statement and so one transaction, with the lock's row held in it: whoever lost the lock writes nothing. The
//! documents are kept as they are, and beside them there are tables for people who ask with SQL ([`publish`]). The connection
//! and what can go wrong with it are in [`connection`] and [`failure`], the tables and their versions in [`schema`].

mod connection;
mod failure;
mod lock;
mod log;
mod publish;
mod schema;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::backend::{Acquired, Backend, Condition, Log, Publication, Version};
use super::lock::LockInfo;
use crate::crash_point;
use crate::error::{Error, ErrorKind, Result};
use connection::Database;
pub use settings::PostgresSettings;

/// One environment's state in a database.
pub struct Postgres {
    database: Arc<Database>,
}

impl Postgres {
    /// An environment below a key; nothing is asked of the server before something has to be.
    pub fn new(settings: PostgresSettings, environment: &str) -> Self {
        Self { database: Arc::new(Database::new(settings, environment)) }
    }

    /// Sees that a write which changed nothing did so because of its condition, and not because the lock is gone.
    async fn refused(&self) -> Result<()> {
        if self.database.holds().await? { Ok(()) } else { Err(lost(&self.place(""))) }
    }
}

#[async_trait]
impl Backend for Postgres {
    async fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>> {
        let text = "select bytes, version::text from {documents} where deployment = $1 and path = $2";
        let rows = self.database.look(text, &[(&self.database.name, Type::TEXT), (&path, Type::TEXT)]).await?;
        Ok(rows.first().map(|row| (row.get(0), Version(row.get(1)))))
    }

    async fn exists(&self, path: &str) -> Result<bool> {
        let text = "select 1 from {documents} where deployment = $1 and path = $2";
        let rows = self.database.look(text, &[(&self.database.name, Type::TEXT), (&path, Type::TEXT)]).await?;
        Ok(!rows.is_empty())
    }

    async fn put(&self, path: &str, bytes: Vec<u8>, condition: Condition) -> Result<Option<Version>> {
        let (text, expected) = match &condition {
            Condition::Any => (
                "insert into {documents} as d (deployment, path, version, bytes) \
                 select $1, $2, nextval('{versions}'), $4 where $5 = '' and {fence} \
                 on conflict (deployment, path) do update set bytes = excluded.bytes, version = excluded.version, updated = now() \
                 returning version::text",
                "",
            ),
            Condition::Absent => (
                "insert into {documents} as d (deployment, path, version, bytes) \
                 select $1, $2, nextval('{versions}'), $4 where $5 = '' and {fence} \
                 on conflict (deployment, path) do nothing returning version::text",
                "",
            ),
            Condition::Matches(version) => (
                "update {documents} set bytes = $4, version = nextval('{versions}'), updated = now() \
                 where deployment = $1 and path = $2 and version::text = $5 and {fence} returning version::text",
                version.0.as_str(),
            ),
        };
        crash_point::pass();
        let rows = self
            .database
            .change(
                text,
                &[
                    (&self.database.name, Type::TEXT),
                    (&path, Type::TEXT),
                    (&self.database.held(), Type::TEXT),
                    (&bytes, Type::BYTEA),
                    (&expected, Type::TEXT),
                ],
            )
            .await?;
        crash_point::pass();
        if let Some(row) = rows.first() {
            return Ok(Some(Version(row.get(0))));
        }
        self.refused().await?;
        // What an earlier try of this very call put, whose answer was lost, counts as done.
        let there = self.read(path).await?;
        Ok(there.filter(|(there, _)| *there == bytes).map(|(_, version)| version))
    }

    async fn begin_log(&self, path: &str, first: Vec<u8>) -> Result<Option<Box<dyn Log>>> {
        match log::begin(&self.database, path, &first).await? {
            Some(begun) => Ok(Some(Box::new(begun))),
            None => self.refused().await.map(|()| None),
        }
    }

    async fn log(&self, path: &str) -> Result<Box<dyn Log>> {
        match log::read(&self.database, path).await? {
            Some((bytes, epoch)) => Ok(Box::new(log::opened(&self.database, path, epoch, bytes.len()))),
            None => Err(Error::failed(format!("there is no {}", self.place(path)))),
        }
    }

    async fn read_log(&self, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(log::read(&self.database, path).await?.map(|(bytes, _)| bytes))
    }

    async fn end_log(&self, path: &str) -> Result<()> {
        log::end(&self.database, path).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.delete_all(&[path.to_owned()]).await
    }

    async fn delete_all(&self, paths: &[String]) -> Result<()> {
        let text = "delete from {documents} where deployment = $1 and path = any($2) and {fence}";
        let held = self.database.held();
        let parameters: connection::Parameters<'_> =
            &[(&self.database.name, Type::TEXT), (&paths, Type::TEXT_ARRAY), (&held, Type::TEXT)];
        self.database.change(text, parameters).await?;
        self.refused().await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let text = "select path from {documents} where deployment = $1 and starts_with(path, $2)";
        let rows = self.database.look(text, &[(&self.database.name, Type::TEXT), (&prefix, Type::TEXT)]).await?;
        let mut paths: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        paths.sort();
        Ok(paths)
    }

    async fn acquire(&self, info: &LockInfo) -> Result<Acquired> {
        lock::acquire(&self.database, info).await
    }

    async fn holder(&self) -> Result<Option<LockInfo>> {
        lock::holder(&self.database).await
    }

    async fn break_lock(&self, id: Uuid) -> Result<Option<LockInfo>> {
        lock::break_lock(&self.database, id).await
    }

    fn is_asked(&self) -> bool {
        true
    }

    async fn publish(&self, publication: &Publication<'_>) -> Result<()> {
        publish::publish(&self.database, publication).await
    }

    fn tears_logs(&self) -> bool {
        false
    }

    fn place(&self, path: &str) -> String {
        self.database.place(path)
    }

    fn keeps_key(&self) -> bool {
        false
    }
}

/// Something could not be written, because another run has the state now.
fn lost(place: &str) -> Error {
    Error::new(ErrorKind::Locked, format!("{place} was not written: the lock was broken, and another run may have it"))
        .with_hint("`deployctl history` shows what the other run did; the next plan shows what is left to be done")
}
