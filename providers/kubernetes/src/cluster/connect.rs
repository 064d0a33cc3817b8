//! Which cluster, and how to log in there: a kubeconfig with its context, a service account, or what the settings say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use deployctl_sdk::{AttrPath, ErrorKind, ProviderError, Value};
use kube::Config;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use serde_json::json;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// Finds the cluster.
///
/// # Errors
/// When there is none to be found, or the settings contradict what is there.
pub(crate) async fn config(settings: &Value, root: &Path) -> Result<Config, ProviderError> {
    let mut config = base(settings, root).await?;
    config.connect_timeout = Some(CONNECT);
    if let Some(token) = text(settings, "token") {
        config.auth_info = AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() };
    }
    if let Some(exec) = settings.get("exec") {
        let user = serde_json::from_value(json!({ "exec": exec_of(exec) }));
        config.auth_info = user.map_err(|error| invalid("exec", error.to_string()))?;
    }
    match text(settings, "proxy_url") {
        Some(proxy) => {
            let parsed = proxy.parse().map_err(|_| invalid("proxy_url", "this is not a URL".to_owned()))?;
            config.proxy_url = Some(parsed);
        }
        None => without_needless_proxy(&mut config),
    }
    Ok(config)
}

async fn base(settings: &Value, root: &Path) -> Result<Config, ProviderError> {
    if settings.get("in_cluster").and_then(Value::as_bool) == Some(true) {
        return Config::incluster().map_err(|error| {
            ProviderError::new(ErrorKind::Refused, format!("not inside a cluster: {error}"))
                .with_hint("`in_cluster` is for a pod with a service account; take it away to use a kubeconfig")
        });
    }
    let options = KubeConfigOptions { context: text(settings, "context").map(str::to_owned), ..Default::default() };
    if let Some(host) = text(settings, "host") {
        return from(by_host(settings, host)?, &KubeConfigOptions::default()).await;
    }
    if let Some(path) = text(settings, "kubeconfig") {
        let path = resolved(path, root);
        let kubeconfig = Kubeconfig::read_from(&path).map_err(|error| invalid("kubeconfig", error.to_string()))?;
        return from(kubeconfig, &options).await;
    }
    match Kubeconfig::read() {
        Ok(kubeconfig) => from(kubeconfig, &options).await,
        Err(unread) => match Config::incluster() {
            Ok(config) if options.context.is_none() => Ok(config),
            _ => Err(no_cluster(&unread.to_string())),
        },
    }
}

/// Whether there is anything that says which cluster: settings, a kubeconfig, or a pod's service account.
pub(crate) fn is_configured(settings: &Value) -> bool {
    ["host", "kubeconfig", "in_cluster"].iter().any(|name| settings.get(name).is_some())
        || Kubeconfig::read().is_ok()
        || Config::incluster().is_ok()
}

fn no_cluster(why: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Unreachable, format!("there is no cluster to talk to: {why}"))
        .with_hint("set KUBECONFIG, or `kubeconfig` or `host` in `provider \"kubernetes\" {}`")
}

async fn from(kubeconfig: Kubeconfig, options: &KubeConfigOptions) -> Result<Config, ProviderError> {
    if let Some(wanted) = &options.context
        && !kubeconfig.contexts.iter().any(|context| context.name == *wanted)
    {
        let names: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
        let error = invalid("context", format!("the kubeconfig has no context `{wanted}`"));
        return Err(error.with_hint(match names.as_slice() {
            [] => "it has no context at all".to_owned(),
            names => format!("it has {}", names.join(", ")),
        }));
    }
    let found = Config::from_custom_kubeconfig(kubeconfig, options).await;
    found.map_err(|error| ProviderError::new(ErrorKind::Refused, format!("the kubeconfig cannot be used: {error}")))
}

/// A kubeconfig for a cluster that the settings describe.
fn by_host(settings: &Value, host: &str) -> Result<Kubeconfig, ProviderError> {
    let authority = text(settings, "ca_certificate").map(|pem| base64::prelude::BASE64_STANDARD.encode(pem));
    let cluster = match authority {
        Some(authority) => json!({ "server": host, "certificate-authority-data": authority }),
        None => json!({ "server": host }),
    };
    let document = json!({
        "clusters": [{ "name": "it", "cluster": cluster }],
        "users": [{ "name": "it", "user": {} }],
        "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "it" } }],
        "current-context": "it",
    });
    serde_json::from_value(document).map_err(|error| invalid("host", error.to_string()))
}

fn exec_of(exec: &Value) -> serde_json::Value {
    let texts = |name: &str| -> Vec<&str> {
        exec.get(name).and_then(Value::as_list).into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let env = exec.get("env").and_then(Value::as_map);
    let env: Vec<_> = env
        .into_iter()
        .flatten()
        .map(|(name, value)| json!({ "name": &**name, "value": value.as_str().unwrap_or_default() }))
        .collect();
    json!({
        "apiVersion": text(exec, "api_version").unwrap_or("client.authentication.k8s.io/v1"),
        "command": text(exec, "command"),
        "args": texts("args"),
        "env": env,
        "interactiveMode": "Never",
        "provideClusterInfo": false,
    })
}

/// Takes a proxy out that came from the environment, where `NO_PROXY` or the address says that none is wanted.
fn without_needless_proxy(config: &mut Config) {
    let Some(proxy) = &config.proxy_url else { return };
    let from_environment = ["HTTPS_PROXY", "https_proxy"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .any(|value| value.trim_end_matches('/') == proxy.to_string().trim_end_matches('/'));
    let exceptions = ["NO_PROXY", "no_proxy"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let host = config.cluster_url.host().unwrap_or_default().trim_matches(['[', ']']);
    if from_environment && is_direct(host, &exceptions) {
        config.proxy_url = None;
    }
}

/// Whether a host is talked to without a proxy. Loopback always is.
fn is_direct(host: &str, exceptions: &str) -> bool {
    let address: Option<std::net::IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    exceptions.split(',').map(str::trim).filter(|exception| !exception.is_empty()).any(|exception| {
        let suffix = exception.trim_start_matches('*').trim_start_matches('.');
        exception == "*" || host == suffix || (address.is_none() && host.ends_with(&format!(".{suffix}")))
    })
}

fn resolved(path: &str, root: &Path) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => root.join(path),
    }
}

fn text<'v>(settings: &'v Value, name: &str) -> Option<&'v str> {
    settings.get(name).and_then(Value::as_str)
}

fn invalid(attribute: &str, message: String) -> ProviderError {
    ProviderError::invalid(AttrPath::of(attribute), message)
}

#[cfg(test)]
mod tests {
    use super::is_direct;

    #[test]
    fn loopback_and_exceptions_need_no_proxy() {
        assert!(is_direct("127.0.0.1", "") && is_direct("localhost", "") && is_direct("::1", ""));
        assert!(is_direct("api.corp.example", "x, .corp.example") && is_direct("10.0.0.1", "10.0.0.1"));
        assert!(!is_direct("api.example", "corp.example") && !is_direct("notcorp.example", "corp.example"));
    }
}
