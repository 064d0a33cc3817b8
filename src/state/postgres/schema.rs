//! The tables, and how older ones are brought up. What a column is for stands in the guide, with questions to ask.

use super::connection::Database;
use super::failure;
use crate::error::{Error, Result};

/// One step for each version of the schema, in order; `{schema}` stands for the schema's name.
const MIGRATIONS: &[&str] = &[r"
create sequence {schema}.versions;
create table {schema}.documents (
    deployment text not null,
    path text not null,
    version bigint not null,
    bytes bytea not null,
    updated timestamptz not null default now(),
    primary key (deployment, path)
);
create table {schema}.logs (
    deployment text not null,
    path text not null,
    epoch bigint not null,
    primary key (deployment, path)
);
create table {schema}.log_parts (
    deployment text not null,
    path text not null,
    epoch bigint not null,
    place bigint not null,
    bytes bytea not null,
    primary key (deployment, path, epoch, place)
);
create table {schema}.locks (
    deployment text primary key,
    id uuid,
    info text,
    session integer,
    heartbeat timestamptz not null default now()
);
create table {schema}.deployments (
    deployment text primary key,
    key text not null,
    environment text not null,
    lineage uuid not null,
    serial bigint not null,
    version text not null,
    updated timestamptz not null
);
create table {schema}.services (
    deployment text not null,
    address text not null,
    type text not null,
    name text not null,
    provider text not null,
    status text not null,
    host text,
    created timestamptz not null,
    updated timestamptz not null,
    primary key (deployment, address)
);
create table {schema}.configuration_snapshots (
    deployment text not null,
    serial bigint not null,
    at timestamptz not null,
    who text not null,
    command text not null,
    ok boolean not null,
    inputs text not null,
    files jsonb not null,
    primary key (deployment, serial)
);
create table {schema}.audit_log (
    run uuid primary key,
    deployment text not null,
    serial bigint not null,
    at timestamptz not null,
    who text not null,
    host text not null,
    command text not null,
    plan_digest text,
    result text not null,
    summary jsonb not null,
    actions jsonb not null
);
create index audit_log_by_time on {schema}.audit_log (deployment, at);
"];

/// The version of the schema that this program works with.
pub(super) const VERSION: i32 = 1;

const _: () = assert!(VERSION as usize == MIGRATIONS.len());

/// Keeps two programs from making the tables at the same moment; any number that nobody else uses.
const MIGRATING: i64 = 0x6465_706c_6f79_6374;

/// Makes the tables, or brings them up.
pub(super) async fn migrate(database: &Database) -> Result<()> {
    if database.version().await? == Some(VERSION) {
        return Ok(());
    }
    bring_up(database, MIGRATIONS).await
}

/// Does the steps that were not done yet, all or none of them: statements that are sent together are one transaction.
async fn bring_up(database: &Database, steps: &[&str]) -> Result<()> {
    let schema = database.schema();
    let mut text = format!(
        "select pg_advisory_xact_lock({MIGRATING}); create schema if not exists {schema}; \
         create table if not exists {schema}.schema_version (version integer primary key, at timestamptz not null default now());"
    );
    // Each step asks whether it is done: another program may have been faster.
    for (index, step) in steps.iter().enumerate() {
        let (version, step) = (index + 1, step.replace("{schema}", &schema));
        text.push_str(&format!(
            "do $migration$ begin if not exists (select 1 from {schema}.schema_version where version = {version}) then {step} \
             insert into {schema}.schema_version (version) values ({version}); end if; end $migration$;"
        ));
    }
    database.batch(&text, "make its tables").await?;
    database.forget_version().await;
    Ok(())
}

/// Refuses tables of a version that this program does not know.
pub(super) fn check(found: i32, place: &str) -> Result<()> {
    if found <= VERSION {
        return Ok(());
    }
    Err(Error::failed(format!(
        "the tables in {place} have schema version {found}, and this deployctl knows versions up to {VERSION}"
    ))
    .with_hint("they were made by a newer deployctl: use that one, or a newer one still"))
}

/// Whether a failure says that there are no tables yet.
pub(super) fn is_missing(error: &tokio_postgres::Error) -> bool {
    matches!(failure::code(error), Some("42P01" | "3F000"))
}

#[cfg(test)]
mod tests;
