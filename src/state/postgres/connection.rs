//! One connection to the database, made when it is first needed and again when it broke.

use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use std::sync::PoisonError;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::sync::Mutex;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use super::settings::PostgresSettings;
use super::{failure, schema};
use crate::error::{Error, Result};

/// How often something is tried in all before the connection counts as lost.
const ATTEMPTS: u32 = 6;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(100);

const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How long one statement may take.
const STATEMENT_TIME: Duration = Duration::from_secs(60);

/// What a statement is given, with types, so that it takes one round trip.
pub(super) type Parameters<'p> = &'p [(&'p (dyn ToSql + Sync), Type)];

/// One environment's part of a database.
pub(super) struct Database {
    pub(super) settings: PostgresSettings,
    /// What this environment's rows are known by.
    pub(super) name: String,
    /// The environment.
    pub(super) environment: String,
    client: Mutex<Option<Arc<Client>>>,
    /// The version of the tables, once it was asked for; `None` in it, where there are none yet.
    version: Mutex<Option<Option<i32>>>,
    /// The lock that this process holds.
    held: StdMutex<Option<Uuid>>,
}

impl Database {
    pub(super) fn new(settings: PostgresSettings, environment: &str) -> Self {
        let key = settings.key.trim_matches('/');
        Self {
            name: format!("{key}/{environment}"),
            environment: environment.to_owned(),
            settings,
            client: Mutex::default(),
            version: Mutex::default(),
            held: StdMutex::default(),
        }
    }

    /// The lock that writes go by, as a text; empty if none is held.
    pub(super) fn held(&self) -> String {
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.map(|id| id.to_string()).unwrap_or_default()
    }

    pub(super) fn set_held(&self, id: Option<Uuid>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }

    /// Whether the lock that this process took is still its own.
    pub(super) async fn holds(&self) -> Result<bool> {
        let held = self.held();
        if held.is_empty() {
            return Ok(true);
        }
        let text = "select 1 from {locks} where deployment = $1 and id::text = $2";
        Ok(!self.look(text, &[(&self.name, Type::TEXT), (&held, Type::TEXT)]).await?.is_empty())
    }

    /// The schema's name, as it stands in statements.
    pub(super) fn schema(&self) -> String {
        format!("\"{}\"", self.settings.schema.replace('"', "\"\""))
    }

    /// Where it lies, for messages: never with the user's password.
    pub(super) fn place(&self, path: &str) -> String {
        format!("{}, {}/{path}", self.server(), self.name)
    }

    fn server(&self) -> String {
        let Ok(config) = self.settings.url.parse::<Config>() else { return "the database".to_owned() };
        let host = config.get_hosts().first().map_or("localhost".to_owned(), |host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        let port = config.get_ports().first().map_or(5432, |port| *port);
        let database = config.get_dbname().or(config.get_user()).unwrap_or("postgres");
        format!("PostgreSQL {host}:{port}/{database} (schema {})", self.settings.schema)
    }

    fn user(&self) -> String {
        let config = self.settings.url.parse::<Config>().ok();
        config.and_then(|config| config.get_user().map(str::to_owned)).unwrap_or_else(crate::state::lock::user)
    }

    /// A statement with the tables' names in the place of `{table}`, and `{fence}` for the condition that the lock in `$3` is
    /// still held; its row cannot change before the statement's transaction is over.
    fn statement(&self, text: &str) -> String {
        const FENCE: &str =
            "($3 = '' or exists (select 1 from {locks} l where l.deployment = $1 and l.id::text = $3 for share))";
        const TABLES: [&str; 9] = [
            "documents",
            "versions",
            "logs",
            "log_parts",
            "locks",
            "deployments",
            "services",
            "configuration_snapshots",
            "audit_log",
        ];
        let schema = self.schema();
        let text = text.replace("{fence}", FENCE);
        TABLES.iter().fold(text, |text, table| text.replace(&format!("{{{table}}}"), &format!("{schema}.{table}")))
    }

    async fn client(&self) -> Result<Arc<Client>, Failure> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(client.clone());
        }
        let client = Arc::new(self.connect().await?);
        *kept = Some(client.clone());
        Ok(client)
    }

    async fn connect(&self) -> Result<Client, Failure> {
        let parsed = self.settings.url.parse::<Config>();
        let mut config = parsed.map_err(|_| {
            // The parser's own words may repeat the address.
            Error::usage("the address of the database cannot be read")
                .with_hint("write it as `postgres://user@host:5432/database`, and the password into PGPASSWORD")
        })?;
        if let (None, Some(password)) = (config.get_password(), &self.settings.password) {
            config.password(password);
        }
        config.connect_timeout(CONNECT_TIME).application_name("deployctl").keepalives_idle(Duration::from_secs(30));
        let (client, connection) = if config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = config.connect(NoTls).await?;
            (client, tokio::spawn(async move { connection.await.err() }))
        } else {
            let (client, connection) = config.connect(MakeRustlsConnect::new(tls()?)).await?;
            (client, tokio::spawn(async move { connection.await.err() }))
        };
        // It ends with the client, and its failure is every statement's.
        drop(connection);
        Ok(client)
    }

    /// Runs a statement that only looks; without tables there is nothing to be seen.
    pub(super) async fn look(&self, text: &str, parameters: Parameters<'_>) -> Result<Vec<Row>> {
        // Who is far away does not wait for the one before asking the other.
        let (version, rows) = tokio::join!(self.version(), async {
            match self.known_version() {
                Some(None) => Ok(Vec::new()),
                _ => self.run(text, parameters, "read").await,
            }
        });
        // Without tables the question failed, and that says nothing.
        if version?.is_none() { Ok(Vec::new()) } else { rows }
    }

    /// The version of the tables, as far as it was asked for already.
    fn known_version(&self) -> Option<Option<i32>> {
        self.version.try_lock().ok().and_then(|known| *known)
    }

    /// Runs a statement that changes something, as one transaction.
    pub(super) async fn change(&self, text: &str, parameters: Parameters<'_>) -> Result<Vec<Row>> {
        self.run(text, parameters, "write").await
    }

    async fn run(&self, text: &str, parameters: Parameters<'_>, what: &str) -> Result<Vec<Row>> {
        let text = self.statement(text);
        let done = self.trying(&Work::Statement(&text, parameters)).await;
        done.map_err(|failure| self.explained(failure, what))
    }

    /// Runs several statements, written out.
    pub(super) async fn batch(&self, text: &str, what: &str) -> Result<()> {
        let done = self.trying(&Work::Batch(text)).await;
        done.map(|_| ()).map_err(|failure| self.explained(failure, what))
    }

    fn explained(&self, failure: Failure, what: &str) -> Error {
        match failure {
            Failure::Server(error) => failure::failed(&error, &self.server(), &self.user(), what),
            Failure::Other(error) => error,
        }
    }

    /// Does something on the connection, on a new one where it broke. What is done must bear being done twice.
    async fn trying(&self, work: &Work<'_>) -> Result<Vec<Row>, Failure> {
        let mut tries = 1;
        loop {
            match self.attempt(work).await {
                Err(Failure::Server(error)) if tries < ATTEMPTS && failure::is_passing(&error) => {
                    tracing::debug!(%error, tries, "trying again");
                }
                answered => return answered,
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
            tries += 1;
        }
    }

    async fn attempt(&self, work: &Work<'_>) -> Result<Vec<Row>, Failure> {
        let client = self.client().await?;
        let done = async {
            match work {
                Work::Statement(text, parameters) => client.query_typed(text, parameters).await,
                Work::Batch(text) => client.batch_execute(text).await.map(|()| Vec::new()),
            }
        };
        match tokio::time::timeout(STATEMENT_TIME, done).await {
            Ok(done) => Ok(done?),
            Err(_) => {
                *self.client.lock().await = None;
                Err(Failure::Other(
                    Error::failed(format!("{} did not answer in time", self.server()))
                        .with_hint("check the network and the server, and run the command again"),
                ))
            }
        }
    }

    /// The version of the tables; `None` if there are none.
    ///
    /// # Errors
    /// Tables of a newer version.
    pub(super) async fn version(&self) -> Result<Option<i32>> {
        let mut known = self.version.lock().await;
        if let Some(version) = *known {
            return Ok(version);
        }
        let text = format!("select max(version) from {}.schema_version", self.schema());
        let rows = match self.trying(&Work::Statement(&text, &[])).await {
            Err(Failure::Server(error)) if schema::is_missing(&error) => Vec::new(),
            answered => answered.map_err(|failure| self.explained(failure, "read"))?,
        };
        let version: Option<i32> = rows.first().and_then(|row| row.get(0));
        if let Some(version) = version {
            schema::check(version, &self.server())?;
        }
        *known = Some(version);
        Ok(version)
    }

    /// Asks for the version of the tables again when it is next needed.
    pub(super) async fn forget_version(&self) {
        *self.version.lock().await = None;
    }
}

/// What is to be done on the connection.
enum Work<'w> {
    /// One statement, which is one transaction.
    Statement(&'w str, Parameters<'w>),
    /// Several, written out.
    Batch(&'w str),
}

/// Why something on the connection failed.
enum Failure {
    Server(tokio_postgres::Error),
    Other(Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// The system's trust store decides whom we speak to.
fn tls() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let verified = builder.and_then(|builder| builder.with_platform_verifier());
    let config = verified.map_err(|error| Error::failed(format!("TLS cannot be set up: {error}")))?;
    Ok(config.with_no_client_auth())
}
