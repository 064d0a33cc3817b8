//! The protocol: requests, and what may be wrong with the answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::Value;
use serde_json::Value as Json;

use super::query::{Query, Server};
use crate::http;
use crate::secret::origin::OriginError;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How often a request is made that a busy server or a lost connection kept from an answer.
const TRIES: u32 = 3;

/// The wait before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(200);

/// The most bytes of an answer that are read.
const MOST_BYTES: u64 = 4 << 20;

/// A server, and who one is there. Holds a token, so it has no `Debug`.
#[derive(Clone)]
pub(super) struct Client {
    agent: ureq::Agent,
    server: Arc<Server>,
    token: Option<Arc<str>>,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault at {}", self.server.address)
    }
}

/// Why there is no answer to a request, as far as it means something else in each place.
pub(super) enum Refusal {
    /// Not allowed, or the token is worth nothing.
    Denied,
    /// The request made no sense to the server.
    BadRequest,
    /// Nothing is there.
    Missing,
    /// The same everywhere.
    Other(OriginError),
}

impl Client {
    /// Nobody yet.
    pub(super) fn new(server: &Server) -> Self {
        let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
        // A redirect (to the active node of a cluster) keeps the token only on the same host, so it is followed by hand.
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(tls)
            .build();
        Self { agent: agent.into(), server: Arc::new(server.clone()), token: None }
    }

    /// Somebody, with this token.
    pub(super) fn with_token(self, token: &str) -> Self {
        Self { token: Some(Arc::from(token.trim())), ..self }
    }

    /// Reads a secret.
    pub(super) fn read(&self, query: &Query) -> Result<Value, OriginError> {
        let (mount, path, version) = self.place(query)?;
        let asked = match version {
            1 => format!("{mount}/{path}"),
            _ => format!("{mount}/data/{path}"),
        };
        let parameters: Vec<(&str, String)> =
            query.version.map(|number| ("version", number.to_string())).into_iter().collect();
        let shown = format!("`{mount}/{path}`");
        let answer = self.get(&asked, &parameters).map_err(|refusal| self.explained(refusal, &shown))?;
        let data = match version {
            1 => answer.get("data"),
            _ => answer.pointer("/data/data"),
        };
        let Some(data) = data.and_then(Json::as_object) else {
            let deleted = answer.pointer("/data/metadata/destroyed").is_some();
            let (message, hint) = match deleted {
                true => (
                    format!("{shown} in {self} was deleted in that version"),
                    "`vault kv undelete` brings it back, or name another `version`",
                ),
                false => (
                    format!("{self} answers for {shown} with something that is no secret of a KV engine"),
                    "look at `mount` and `engine_version`",
                ),
            };
            return Err(OriginError::new(message, hint));
        };
        let Some(field) = &query.field else {
            return Ok(Value::map(data.iter().map(|(name, value)| (name.as_str(), value_of(value)))));
        };
        match data.get(field) {
            Some(value) if !value.is_null() => Ok(value_of(value)),
            _ => {
                let names: Vec<String> = data.keys().map(|name| format!("`{name}`")).collect();
                Err(OriginError::new(
                    format!("{shown} in {self} has no field `{field}`"),
                    match names.is_empty() {
                        true => "it has no fields at all".to_owned(),
                        false => format!("it has {}", names.join(", ")),
                    },
                ))
            }
        }
    }

    /// The engine's mount, the path in it, and the engine's version.
    fn place(&self, query: &Query) -> Result<(String, String, u8), OriginError> {
        let path = query.path.trim_matches('/').to_owned();
        if let (Some(mount), Some(version)) = (&query.mount, query.engine_version) {
            return Ok((mount.trim_matches('/').to_owned(), path, version));
        }
        let whole = match &query.mount {
            Some(mount) => format!("{}/{path}", mount.trim_matches('/')),
            None => path.clone(),
        };
        let answer = self.get(&format!("sys/internal/ui/mounts/{whole}"), &[]).map_err(|refusal| match refusal {
            // The server tells a token only of mounts in which it may read something.
            Refusal::Denied | Refusal::Missing => self.explained(Refusal::Denied, &format!("`{whole}`")),
            other => self.explained(other, &format!("`{whole}`")),
        })?;
        let mount = answer.pointer("/data/path").and_then(Json::as_str).ok_or_else(|| self.not_vault())?;
        let kind = answer.pointer("/data/type").and_then(Json::as_str).unwrap_or_default();
        if !matches!(kind, "kv" | "generic") {
            return Err(OriginError::new(
                format!("`{}` in {self} is an engine `{kind}`, not `kv`", mount.trim_end_matches('/')),
                "name a path in a KV engine; `vault secrets list` shows the engines",
            ));
        }
        let found = match answer.pointer("/data/options/version").and_then(Json::as_str) {
            Some("2") => 2,
            _ => 1,
        };
        let path = whole.strip_prefix(mount).unwrap_or(&path).to_owned();
        Ok((mount.trim_end_matches('/').to_owned(), path, query.engine_version.unwrap_or(found)))
    }

    fn explained(&self, refusal: Refusal, what: &str) -> OriginError {
        match refusal {
            Refusal::Other(error) => error,
            Refusal::Missing => OriginError::new(
                format!("there is nothing at {what} in {self}"),
                "look at the path; it begins with the engine's mount, as `vault kv get` takes it",
            ),
            Refusal::BadRequest => OriginError::new(
                format!("{self} does not understand what is asked of {what}"),
                "look at `mount`, `engine_version` and `namespace`",
            ),
            Refusal::Denied => match self.get("auth/token/lookup-self", &[]) {
                Err(Refusal::Denied) => OriginError::new(
                    format!(
                        "{self} does not accept the token: it has expired, was revoked, or is of another namespace"
                    ),
                    "log in again",
                ),
                _ => OriginError::new(
                    format!("{self} does not allow to read {what}"),
                    "give the token's policy `read` on it (for version 2 of the engine, on `MOUNT/data/PATH`)",
                ),
            },
        }
    }

    /// What answered is something else.
    pub(super) fn not_vault(&self) -> OriginError {
        OriginError::new(
            format!("what answers at {} is not Vault", self.server.address),
            "look at `address`, and at proxies in between",
        )
    }

    fn get(&self, path: &str, parameters: &[(&str, String)]) -> Result<Json, Refusal> {
        self.trying(path, |url| {
            let request =
                parameters.iter().fold(self.agent.get(url), |request, (name, value)| request.query(*name, value));
            self.headed(request).call()
        })
    }

    pub(super) fn post(&self, path: &str, body: &Json) -> Result<Json, Refusal> {
        self.trying(path, |url| {
            self.headed(self.agent.post(url)).header("Content-Type", "application/json").send(body.to_string())
        })
    }

    fn headed<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        let request = request.header("X-Vault-Request", "true");
        let request = match &self.server.namespace {
            Some(namespace) => request.header("X-Vault-Namespace", namespace),
            None => request,
        };
        match &self.token {
            Some(token) => request.header("X-Vault-Token", &**token),
            None => request,
        }
    }

    fn trying(
        &self,
        path: &str,
        call: impl Fn(&str) -> Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Json, Refusal> {
        let path: String = path.split('/').map(http::escaped).collect::<Vec<_>>().join("/");
        let url = format!("{}/v1/{path}", self.server.address.trim_end_matches('/'));
        let mut pause = PAUSE;
        for attempt in 1.. {
            let answer = call(&url);
            let busy = match &answer {
                Ok(answer) => matches!(answer.status().as_u16(), 412 | 429 | 500 | 502 | 504),
                Err(error) => matches!(error, ureq::Error::Io(_) | ureq::Error::ConnectionFailed),
            };
            if !busy || attempt >= TRIES {
                return self.understood(answer);
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        Err(Refusal::Other(self.not_vault()))
    }

    fn understood(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Json, Refusal> {
        let other = |message: String, hint: &str| Refusal::Other(OriginError::new(message, hint));
        let mut answer = answer.map_err(|error| {
            other(
                format!("{self} cannot be reached: {}", http::plain(&error)),
                "look at `address`, at proxies and at certificates",
            )
        })?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec().unwrap_or_default();
        let json: Option<Json> = serde_json::from_slice(&body).ok();
        let json = match (status, json) {
            (200..300, Some(json)) => return Ok(json),
            (307 | 308, _) => {
                return Err(other(
                    format!("{self} is a standby that sends its clients elsewhere"),
                    "name the active node or a load balancer in `address`",
                ));
            }
            (_, Some(json)) if json.get("errors").is_some() || json.get("data").is_some() => json,
            _ => return Err(Refusal::Other(self.not_vault())),
        };
        let says = |word: &str| {
            let errors = json.get("errors").and_then(Json::as_array).into_iter().flatten();
            errors.filter_map(Json::as_str).any(|error| error.to_ascii_lowercase().contains(word))
        };
        match status {
            503 if says("sealed") => Err(other(format!("{self} is sealed"), "unseal it: `vault operator unseal`")),
            503 => Err(other(format!("{self} is not ready"), "it may be starting, or in maintenance; try again")),
            403 => Err(Refusal::Denied),
            400 => Err(Refusal::BadRequest),
            // The second version of the engine answers so for what was deleted, with what is left of it.
            404 if json.pointer("/data/metadata").is_some() => Ok(json),
            404 => Err(Refusal::Missing),
            _ => Err(other(format!("{self} answers with status {status}"), "its own log says why")),
        }
    }
}

/// What JSON holds, as a value; a number keeps its digits.
fn value_of(json: &Json) -> Value {
    serde_json::from_value(json.clone()).unwrap_or_default()
}
