//! Finding Compose, and running it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use deployctl_docker_client::{Address, Endpoint};
use deployctl_sdk::program::{self, Ask, CannotStart, Ended, Invocation, Keep, Stream};
use deployctl_sdk::{ErrorKind, ProviderError};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// The oldest version that says and does what is relied on here: it tells volumes of another configuration apart, and can be
/// told not to ask.
const OLDEST: (u64, u64) = (2, 32);

/// How to get it.
const INSTALL: &str = "install the Compose plugin (package `docker-compose-plugin`, or \
    https://docs.docker.com/compose/install/), or name the program with the provider's `binary`";

/// How long Compose may take to stop what it is doing after an interrupt.
const GRACE: Duration = Duration::from_secs(60);

/// The variables that Compose and Docker's command line go by and that say nothing of a project. Nothing else of deployctl's
/// environment reaches Compose: a project must not depend on the shell that it is applied from.
const PASSED_ON: [&str; 22] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TMP",
    "TEMP",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_CACHE_HOME",
    "SSH_AUTH_SOCK",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SYSTEMROOT",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
];

/// Compose, found when it is first needed.
pub(crate) struct Compose {
    binary: Option<String>,
    root: PathBuf,
    endpoint: Endpoint,
    found: OnceCell<Found>,
}

/// A program that is Compose.
#[derive(Debug, Clone)]
struct Found {
    program: PathBuf,
    /// Whether it is Docker's command line, of which Compose is a part.
    plugin: bool,
    version: String,
}

/// One thing that Compose is asked to do.
pub(crate) struct Asked {
    /// Its arguments, without `docker compose` itself. Nothing sensitive.
    pub arguments: Vec<String>,
    /// Variables besides what it goes by. They may be sensitive.
    pub variables: Vec<(String, String)>,
}

impl Compose {
    /// Compose for one engine. `binary` is the provider's setting; a path in it starts at `root`.
    pub(crate) fn new(binary: Option<String>, root: &Path, endpoint: Endpoint) -> Self {
        Self { binary, root: root.to_owned(), endpoint, found: OnceCell::new() }
    }

    /// Its version.
    ///
    /// # Errors
    /// When there is none, or it is too old.
    pub(crate) async fn version(&self) -> Result<&str, ProviderError> {
        self.found().await.map(|found| found.version.as_str())
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When there is no Compose, it is too old, or it cannot be started. That it failed is in the answer.
    pub(crate) async fn run(
        &self,
        asked: Asked,
        cancel: &CancellationToken,
        line: impl FnMut(Stream, &str) + Send,
    ) -> Result<Ended, ProviderError> {
        let found = self.found().await?;
        let base = self.invocation(&found.program, found.plugin);
        let invocation = base.args(asked.arguments).envs(asked.variables).patience(Ask::Interrupt, Some(GRACE));
        // An interrupted Compose ends what it has begun at the engine; it must not be killed in the middle of that.
        invocation.keep_stderr(Keep::End(256 * 1024)).stream(cancel, line).await.map_err(|error| cannot_start(&error))
    }

    async fn found(&self) -> Result<&Found, ProviderError> {
        self.found.get_or_try_init(|| self.find()).await
    }

    async fn find(&self) -> Result<Found, ProviderError> {
        let candidates = match self.binary.as_deref() {
            Some(name) => vec![name],
            None => vec!["docker", "docker-compose"],
        };
        let mut refusal = None;
        for name in candidates {
            let Some(program) = program::find(name, &self.root) else { continue };
            let plugin = is_docker(&program);
            match self.version_of(&program, plugin).await {
                Ok(version) => return accept(Found { program, plugin, version }),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        Err(refusal.unwrap_or_else(|| {
            let message = match &self.binary {
                Some(name) => format!("there is no program {name}"),
                None => "there is neither `docker` nor `docker-compose` in PATH".to_owned(),
            };
            ProviderError::new(ErrorKind::Refused, message).with_hint(INSTALL)
        }))
    }

    async fn version_of(&self, program: &Path, plugin: bool) -> Result<String, ProviderError> {
        let asked = self.invocation(program, plugin).args(["version", "--short"]).limit(Some(Duration::from_secs(30)));
        let ended = asked.run(&CancellationToken::new()).await.map_err(|error| cannot_start(&error))?;
        let text = ended.stdout_text();
        let version = text.trim().trim_start_matches('v');
        if ended.success() && version.chars().next().is_some_and(|first| first.is_ascii_digit()) {
            return Ok(version.to_owned());
        }
        let message = match plugin {
            true => format!("{} has no Compose plugin", program.display()),
            false => format!("{} is not Docker Compose of version 2", program.display()),
        };
        Err(ProviderError::new(ErrorKind::Refused, message).with_hint(INSTALL))
    }

    fn invocation(&self, program: &Path, plugin: bool) -> Invocation {
        let mut invocation = Invocation::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let upper = text.to_uppercase();
            let kept = PASSED_ON.contains(&upper.as_str())
                || ["DOCKER_", "BUILDKIT_", "BUILDX_"].iter().any(|start| upper.starts_with(start));
            // These two change what a project is.
            if !kept || matches!(upper.as_str(), "DOCKER_DEFAULT_PLATFORM" | "DOCKER_CONTEXT" | "DOCKER_HOST") {
                invocation = invocation.without_env(name);
            }
        }
        invocation = invocation.env("DOCKER_HOST", address_of(&self.endpoint));
        if let Some(tls) = &self.endpoint.tls {
            invocation = invocation.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", &tls.folder);
        }
        if plugin { invocation.arg("compose") } else { invocation }
    }
}

fn address_of(endpoint: &Endpoint) -> String {
    match &endpoint.address {
        Address::Unix(path) => format!("unix://{}", path.display()),
        other => other.to_string(),
    }
}

fn is_docker(program: &Path) -> bool {
    let stem = program.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    !stem.contains("compose")
}

fn accept(found: Found) -> Result<Found, ProviderError> {
    let mut numbers = found.version.split(['.', '-', '+']).map(|part| part.parse::<u64>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= OLDEST {
        return Ok(found);
    }
    let message = format!(
        "Docker Compose {} ({}) is too old: version {}.{} or later is needed",
        found.version,
        found.program.display(),
        OLDEST.0,
        OLDEST.1
    );
    Err(ProviderError::new(ErrorKind::Refused, message).with_hint(INSTALL))
}

fn cannot_start(error: &CannotStart) -> ProviderError {
    ProviderError::new(ErrorKind::Refused, error.to_string()).with_hint(INSTALL)
}
