//! Tables of one version brought to the next, on a real server.

use tokio_postgres::types::Type;

use super::*;
use crate::state::PostgresSettings;

/// A step that a later version could take: it moves what is there.
const LATER: &str = "alter table {schema}.documents add column size bigint; \
                     update {schema}.documents set size = length(bytes);";

/// A schema of this test's own, removed at its end.
struct Tables(Database);

impl Tables {
    fn new() -> Self {
        Self(database(&format!("migrated_{}", deployctl_sdk::source::uuid().simple())))
    }

    /// The same tables, seen by another program.
    fn again(&self) -> Database {
        database(&self.0.settings.schema)
    }

    async fn ask(&self, text: &str) -> Vec<i64> {
        let text = text.replace("{schema}", &self.0.schema());
        // Not `look`, which would refuse newer tables.
        let rows = self.again().change(&text, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn versions(&self) -> Vec<i64> {
        self.ask("select version::bigint from {schema}.schema_version order by 1").await
    }

    async fn remove(self) {
        self.0.batch(&format!("drop schema if exists {} cascade", self.0.schema()), "remove its tables").await.unwrap();
    }
}

fn database(schema: &str) -> Database {
    let usual = || "postgres://deployctl:deployctl@127.0.0.1:15432/deployctl".to_owned();
    let url = std::env::var("DATABASE_URL").unwrap_or_else(|_| usual());
    Database::new(PostgresSettings { url, password: None, schema: schema.to_owned(), key: "k".to_owned() }, "default")
}

async fn made() -> Tables {
    let tables = Tables::new();
    let up = migrate(&tables.0).await;
    up.unwrap_or_else(|error| panic!("{error}; is a server up? eval \"$(cargo xtask engines postgres)\""));
    let text =
        "insert into {documents} (deployment, path, version, bytes) select $1, 'state', 1, 'abc' returning version";
    tables.0.change(text, &[(&tables.0.name, Type::TEXT)]).await.unwrap();
    tables
}

#[tokio::test(flavor = "multi_thread")]
async fn older_tables_are_brought_up_once_however_many_programs_see_to_it_and_keep_what_is_in_them() {
    let tables = made().await;
    let steps = [MIGRATIONS, &[LATER]].concat();
    let programs: Vec<Database> = (0..8).map(|_| tables.again()).collect();
    let all = programs.iter().map(|program| bring_up(program, &steps));
    for done in futures_util::future::join_all(all).await {
        done.unwrap();
    }
    assert_eq!(tables.ask("select size from {schema}.documents where path = 'state' and bytes = 'abc'").await, [3]);
    assert_eq!(tables.versions().await, [1, 2]);
    // The version before does not touch what it does not know.
    let error = migrate(&tables.again()).await.unwrap_err();
    assert!(error.message.contains("schema version 2, and this deployctl knows versions up to 1"), "{error}");
    tables.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_leaves_the_version_before_and_a_connection_that_works() {
    let tables = made().await;
    let broken = format!("{LATER} perform 1 / 0;");
    let error = bring_up(&tables.0, &[MIGRATIONS, &[&broken]].concat()).await.unwrap_err();
    assert!(error.message.contains("division by zero"), "{error}");
    assert_eq!(tables.versions().await, [1]);
    let added = "select count(*) from information_schema.columns where table_schema = trim(both '\"' from '{schema}') \
                 and column_name = 'size'";
    assert_eq!(tables.ask(added).await, [0]);
    bring_up(&tables.0, &[MIGRATIONS, &[LATER]].concat()).await.unwrap();
    tables.remove().await;
}
