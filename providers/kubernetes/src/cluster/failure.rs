//! What the API server's refusals mean, in words that say what to do.

use deployctl_sdk::{ErrorKind, ProviderError};
use kube::core::Status;

/// An error of the client, as a provider's. `what` says what could not be done, and goes on with a colon.
pub(crate) fn explained(error: kube::Error, what: &str) -> ProviderError {
    match error {
        kube::Error::Api(status) => refused(&status, what),
        kube::Error::Auth(error) => login(&error, what),
        kube::Error::Service(error) => match error.downcast::<kube::client::AuthError>() {
            Ok(error) => login(&error, what),
            Err(error) => unreachable(&chain(&*error), what),
        },
        kube::Error::HyperError(error) => unreachable(&chain(&error), what),
        other => ProviderError::new(ErrorKind::Unreachable, format!("{what}: {}", chain(&other))),
    }
}

/// Whether the server could not be reached at all, or went away in the middle.
pub(crate) fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::HyperError(_) | kube::Error::ReadEvents(_))
        || matches!(error, kube::Error::Service(inner) if !inner.is::<kube::client::AuthError>())
}

fn unreachable(why: &str, what: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Unreachable, format!("{what}: the cluster does not answer: {why}"))
        .with_hint("`kubectl cluster-info` shows whether it can be reached from here")
}

fn login(error: &kube::client::AuthError, what: &str) -> ProviderError {
    // What a credential plugin printed may hold the credentials.
    let why = match error {
        kube::client::AuthError::AuthExecRun { cmd, out } => format!("`{cmd}` ended with {}", out.status),
        other => other.to_string(),
    };
    ProviderError::new(ErrorKind::Refused, format!("{what}: cannot log in: {why}"))
        .with_hint("log in anew, or give a `token` or an `exec` block in `provider \"kubernetes\" {}`")
}

fn refused(status: &Status, what: &str) -> ProviderError {
    let message = status.message.trim();
    let error = |kind: ErrorKind, text: String| ProviderError::new(kind, format!("{what}: {text}"));
    match status.code {
        401 => error(ErrorKind::Refused, "the cluster does not accept the credentials".to_owned())
            .with_hint("the token may have expired: log in anew, or look at `kubectl auth whoami`"),
        403 => forbidden(message, what),
        404 => error(ErrorKind::Refused, format!("not found: {message}")),
        409 => error(ErrorKind::Transient, message.to_owned()),
        400 | 413 | 415 | 422 => invalid(status, what),
        // That a field is not declared is found where fields are owned, and told as if the server had failed.
        500 if message.contains("failed to create typed patch object") => {
            let why = message.split_once("): ").map_or(message, |(_, why)| why);
            error(ErrorKind::Invalid, why.to_owned())
        }
        429 | 500..=599 => error(ErrorKind::Transient, format!("the cluster answers {}: {message}", status.code)),
        code => error(ErrorKind::Refused, format!("the cluster answers {code}: {message}")),
    }
}

/// A request that the API server found wrong, with each of its complaints.
fn invalid(status: &Status, what: &str) -> ProviderError {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    let lines: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    match lines.as_slice() {
        [] => ProviderError::new(ErrorKind::Invalid, format!("{what}: {}", status.message.trim())),
        [only] => ProviderError::new(ErrorKind::Invalid, format!("{what}: {only}")),
        _ => ProviderError::new(ErrorKind::Invalid, format!("{what}: {} mistakes", lines.len())).with_detail(lines),
    }
}

/// What may not be done, by verb and resource, and how it could be allowed. An admission plugin's refusal says its own.
fn forbidden(message: &str, what: &str) -> ProviderError {
    let error = |text: &str| ProviderError::new(ErrorKind::Refused, format!("{what}: {text}"));
    let Some(asked) = Denied::read(message) else { return error(message) };
    let place = match asked.namespace {
        Some(namespace) => format!(" in the namespace {namespace}"),
        None => " in the whole cluster".to_owned(),
    };
    let role = if asked.namespace.is_some() { "Role" } else { "ClusterRole" };
    error(&format!("{} may not {} {}{place}", asked.user, asked.verb, asked.resource())).with_hint(format!(
        "a {role} with the verb `{}` on `{}` allows it",
        asked.verb,
        asked.resource()
    ))
}

/// What RBAC denied, read from its message.
struct Denied<'m> {
    user: &'m str,
    verb: &'m str,
    plural: &'m str,
    group: &'m str,
    namespace: Option<&'m str>,
}

impl<'m> Denied<'m> {
    fn read(message: &'m str) -> Option<Self> {
        let quoted = |after: &str| message.split_once(after)?.1.split('"').next();
        Some(Self {
            user: quoted("User \"")?,
            verb: message.split_once(" cannot ")?.1.split(' ').next()?,
            plural: quoted("resource \"")?,
            group: quoted("API group \"")?,
            namespace: quoted("in the namespace \""),
        })
    }

    fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        source = inner.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_the_verb_and_the_resource() {
        let message = "deployments.apps \"web\" is forbidden: User \"ann\" cannot patch resource \"deployments\" in API \
                       group \"apps\" in the namespace \"shop\"";
        let error = forbidden(message, "Deployment shop/web");
        assert_eq!(error.message, "Deployment shop/web: ann may not patch deployments.apps in the namespace shop");
        assert_eq!(error.hint.unwrap(), "a Role with the verb `patch` on `deployments.apps` allows it");
        let quota = forbidden("pods \"x\" is forbidden: exceeded quota: q", "Pod shop/x");
        assert!(quota.message.contains("exceeded quota") && quota.hint.is_none());
    }
}
