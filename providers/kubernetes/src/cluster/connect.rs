//! Which cluster, and how to log in there: a kubeconfig with its context, a service account, or what the settings say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use deployctl_sdk::{AttrPath, ErrorKind, ProviderError, Value};
use kube::client::retry::RetryPolicy;
use kube::client::{AuthError, ClientBuilder};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;

use super::failure::explained;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How long it is waited before a request is sent again that the server had no room for, where it does not say so itself: at
/// first, and at most.
const BUSY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How often a request is sent again: the client's own 15 times, each after twice as long, would be several minutes of silence.
const AGAIN: u32 = 8;

/// How many requests wait their turn before those who ask have to.
const WAITING: usize = 1024;

/// A client that asks again when the server is busy (429, 503 and 504), after as long as `Retry-After` says.
///
/// # Errors
/// When the configuration cannot be used: a certificate that is none, a proxy that is not supported, a credential plugin that
/// cannot be run.
pub(crate) fn client(mut config: Config) -> Result<Client, ProviderError> {
    config.default_retry = false;
    let patient = RetryPolicy::new(BUSY.0, BUSY.1, AGAIN, true);
    let patient = patient.map_err(|error| ProviderError::new(ErrorKind::Internal, error.to_string()))?;
    let plugin = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone()).unwrap_or_default();
    let builder = ClientBuilder::try_from(config).map_err(|error| match error {
        kube::Error::Auth(AuthError::AuthExecStart(error)) => {
            let text = format!("cannot log in: the credential plugin `{plugin}` cannot be run: {error}");
            let hint = "install it, or give a `token` or an `exec` block in `provider \"kubernetes\" {}`";
            ProviderError::new(ErrorKind::Refused, text).with_hint(hint)
        }
        error => explained(error, "no connection can be made"),
    })?;
    Ok(builder.with_layer(&BufferLayer::new(WAITING)).with_layer(&RetryLayer::new(patient)).build())
}

/// Finds the cluster.
///
/// # Errors
/// When there is none to be found, or the settings contradict what is there.
pub(crate) async fn config(settings: &Value, root: &Path) -> Result<Config, ProviderError> {
    let (mut config, proxy) = base(settings, root).await?;
    config.connect_timeout = Some(CONNECT);
    if let Some(token) = text(settings, "token") {
        config.auth_info = AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() };
    }
    if let Some(exec) = settings.get("exec") {
        let user = serde_json::from_value(json!({ "exec": exec_of(exec) }));
        config.auth_info = user.map_err(|error| invalid("exec", error.to_string()))?;
    }
    let host = config.cluster_url.host().unwrap_or_default().trim_matches(['[', ']']);
    let proxy = text(settings, "proxy_url").map(str::to_owned).or(proxy).or_else(|| of_environment(host));
    // It may hold a password.
    let parsed = proxy.map(|proxy| proxy.parse().map_err(|_| invalid("proxy_url", "this is not a URL".to_owned())));
    config.proxy_url = parsed.transpose()?;
    Ok(config)
}

/// The configuration without its proxy, and the proxy that a kubeconfig names.
async fn base(settings: &Value, root: &Path) -> Result<(Config, Option<String>), ProviderError> {
    if settings.get("in_cluster").and_then(Value::as_bool) == Some(true) {
        return Config::incluster().map(|config| (config, None)).map_err(|error| {
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
            Ok(config) if options.context.is_none() => Ok((config, None)),
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

async fn from(kubeconfig: Kubeconfig, options: &KubeConfigOptions) -> Result<(Config, Option<String>), ProviderError> {
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
    let proxy = proxy_of(&kubeconfig, options);
    let found = Config::from_custom_kubeconfig(kubeconfig, options).await;
    let refused = |error| ProviderError::new(ErrorKind::Refused, format!("the kubeconfig cannot be used: {error}"));
    found.map(|config| (config, proxy)).map_err(refused)
}

/// The proxy that the context's cluster names.
fn proxy_of(kubeconfig: &Kubeconfig, options: &KubeConfigOptions) -> Option<String> {
    let wanted = options.context.as_ref().or(kubeconfig.current_context.as_ref())?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == *wanted)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster)?.cluster.as_ref()?;
    cluster.proxy_url.clone().filter(|proxy| !proxy.is_empty())
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

/// The proxy of the environment, where `NO_PROXY` or the address does not say that none is wanted.
fn of_environment(host: &str) -> Option<String> {
    let first = |names: [&str; 2]| {
        names.iter().filter_map(|name| std::env::var(name).ok()).find(|text| !text.trim().is_empty())
    };
    let proxy = first(["HTTPS_PROXY", "https_proxy"])?;
    let exceptions = first(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    (!is_direct(host, &exceptions)).then_some(proxy)
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
