//! What the configuration and the environment say about the database.

use std::fmt;

/// Where the database is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PostgresSettings {
    /// `postgres://user@host:port/database`.
    pub url: String,
    /// The password, where the address has none.
    pub password: Option<String>,
    /// The schema that the tables are in.
    pub schema: String,
    /// What tells this configuration's state from others in the same tables.
    pub key: String,
}

/// The address and the password may not be shown.
impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings").field("schema", &self.schema).field("key", &self.key).finish_non_exhaustive()
    }
}
