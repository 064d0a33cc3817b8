//! Credentials for registries, from Docker's own configuration and the credential helpers that it names.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use deployctl_sdk::program::{self, Invocation};
use deployctl_sdk::{ErrorKind, ProviderError};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::config_file::{ConfigFile, StoredAuth};
use crate::environment::Environment;

/// What Docker's configuration calls its own registry.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The user's name with which a helper says that its secret is a token.
const TOKEN: &str = "<token>";

/// What a credential helper answers. All of it is secret.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

/// The credentials for a registry (`docker.io` for Docker's own), if there are any.
///
/// # Errors
/// When Docker's configuration cannot be read, or a helper fails.
pub async fn credentials(
    environment: &Environment,
    registry: &str,
    cancel: &CancellationToken,
) -> Result<Option<DockerCredentials>, ProviderError> {
    let Some(folder) = environment.config_folder() else { return Ok(None) };
    of_registry(&ConfigFile::read(&folder)?, registry, cancel).await
}

/// The credentials for all registries that Docker's configuration knows, as a build may pull from any of them.
///
/// # Errors
/// As [`credentials`].
pub async fn all_credentials(
    environment: &Environment,
    cancel: &CancellationToken,
) -> Result<HashMap<String, DockerCredentials>, ProviderError> {
    let mut all = HashMap::new();
    let Some(folder) = environment.config_folder() else { return Ok(all) };
    let config = ConfigFile::read(&folder)?;
    let known: BTreeSet<&str> = config.auths.keys().chain(config.cred_helpers.keys()).map(|key| host_of(key)).collect();
    for registry in known {
        if let Some(found) = of_registry(&config, registry, cancel).await? {
            let key = if registry == "docker.io" { DOCKER_HUB_KEY } else { registry };
            all.insert(key.to_owned(), found);
        }
    }
    Ok(all)
}

async fn of_registry(
    config: &ConfigFile,
    registry: &str,
    cancel: &CancellationToken,
) -> Result<Option<DockerCredentials>, ProviderError> {
    let key = if registry == "docker.io" { DOCKER_HUB_KEY } else { registry };
    let helper = config.cred_helpers.iter().find(|(name, _)| host_of(name) == registry).map(|(_, helper)| helper);
    if let Some(helper) = helper.or(config.creds_store.as_ref()).filter(|helper| !helper.is_empty()) {
        let found = ask(helper, key, cancel).await?;
        return Ok(found.map(|found| of_helper(found, key)));
    }
    let stored = config.auths.iter().find(|(name, _)| host_of(name) == registry).map(|(_, stored)| stored);
    Ok(stored.and_then(|stored| of_file(stored, key)))
}

/// The host of an entry's name, which may be an address; Docker's own registry has several.
fn host_of(name: &str) -> &str {
    let rest = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
    let host = rest.split('/').next().unwrap_or(rest);
    if matches!(host, "index.docker.io" | "registry-1.docker.io") { "docker.io" } else { host }
}

async fn ask(helper: &str, key: &str, cancel: &CancellationToken) -> Result<Option<Helped>, ProviderError> {
    let name = format!("docker-credential-{helper}");
    let refused = |message: String| {
        let hint = "Docker's own config.json names it; `docker login` uses it too";
        ProviderError::new(ErrorKind::Refused, message).with_hint(hint)
    };
    let program = program::find(&name, Path::new("."))
        .ok_or_else(|| refused(format!("the credential helper `{name}` was not found in PATH")))?;
    let ended = Invocation::new(program).arg("get").stdin(key).run(cancel).await;
    let ended = ended.map_err(|error| refused(error.to_string()))?;
    if !ended.success() {
        // A helper that has nothing for a registry says so on its standard output, and fails.
        if ended.stdout_text().contains("credentials not found") {
            return Ok(None);
        }
        // What it said is not repeated: it may hold a secret.
        return Err(refused(format!("the credential helper `{name}` {}", ended.how())));
    }
    let answer = serde_json::from_slice(&ended.stdout);
    answer.map(Some).map_err(|_| refused(format!("the credential helper `{name}` gave no answer that can be read")))
}

fn of_helper(found: Helped, key: &str) -> DockerCredentials {
    let serveraddress = Some(key.to_owned());
    if found.username == TOKEN {
        return DockerCredentials { identitytoken: Some(found.secret), serveraddress, ..DockerCredentials::default() };
    }
    DockerCredentials {
        username: Some(found.username),
        password: Some(found.secret),
        serveraddress,
        ..DockerCredentials::default()
    }
}

fn of_file(stored: &StoredAuth, key: &str) -> Option<DockerCredentials> {
    let decoded = stored.auth.as_deref().filter(|auth| !auth.is_empty()).and_then(|auth| {
        let text = String::from_utf8(STANDARD.decode(auth).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some((user.to_owned(), password.trim_end_matches('\0').to_owned()))
    });
    let (username, password) = match decoded {
        Some((user, password)) => (Some(user), Some(password)),
        None => (stored.username.clone(), stored.password.clone()),
    };
    let found = DockerCredentials {
        username,
        password,
        identitytoken: stored.identitytoken.clone().filter(|token| !token.is_empty()),
        registrytoken: stored.registrytoken.clone(),
        serveraddress: Some(key.to_owned()),
        ..DockerCredentials::default()
    };
    (found.username.is_some() || found.identitytoken.is_some() || found.registrytoken.is_some()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> ConfigFile {
        serde_json::from_str(text).unwrap()
    }

    #[tokio::test]
    async fn credentials_in_the_file_are_found_by_the_registry_however_it_is_written() {
        let config = config(
            r#"{"auths": {"https://index.docker.io/v1/": {"auth": "YW5uYTpzM2NyM3Q="}, "registry.example.com": {"identitytoken": "t"}, "empty.example.com": {}}}"#,
        );
        let cancel = CancellationToken::new();
        let hub = of_registry(&config, "docker.io", &cancel).await.unwrap().unwrap();
        assert_eq!((hub.username.as_deref(), hub.password.as_deref()), (Some("anna"), Some("s3cr3t")));
        let other = of_registry(&config, "registry.example.com", &cancel).await.unwrap().unwrap();
        assert_eq!(other.identitytoken.as_deref(), Some("t"));
        assert!(of_registry(&config, "empty.example.com", &cancel).await.unwrap().is_none());
        assert!(of_registry(&config, "elsewhere.example.com", &cancel).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_helper_that_is_not_there_is_named() {
        let config = config(r#"{"credHelpers": {"registry.example.com": "no-such-helper"}}"#);
        let error = of_registry(&config, "registry.example.com", &CancellationToken::new()).await.err().unwrap();
        assert!(error.message.contains("docker-credential-no-such-helper"), "{error}");
    }

    #[test]
    fn a_configuration_is_never_shown_with_its_passwords() {
        let config = config(r#"{"auths": {"registry.example.com": {"auth": "YW5uYTpzM2NyM3Q="}}}"#);
        assert!(!format!("{config:?}").contains("YW5u"));
    }
}
