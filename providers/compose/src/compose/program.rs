//! Finding Compose, and running it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use deployctl_docker_client::{Address, Endpoint, Environment};
use deployctl_sdk::program::{self, Ask, CannotStart, Ended, Invocation, Keep, Stream};
use deployctl_sdk::{ErrorKind, ProviderError};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::plugin;

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
    environment: Environment,
    endpoint: Endpoint,
    found: OnceCell<Found>,
}

/// A program by which Compose is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    program: PathBuf,
    /// Whether it is Docker's command line, of which Compose is a part.
    plugin: bool,
}

/// A program that is Compose.
#[derive(Debug, Clone)]
struct Found {
    way: Way,
    version: String,
}

/// One thing that Compose is asked to do.
#[derive(Clone)]
pub(crate) struct Asked {
    /// Its arguments, without `docker compose` itself. Nothing sensitive.
    pub arguments: Vec<String>,
    /// Variables besides what it goes by. They may be sensitive.
    pub variables: Vec<(String, String)>,
}

impl Compose {
    /// Compose for one engine. `binary` is the provider's setting; a path in it starts at `root`.
    pub(crate) fn new(binary: Option<String>, root: &Path, environment: Environment, endpoint: Endpoint) -> Self {
        Self { binary, root: root.to_owned(), environment, endpoint, found: OnceCell::new() }
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
        self.run_by(&found.way, asked, cancel, line).await
    }

    /// Asks it something that changes nothing, and its version beside it if that is not known yet: what the wrong program
    /// or one that is too old answers is thrown away.
    ///
    /// # Errors
    /// As [`Compose::run`].
    pub(crate) async fn question(
        &self,
        asked: Asked,
        cancel: &CancellationToken,
        mut line: impl FnMut(Stream, &str) + Send,
    ) -> Result<Ended, ProviderError> {
        let ways = self.ways();
        let Some(likely) = ways.first().filter(|_| !self.found.initialized()) else {
            return self.run(asked, cancel, line).await;
        };
        let (found, ended) =
            tokio::join!(self.found(), self.run_by(likely, asked.clone(), cancel, |stream, text| line(stream, text)));
        if found?.way == *likely { ended } else { self.run(asked, cancel, line).await }
    }

    async fn run_by(
        &self,
        way: &Way,
        asked: Asked,
        cancel: &CancellationToken,
        line: impl FnMut(Stream, &str) + Send,
    ) -> Result<Ended, ProviderError> {
        let invocation = self.invocation(way).args(asked.arguments).envs(asked.variables);
        // An interrupted Compose ends what it has begun at the engine; it must not be killed in the middle of that.
        let invocation = invocation.patience(Ask::Interrupt, Some(GRACE)).keep_stderr(Keep::End(256 * 1024));
        invocation.stream(cancel, line).await.map_err(|error| cannot_start(&error))
    }

    async fn found(&self) -> Result<&Found, ProviderError> {
        self.found.get_or_try_init(|| self.find()).await
    }

    /// The programs that may be Compose, the likeliest first.
    fn ways(&self) -> Vec<Way> {
        let named = |name: &str| {
            let program = program::find(name, &self.root)?;
            let plugin = is_docker(&program);
            Some(Way { program, plugin })
        };
        match self.binary.as_deref() {
            Some(name) => named(name).into_iter().collect(),
            None => {
                let plugin = plugin::find(&self.environment).map(|program| Way { program, plugin: false });
                plugin.into_iter().chain(["docker", "docker-compose"].into_iter().filter_map(named)).collect()
            }
        }
    }

    async fn find(&self) -> Result<Found, ProviderError> {
        let mut refusal = None;
        for way in self.ways() {
            match self.version_of(&way).await {
                Ok(version) => return accept(Found { way, version }),
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

    async fn version_of(&self, way: &Way) -> Result<String, ProviderError> {
        let asked = self.invocation(way).args(["version", "--short"]).limit(Some(Duration::from_secs(30)));
        let ended = asked.run(&CancellationToken::new()).await.map_err(|error| cannot_start(&error))?;
        let text = ended.stdout_text();
        let version = text.trim().trim_start_matches('v');
        if ended.success() && version.chars().next().is_some_and(|first| first.is_ascii_digit()) {
            return Ok(version.to_owned());
        }
        let program = way.program.display();
        let message = match way.plugin {
            true => format!("{program} has no Compose plugin"),
            false => format!("{program} is not Docker Compose of version 2"),
        };
        Err(ProviderError::new(ErrorKind::Refused, message).with_hint(INSTALL))
    }

    fn invocation(&self, way: &Way) -> Invocation {
        let mut invocation = Invocation::new(&way.program);
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
        if way.plugin { invocation.arg("compose") } else { invocation }
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
        found.way.program.display(),
        OLDEST.0,
        OLDEST.1
    );
    Err(ProviderError::new(ErrorKind::Refused, message).with_hint(INSTALL))
}

fn cannot_start(error: &CannotStart) -> ProviderError {
    ProviderError::new(ErrorKind::Refused, error.to_string()).with_hint(INSTALL)
}
