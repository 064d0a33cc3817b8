//! `init`: once for each state of the configuration, the lock file, the backend's settings and the program.
//!
//! Plugins are shared by all modules in one cache, which the engines do not guard against each other: an `init` that may
//! install something has the cache to itself.

use std::path::{Path, PathBuf};

use deployctl_sdk::program::{Ended, Invocation};
use deployctl_sdk::{AttrPath, Digest, ErrorKind, ProviderError, fs};
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::cache;
use crate::diagnostics::unframed;
use crate::module;
use crate::schema::attribute;
use crate::session::{Session, cancelled};
use crate::settings::Settings;
use crate::source;
use crate::workdir::Lock;

/// The file that pins a module's plugins.
pub(crate) const LOCK_FILE: &str = ".terraform.lock.hcl";

/// Where the cache of plugins is, if somebody said so.
const PLUGIN_CACHE: &str = "TF_PLUGIN_CACHE_DIR";

/// What is remembered of an `init` that worked.
#[derive(Serialize, Deserialize)]
struct Done {
    key: Digest,
    backend: Backend,
}

/// Initialises the module unless that was done for exactly this. Answers its backend.
///
/// # Errors
/// What the engine complains about, a registry that cannot be reached, a workspace that is not there.
pub(crate) async fn ensure(session: &Session<'_>) -> Result<Backend, ProviderError> {
    let (marker, key) = (session.workdir.kept("init.json"), key(session));
    let done = fs::read_if_there(&marker).ok().flatten();
    let done: Option<Done> = done.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(done) = done
        && done.key == key
        && !session.settings.backend_is_secret
    {
        return Ok(done.backend);
    }
    fs::remove_file(&marker)?;
    let backend = initialise(session).await?;
    let bytes = serde_json::to_vec(&Done { key, backend: backend.clone() });
    let bytes = bytes.map_err(|error| ProviderError::new(ErrorKind::Internal, error.to_string()))?;
    fs::write_atomic(&marker, &bytes, 0o600)?;
    Ok(backend)
}

/// What an `init` depends on. Secrets are not in it: it lies on the disk.
fn key(session: &Session<'_>) -> Digest {
    let mut text = format!(
        "{}\n{}\n{}\n{}\n",
        session.engine.program.display(),
        session.engine.version,
        session.workdir.data().display(),
        session.settings.workspace
    );
    if !session.settings.backend_is_secret {
        text.push_str(&format!("{:?}\n", session.settings.backend_config));
    }
    for file in session.captured {
        if source::is_configuration(&file.path) || file.path.ends_with(LOCK_FILE) {
            text.push_str(&format!("{}\n{}\n", file.path, file.digest));
        }
    }
    Digest::of(text.as_bytes())
}

async fn initialise(session: &Session<'_>) -> Result<Backend, ProviderError> {
    let settings = &session.settings;
    let mut invocation = session.command("init").args(["-input=false", "-no-color", "-reconfigure"]);
    if !settings.backend_config.is_empty() {
        let json = serde_json::to_vec(&settings.backend_config);
        let json = json.map_err(|error| ProviderError::new(ErrorKind::Internal, error.to_string()))?;
        let file = session.workdir.hand_over("backend.json", &json)?;
        invocation = invocation.arg(format!("-backend-config={}", file.display()));
    }
    let mut cache_lock = None;
    if module::needs_plugins(session.files, session.captured, &settings.folder()) {
        let (with_cache, lock) = shared_cache(session, invocation).await?;
        invocation = with_cache;
        cache_lock = lock;
    }
    let ended = session.run(invocation, &mut |_, _| {}).await?;
    drop(cache_lock);
    if !ended.success() {
        return Err(failure(session, &ended));
    }
    let settled = fs::read_if_there(&session.workdir.backend())?;
    let backend = Backend::settled(settled.as_deref(), settings);
    if matches!(backend, Backend::Other { .. }) && !settings.is_default_workspace() {
        let select = session.command("workspace").args(["select", "-no-color", settings.workspace.as_str()]);
        let ended = session.run(select, &mut |_, _| {}).await?;
        if !ended.success() {
            return Err(if ended.stopped.is_some() { cancelled() } else { no_workspace(settings) });
        }
    }
    Ok(backend)
}

/// The cache of plugins that all modules share, and the lock on it.
async fn shared_cache(
    session: &Session<'_>,
    invocation: Invocation,
) -> Result<(Invocation, Option<Lock>), ProviderError> {
    let said = session.settings.env.get(PLUGIN_CACHE).map(PathBuf::from);
    let said = said.or_else(|| std::env::var_os(PLUGIN_CACHE).filter(|path| !path.is_empty()).map(PathBuf::from));
    let Some(cache) = said.or_else(|| Some(cache::folder()?.join("plugins"))) else { return Ok((invocation, None)) };
    fs::create_dir_all(&cache)?;
    let lock = Lock::take(&beside(&cache), session.cancel).await?;
    let mut invocation = invocation.env(PLUGIN_CACHE, &cache);
    if !session.captured.iter().any(|file| file.path.ends_with(LOCK_FILE)) {
        // The lock file that `init` writes into the copy goes no further, so it need not hold other platforms' checksums.
        invocation = invocation.env("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "1");
    }
    Ok((invocation, Some(lock)))
}

/// The engines take every folder in the cache for a host's, so the lock stands next to it.
fn beside(cache: &Path) -> PathBuf {
    let mut name = cache.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    cache.with_file_name(name)
}

fn failure(session: &Session<'_>, ended: &Ended) -> ProviderError {
    if ended.stopped.is_some() {
        return cancelled();
    }
    let text = session.settings.mask.apply(&format!("{}\n{}", ended.stderr_text(), errors_in(&ended.stdout_text())));
    let lines = from_what_is_wrong(unframed(&text));
    let summary = lines.iter().find_map(|line| line.strip_prefix("Error: ")).unwrap_or("it failed").to_owned();
    let folder = session.settings.folder();
    let engine = session.engine.named();
    if lines.iter().any(|line| is_unreachable(line)) {
        let message = format!("{engine} could not initialise {}: {summary}", folder.display());
        return ProviderError::new(ErrorKind::Unreachable, message).with_detail(lines).with_hint(
            "the registry must be reachable from here, or a mirror named in Terraform's CLI configuration \
             (TF_CLI_CONFIG_FILE, `provider_installation`)",
        );
    }
    // The places are relative to the folder that it ran in.
    let in_files = lines.iter().any(|line| line.trim_start().starts_with("on ") && line.contains(" line "));
    let message = format!("{engine} could not initialise {}: {summary}", folder.display());
    if in_files {
        let error = ProviderError::invalid(AttrPath::of(attribute::PATH), message);
        return error.with_detail(lines.iter().map(|line| placed(line, &folder)));
    }
    ProviderError::new(ErrorKind::Refused, message).with_detail(lines)
}

/// Terraform says first that something is wrong, as an error of its own, and then what.
fn from_what_is_wrong(mut lines: Vec<String>) -> Vec<String> {
    let is_error = |line: &String| line.starts_with("Error: ");
    let says_nothing = |line: &String| is_error(line) && line.contains("encountered problems during initiali");
    if lines.iter().find(|line| is_error(line)).is_some_and(says_nothing)
        && let Some(at) = lines.iter().skip(1).position(is_error)
    {
        lines.drain(..=at);
    }
    lines
}

fn placed(line: &str, folder: &Path) -> String {
    match line.trim_start().strip_prefix("on ") {
        Some(rest) if rest.contains(" line ") => format!("  on {}", folder.join(rest).display()),
        _ => line.to_owned(),
    }
}

/// OpenTofu writes some errors to its standard output.
fn errors_in(stdout: &str) -> String {
    match stdout.find("Error: ") {
        Some(at) => stdout.get(at..).unwrap_or_default().to_owned(),
        None => String::new(),
    }
}

fn is_unreachable(line: &str) -> bool {
    ["could not connect to", "dial tcp", "no such host", "connection refused", "i/o timeout", "TLS handshake"]
        .iter()
        .any(|part| line.contains(part))
}

/// A workspace that is not there.
pub(crate) fn no_workspace(settings: &Settings) -> ProviderError {
    let workspace = &settings.workspace;
    let message = format!("the module {} has no workspace `{workspace}`", settings.folder().display());
    ProviderError::invalid(AttrPath::of(attribute::WORKSPACE), message).with_hint(format!(
        "`{} workspace new {workspace}` in the module's folder makes it",
        if settings.binary.contains('/') { "terraform" } else { &settings.binary }
    ))
}
