//! One engine, connected when it is first needed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker};
use deployctl_sdk::{ErrorKind, ProviderError};

use crate::endpoint::{Address, Endpoint};
use crate::error::EngineError;
#[cfg(unix)]
use crate::ssh::Tunnel;

/// How long an engine that did not answer is left alone.
pub const PAUSE: Duration = Duration::from_secs(2);

/// How long a request may wait for its answer to begin, in seconds.
const ANSWER_SECONDS: u64 = 120;

/// How long the first question to an engine may take.
const GREETING: Duration = Duration::from_secs(20);

/// A Docker Engine.
///
/// Nothing is asked of it before something is needed of it. Once it does not answer, further requests fail at once with
/// the same error for [`PAUSE`]; then one asks again, and if the engine is back, everything goes on.
pub struct Engine {
    endpoint: Endpoint,
    client: tokio::sync::Mutex<Option<Docker>>,
    /// The way to an engine that is reached over ssh.
    #[cfg(unix)]
    tunnel: Mutex<Option<Tunnel>>,
    broken: Mutex<Option<Broken>>,
}

struct Broken {
    since: Instant,
    error: EngineError,
}

impl Engine {
    /// The engine at an endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            client: tokio::sync::Mutex::new(None),
            #[cfg(unix)]
            tunnel: Mutex::default(),
            broken: Mutex::new(None),
        }
    }

    /// Where it is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A client for requests that are not done with [`call`](Engine::call), such as streams. Hand what goes wrong to
    /// [`failed`](Engine::failed).
    ///
    /// # Errors
    /// When the engine does not answer, or did not a moment ago.
    pub async fn client(&self) -> Result<Docker, EngineError> {
        if let Some(error) = self.resting() {
            return Err(error);
        }
        let mut client = self.client.lock().await;
        // Whoever waited for the lock while another one found the engine gone need not ask it too.
        if let Some(error) = self.resting() {
            return Err(error);
        }
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        match self.connect().await {
            Ok(fresh) => {
                *self.broken() = None;
                *client = Some(fresh.clone());
                Ok(fresh)
            }
            Err(error) => {
                self.note(&error);
                Err(error)
            }
        }
    }

    /// Does one request.
    ///
    /// # Errors
    /// When the engine does not answer, or answers with an error.
    pub async fn call<T, F>(&self, request: impl FnOnce(Docker) -> F) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, bollard::errors::Error>>,
    {
        let client = self.client().await?;
        match request(client).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.failed(&error).await),
        }
    }

    /// What a failed request means. An engine that did not answer is left alone for a moment.
    pub async fn failed(&self, error: &bollard::errors::Error) -> EngineError {
        let error = EngineError::of(error, &self.endpoint);
        if error.is_unreachable() {
            self.note(&error);
            // It may come back as another version.
            *self.client.lock().await = None;
        }
        error
    }

    /// The version of the API that is spoken with it.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn api_version(&self) -> Result<ClientVersion, EngineError> {
        Ok(self.client().await?.client_version())
    }

    /// Complains when the engine is too old for something.
    ///
    /// # Errors
    /// Kind [`ErrorKind::Refused`] with what it is and which version it takes; or the engine does not answer.
    pub async fn require(&self, minor: usize, feature: &str) -> Result<(), ProviderError> {
        let spoken = self.api_version().await?;
        if (spoken.major_version, spoken.minor_version) >= (1, minor) {
            return Ok(());
        }
        let message = format!(
            "the Docker Engine at {} is too old for {feature}: it speaks version {}.{} of the API, and that takes 1.{minor}",
            self.endpoint, spoken.major_version, spoken.minor_version
        );
        Err(ProviderError::new(ErrorKind::Refused, message).with_hint("leave it out, or update the engine"))
    }

    async fn connect(&self) -> Result<Docker, EngineError> {
        let failed = |error: &bollard::errors::Error| match self.said_on_the_way() {
            Some(said) => EngineError::no_engine(&self.endpoint, &said),
            None => EngineError::of(error, &self.endpoint),
        };
        let client = self.open().map_err(|error| failed(&error))?;
        let client = client.with_request_modifier(url_safe_credentials);
        match tokio::time::timeout(GREETING, client.negotiate_version()).await {
            Ok(client) => client.map_err(|error| failed(&error)),
            Err(_) => Err(EngineError::local(ProviderError::new(
                ErrorKind::Unreachable,
                format!("the Docker Engine at {} did not answer within {} seconds", self.endpoint, GREETING.as_secs()),
            ))),
        }
    }

    fn open(&self) -> Result<Docker, bollard::errors::Error> {
        let version = API_DEFAULT_VERSION;
        match (&self.endpoint.address, &self.endpoint.tls) {
            #[cfg(unix)]
            (Address::Unix(path), _) => Docker::connect_with_unix(&path.to_string_lossy(), ANSWER_SECONDS, version),
            #[cfg(windows)]
            (Address::Pipe(path), _) => Docker::connect_with_named_pipe(path, ANSWER_SECONDS, version),
            (Address::Tcp(authority), None) => Docker::connect_with_http(authority, ANSWER_SECONDS, version),
            (Address::Tcp(authority), Some(tls)) => Docker::connect_with_ssl(
                authority,
                &tls.folder.join("key.pem"),
                &tls.folder.join("cert.pem"),
                &tls.folder.join("ca.pem"),
                ANSWER_SECONDS,
                version,
            ),
            #[cfg(unix)]
            (Address::Ssh(authority), _) => {
                let tunnel = Tunnel::open(authority).map_err(bollard::errors::Error::from)?;
                let socket = tunnel.socket();
                *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
                Docker::connect_with_unix(&socket.to_string_lossy(), ANSWER_SECONDS, version)
            }
            #[cfg(not(unix))]
            (address @ Address::Ssh(_), _) => {
                Docker::connect_with_ssh(&address.to_string(), ANSWER_SECONDS, version, None)
            }
            #[allow(unreachable_patterns)]
            (other, _) => Err(bollard::errors::Error::UnsupportedURISchemeError { uri: other.to_string() }),
        }
    }

    /// What was said on the way to an engine elsewhere.
    #[cfg(unix)]
    fn said_on_the_way(&self) -> Option<String> {
        self.tunnel.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Tunnel::said)
    }

    #[cfg(not(unix))]
    fn said_on_the_way(&self) -> Option<String> {
        None
    }

    fn resting(&self) -> Option<EngineError> {
        let broken = self.broken();
        broken.as_ref().filter(|broken| broken.since.elapsed() < PAUSE).map(|broken| broken.error.clone())
    }

    fn note(&self, error: &EngineError) {
        if error.is_unreachable() {
            *self.broken() = Some(Broken { since: Instant::now(), error: error.clone() });
        }
    }

    fn broken(&self) -> MutexGuard<'_, Option<Broken>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The engine reads credentials in the URL-safe alphabet of base64, and bollard writes them in the other one.
fn url_safe_credentials(mut request: bollard::BollardRequest) -> bollard::BollardRequest {
    for name in ["X-Registry-Auth", "X-Registry-Config"] {
        let safe = request.headers().get(name).and_then(|value| value.to_str().ok()).map(|value| {
            let value = value.replace('+', "-").replace('/', "_");
            value.parse()
        });
        if let Some(Ok(safe)) = safe
            && let Some(header) = request.headers_mut().get_mut(name)
        {
            *header = safe;
        }
    }
    request
}
