//! Where states are kept, as `state` blocks say; and what is read of other configurations' states.

use std::path::Path;
use std::sync::Arc;

use deployctl_sdk::{Number, Value};

use crate::config::{Configuration, DataBlock, StateBlock};
use crate::error::{Error, Result};
use crate::project::encryption_of;
use crate::state::{BackendConfig, Encryption, Store};

/// Where a `state` block says that the state is; `.deployctl` in the configuration's folder, if there is none.
///
/// # Errors
/// A backend that this build has not, and what a backend needs and was not given.
pub fn backend_of(block: Option<&StateBlock>, root: &Path) -> Result<BackendConfig> {
    let Some(block) = block else { return Ok(BackendConfig::Local { folder: root.join(".deployctl") }) };
    match &*block.kind {
        "local" => {
            let path = block.text("path").unwrap_or_else(|| ".deployctl".to_owned());
            Ok(BackendConfig::Local { folder: root.join(path) })
        }
        #[cfg(feature = "s3")]
        "s3" => Ok(BackendConfig::S3(s3(block))),
        #[cfg(feature = "postgres")]
        "postgres" => postgres(block).map(BackendConfig::Postgres),
        kind => Err(Error::usage(format!("this build of deployctl has no state backend `{kind}`"))
            .with_hint("`state \"local\" {}` keeps the state beside the configuration")),
    }
}

#[cfg(feature = "s3")]
fn s3(block: &StateBlock) -> crate::state::S3Settings {
    let role = |role: &std::collections::BTreeMap<&'static str, Arc<str>>| {
        let text = |name: &str| role.get(name).map(|text| text.to_string());
        crate::state::AssumeRole {
            role_arn: text("role_arn").unwrap_or_default(),
            session_name: text("session_name"),
            external_id: text("external_id"),
        }
    };
    crate::state::S3Settings {
        bucket: block.text("bucket").unwrap_or_default(),
        key: block.text("key").unwrap_or_default(),
        region: block.text("region"),
        endpoint: block.text("endpoint"),
        path_style: block.flag("path_style"),
        profile: block.text("profile"),
        assume_role: block.assume_role.as_ref().map(role),
        server_side_encryption: block.text("server_side_encryption"),
        kms_key_id: block.text("kms_key_id"),
        allow_unconditional_writes: block.flag("allow_unconditional_writes"),
    }
}

#[cfg(feature = "postgres")]
fn postgres(block: &StateBlock) -> Result<crate::state::PostgresSettings> {
    /// Everybody's name for it.
    const URL: &str = "DATABASE_URL";
    let url = block.text("url").or_else(|| std::env::var(URL).ok().filter(|url| !url.is_empty()));
    let url = url.ok_or_else(|| {
        Error::usage("it is not said which database the state is in")
            .with_hint(format!("set {URL}, or `url` in the `state` block; the password can be in PGPASSWORD"))
    })?;
    Ok(crate::state::PostgresSettings {
        url,
        password: std::env::var("PGPASSWORD").ok().filter(|password| !password.is_empty()),
        schema: block.text("schema").unwrap_or_else(|| "deployctl".to_owned()),
        key: block.text("key").unwrap_or_default(),
    })
}

/// Reads the states that a configuration's `data` blocks name. Takes no lock and writes nothing.
///
/// # Errors
/// A state that is not there or cannot be read.
pub async fn read(config: &Configuration, root: &Path, environment: &str) -> Result<Vec<(Arc<str>, Value)>> {
    let all = config.data.values().map(|block| async move {
        let encryption = encryption_of(config, root);
        let value = read_one(block, root, block.environment.as_deref().unwrap_or(environment), encryption).await;
        value.map(|value| (block.name.clone(), value))
    });
    futures_util::future::try_join_all(all).await
}

async fn read_one(block: &DataBlock, root: &Path, environment: &str, encryption: Option<Encryption>) -> Result<Value> {
    let what = format!("data.{}.{}", DataBlock::STATE, block.name);
    let named = |mut error: Error| {
        error.message = format!("{what}: {}", error.message);
        error
    };
    let backend = backend_of(Some(&block.state), root).map_err(named)?;
    let store = Store::open(&backend, environment).await.map_err(named)?;
    // An encrypted one is opened as this configuration's own state is.
    let store = store.encrypted_as_found(encryption).await.map_err(named)?;
    let loaded = store.load().await.map_err(named)?;
    if !loaded.exists {
        return Err(Error::failed(format!(
            "{what}: there is no state of the environment `{environment}` in {}",
            store.place()
        ))
        .with_hint("apply that configuration first; or correct the `data` block's `state` and `environment`"));
    }
    let state = loaded.state;
    Ok(Value::map([
        ("outputs", Value::map(state.outputs)),
        ("serial", Value::Number(Number::from(state.serial))),
        ("lineage", Value::from(state.lineage.to_string())),
    ]))
}
