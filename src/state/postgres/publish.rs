//! What can be asked with SQL: which deployments there are, what each manages, what its configurations were made from, who did
//! what. Names, kinds and times; never the value of an attribute, so that nothing secret comes to rest here.

use tokio_postgres::types::Type;

use super::connection::Database;
use crate::error::{Error, Result};
use crate::state::Status;
use crate::state::backend::Publication;

const TEXT: &str = "with told as ( \
        insert into {deployments} (deployment, key, environment, lineage, serial, version, updated) \
        select $1, $4, $5, $6::text::uuid, $7, $8, $9::text::timestamptz where {fence} and $2 = '' \
        on conflict (deployment) do update set lineage = excluded.lineage, serial = excluded.serial, \
            version = excluded.version, updated = excluded.updated returning 1 \
    ), gone as ( \
        delete from {services} where deployment = $1 and not address = any($10) and exists (select 1 from told) \
    ), there as ( \
        insert into {services} (deployment, address, type, name, provider, status, host, created, updated) \
        select $1, s.address, s.type, s.name, s.provider, s.status, nullif(s.host, ''), s.created::timestamptz, s.updated::timestamptz \
        from unnest($10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[]) \
            as s(address, type, name, provider, status, host, created, updated) where exists (select 1 from told) \
        on conflict (deployment, address) do update set type = excluded.type, name = excluded.name, \
            provider = excluded.provider, status = excluded.status, host = excluded.host, created = excluded.created, \
            updated = excluded.updated \
    ), snapshot as ( \
        insert into {configuration_snapshots} (deployment, serial, at, who, command, ok, inputs, files) \
        select $1, $7, r.at::timestamptz, r.who, r.command, r.ok, r.inputs, r.files \
        from jsonb_to_record($18::text::jsonb) as r(at text, who text, command text, ok boolean, inputs text, files jsonb) \
        where r.inputs is not null and exists (select 1 from told) on conflict do nothing \
    ) \
    insert into {audit_log} (run, deployment, serial, at, who, host, command, plan_digest, result, summary, actions) \
    select a.run, $1, a.serial, a.at::timestamptz, a.who, a.host, a.command, a.plan_digest, a.result, a.summary, a.actions \
    from jsonb_to_record($19::text::jsonb) as a(run uuid, serial bigint, at text, who text, host text, command text, \
        plan_digest text, result text, summary jsonb, actions jsonb) \
    where a.run is not null and exists (select 1 from told) on conflict do nothing";

/// Tells what a run came to, in one transaction; told twice it is the same.
pub(super) async fn publish(database: &Database, publication: &Publication<'_>) -> Result<()> {
    let Publication { state, revision, audit } = publication;
    let json = |value: serde_json::Result<String>| value.map_err(|error| Error::failed(error.to_string()));
    let snapshot = json(revision.map_or_else(|| Ok("{}".to_owned()), serde_json::to_string))?;
    let audit = json(serde_json::to_string(audit))?;
    let mut columns: [Vec<String>; 8] = Default::default();
    for (address, record) in &state.records {
        let row = [
            address.to_string(),
            record.type_name.to_string(),
            address.name.to_string(),
            record.provider.name.to_string(),
            status(record.status).to_owned(),
            record.host.clone().unwrap_or_default(),
            record.created.to_string(),
            record.updated.to_string(),
        ];
        columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }
    let [addresses, types, names, providers, statuses, hosts, created, updated] = &columns;
    let (lineage, serial) = (state.lineage.to_string(), i64::try_from(state.serial).unwrap_or(i64::MAX));
    let now = deployctl_sdk::source::now().to_string();
    let held = database.held();
    let parameters: super::connection::Parameters<'_> = &[
        (&database.name, Type::TEXT),
        (&"", Type::TEXT),
        (&held, Type::TEXT),
        (&database.settings.key, Type::TEXT),
        (&database.environment, Type::TEXT),
        (&lineage, Type::TEXT),
        (&serial, Type::INT8),
        (&state.version, Type::TEXT),
        (&now, Type::TEXT),
        (addresses, Type::TEXT_ARRAY),
        (types, Type::TEXT_ARRAY),
        (names, Type::TEXT_ARRAY),
        (providers, Type::TEXT_ARRAY),
        (statuses, Type::TEXT_ARRAY),
        (hosts, Type::TEXT_ARRAY),
        (created, Type::TEXT_ARRAY),
        (updated, Type::TEXT_ARRAY),
        (&snapshot, Type::TEXT),
        (&audit, Type::TEXT),
    ];
    database.change(TEXT, parameters).await.map(|_| ())
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Ready => "ready",
        Status::Unhealthy => "unhealthy",
        Status::Tainted => "tainted",
    }
}
