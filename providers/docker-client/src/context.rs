//! Docker contexts: engines that somebody has given a name with `docker context create`.
//!
//! A context lies in Docker's configuration folder under the SHA-256 of its name: `contexts/meta/ID/meta.json` says
//! where the engine is, `contexts/tls/ID/docker/` holds its certificates.

use std::collections::BTreeMap;
use std::path::Path;

use deployctl_sdk::{Digest, ErrorKind, ProviderError, fs};
use serde::Deserialize;

use crate::endpoint::{Address, Endpoint, Tls};

/// The name of the context that is none: the environment decides.
pub(crate) const DEFAULT: &str = "default";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    #[serde(default)]
    endpoints: BTreeMap<String, MetaEndpoint>,
}

#[derive(Deserialize)]
struct MetaEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

/// The endpoint of a context.
///
/// # Errors
/// When there is no such context, or it does not name a Docker Engine that can be reached.
pub(crate) fn endpoint(folder: &Path, name: &str) -> Result<Endpoint, ProviderError> {
    let id = Digest::of(name.as_bytes()).to_string();
    let contexts = folder.join("contexts");
    let path = contexts.join("meta").join(&id).join("meta.json");
    let refused = |message: String| ProviderError::new(ErrorKind::Refused, message);
    let bytes = match fs::read_if_there(&path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let message = format!("there is no Docker context `{name}` in {}", folder.display());
            return Err(refused(message).with_hint("`docker context ls` lists those that there are"));
        }
        Err(error) => return Err(refused(error.to_string())),
    };
    let meta: Meta = serde_json::from_slice(&bytes)
        .map_err(|error| refused(format!("{} does not describe a Docker context: {error}", path.display())))?;
    let found = meta.endpoints.get("docker").filter(|endpoint| !endpoint.host.is_empty());
    let found = found.ok_or_else(|| refused(format!("the Docker context `{name}` does not name a Docker Engine")))?;
    let tls = contexts.join("tls").join(&id).join("docker");
    let tls = if tls.is_dir() { Some(Tls { folder: tls }) } else { None };
    if found.skip_tls_verify && tls.is_some() {
        let message = format!("the Docker context `{name}` asks not to check the engine's certificate");
        let hint =
            "recreate the context with the engine's `ca.pem`; an unchecked connection hands the machine to anyone";
        return Err(refused(message).with_hint(hint));
    }
    Ok(Endpoint { address: Address::parse(&found.host)?, tls, source: format!("the Docker context `{name}`") })
}
